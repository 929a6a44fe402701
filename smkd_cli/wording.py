"""Words from files and command lines, made fit for messages."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_LONGEST_SHOWN = 80
_LONGEST_LISTED = 8


def shown(value: object) -> str:
    """A value in quotes for a message: short, on one line, control characters escaped, invisible ones named."""
    text = str(value)
    hidden = sorted({_name(letter) for letter in text if _is_invisible(letter)})
    return repr(_shortened(text)) + (f" (with a {', a '.join(hidden[:3])})" if hidden else "")


def plain(value: object) -> str:
    """A value for a message without quotes: short, on one line, control characters escaped."""
    return on_one_line(_shortened(str(value)))


def on_one_line(text: str) -> str:
    """A text with an escape, such as ``\\x1b``, for each character that is not printable."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def listed(values: Sequence[object]) -> str:
    """Values for a message, with commas between; of many only the first."""
    more = len(values) - _LONGEST_LISTED
    words = [plain(value) for value in values[:_LONGEST_LISTED]]
    return ", ".join(words) + (f" and {more:,} more" if more > 0 else "")


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 20]}…{text[-19:]}"


def _is_invisible(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter) in {"Cf", "Zs", "Zl", "Zp"}


def _name(letter: str) -> str:
    return unicodedata.name(letter, f"U+{ord(letter):04X}").lower()
