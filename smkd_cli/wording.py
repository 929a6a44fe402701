"""Words from files and command lines, made fit for messages and for names of files."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

LONGEST_SHOWN = 80
_LONGEST_LISTED = 8
_LONGEST_FILE_NAME = 120  # bytes; a file system takes 255, and temporary names are longer
_SLUG_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.+_-")


def shown(value: object) -> str:
    """A value in quotes for a message: short, on one line, control characters escaped, invisible ones named."""
    text = str(value)
    hidden = sorted({_name(letter) for letter in text if _is_invisible(letter)})
    return repr(_shortened(text)) + (f" (with a {', a '.join(hidden[:3])})" if hidden else "")


def plain(value: object) -> str:
    """A value for a message without quotes: short, on one line, control characters escaped."""
    text = _shortened(str(value))
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def listed(values: Sequence[object]) -> str:
    """Values for a message, with commas between; of many only the first."""
    more = len(values) - _LONGEST_LISTED
    words = [plain(value) for value in values[:_LONGEST_LISTED]]
    return ", ".join(words) + (f" and {more:,} more" if more > 0 else "")


def is_one_line(text: str, most: int) -> bool:
    """Whether a text is one line of printable characters, not longer than ``most``."""
    return len(text) <= most and text.isprintable()


def one_line(text: str, most: int) -> str:
    """A text made one line of at most ``most`` printable characters; each other character becomes a minus sign."""
    return "".join(letter if letter.isprintable() else "-" for letter in text.strip()[:most]).strip()


def slug(text: str) -> str:
    """The text in the letters of a folder name, [a-z0-9.+_-], each other letter replaced by a minus sign."""
    return "".join(letter if letter in _SLUG_LETTERS else "-" for letter in text.lower())


def file_name(text: str) -> str:
    """The text as a file's name without its suffix: letters and digits of any script and ``.+_-``, never hidden.

    Each other character becomes a minus sign; what is too long for a file system is cut.
    """
    kept = "".join(letter if letter.isalnum() or letter in "+-._" else "-" for letter in text)
    return kept.lstrip(".").encode()[:_LONGEST_FILE_NAME].decode(errors="ignore") or "-"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 20]}…{text[-19:]}"


def _is_invisible(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter) in {"Cf", "Zs", "Zl", "Zp"}


def _name(letter: str) -> str:
    return unicodedata.name(letter, f"U+{ord(letter):04X}").lower()
