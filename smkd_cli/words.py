"""Text from files made safe for messages: without terminal control characters, and of bounded length.

Control characters, bidirectional controls, line breaks and lone surrogates become visible escapes, ``\\x1b``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# What one word, one line and one message may take.
LONGEST_WORD = 200
_LONGEST_LINE = 2000
_MOST_LINES = 200
# Of a value that is quoted in the middle of a sentence, and how many of such.
_LONGEST_VALUE = 80
_MOST_VALUES = 8


class _Visible(dict[int, str]):
    """For ``str.translate``: each character that is not printable becomes its escape."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = shown = character if character.isprintable() else self.escape(character)
        return shown

    @staticmethod
    def escape(character: str) -> str:
        return ascii(character)[1:-1]


class _VisibleInJson(_Visible):
    """As :func:`printable`, with the escapes of JSON, so that the document still has the same value.

    But for lone surrogates, bytes of a path that are not UTF-8: no escape makes text of them, so they are replaced.
    """

    @staticmethod
    def escape(character: str) -> str:
        if "\ud800" <= character <= "\udfff":
            return "\N{REPLACEMENT CHARACTER}"
        units = character.encode("utf-16-be", "surrogatepass").hex()
        return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


_VISIBLE = _Visible()
_IN_LINES = _Visible({ord("\n"): "\n", ord("\t"): "\t"})
_IN_JSON = _VisibleInJson({ord("\n"): "\n"})


def printable(text: str) -> str:
    """The text on one line, with an escape for each character that is not printable."""
    return text if text.isprintable() else text.translate(_VISIBLE)


def shown(path: object) -> str:
    """A path as messages name it: on one line, whatever is in it."""
    return printable(str(path))


def shortened(text: str, longest: int = LONGEST_WORD) -> str:
    """The text, or of a longer one its start and its end."""
    if len(text) <= longest:
        return text
    return f"{text[: longest // 2]}…{text[-(longest // 2) :]} ({len(text):,} characters)"


def plain(value: object) -> str:
    """A value for the middle of a sentence: printable, on one line, and short."""
    return printable(shortened(str(value), _LONGEST_VALUE))


def quoted(value: object) -> str:
    """As :func:`plain`, in quotes; invisible characters in it are named."""
    text = str(value)
    hidden = sorted({_name(letter) for letter in text if _is_invisible(letter)} | _uncomposed(text))
    return repr(shortened(text, _LONGEST_VALUE)) + (f" (with a {', a '.join(hidden[:3])})" if hidden else "")


def seen(text: str) -> str:
    """What people see of a text, so that two that look the same are the same: without case, spaces, what is invisible
    and the ways in which Unicode writes one letter."""
    composed = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in composed if letter.isprintable() and not letter.isspace())


def listed(values: Sequence[object]) -> str:
    """Values for the middle of a sentence, with commas between; of many only the first."""
    more = len(values) - _MOST_VALUES
    shown = [plain(value) for value in values[:_MOST_VALUES]]
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def message(text: object) -> str:
    """A message for people: its lines stay lines, and are few enough and short enough to be read."""
    lines = str(text).split("\n")
    more = [f"and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    shown = "\n".join([shortened(line, _LONGEST_LINE) for line in lines[:_MOST_LINES]] + more)
    return shown.translate(_IN_LINES)


def in_json(document: str) -> str:
    """A JSON document whose strings have an escape for each character that is not printable."""
    return document.translate(_IN_JSON)


def _is_invisible(letter: str) -> bool:
    return not letter.isascii() and unicodedata.category(letter) in {"Cf", "Zs", "Zl", "Zp"}


def _uncomposed(text: str) -> set[str]:
    """Marks that stand beside their letter where others write both as one character."""
    if unicodedata.is_normalized("NFC", text):
        return set()
    return {_name(letter) for letter in text if unicodedata.combining(letter)}


def _name(letter: str) -> str:
    return unicodedata.name(letter, f"U+{ord(letter):04X}").lower()
