"""Words from files made names: of data sets, files and folders. None is ever a path."""

from __future__ import annotations

LONGEST_NAME = 100
LONGEST_FILE_NAME = 255
"""Bytes; file systems take no more."""
_LONGEST_IN_FILE_NAME = 64  # bytes; a file's name is made of up to three such words, beside numbers
_SLUG_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.+_-")


def is_name(text: str) -> bool:
    """Whether a text may name a data set: one line of at most 100 printable characters."""
    return len(text) <= LONGEST_NAME and text.isprintable()


def name_from(text: str) -> str:
    """A name made of a text: it is cut, and characters that are not printable become minus signs. It may be empty."""
    return "".join(letter if letter.isprintable() else "-" for letter in text.strip()[:LONGEST_NAME]).strip()


def slug(text: str) -> str:
    """The text in the letters of a folder name, [a-z0-9.+_-], each other letter replaced by a minus sign."""
    return "".join(letter if letter in _SLUG_LETTERS else "-" for letter in text.lower())


def file_word(text: str) -> str:
    """The text as a part of a file's name: letters and digits of any script and ``.+_-``, no sign in front.

    Each other character becomes a minus sign; what is too long for a file system is cut.
    """
    kept = "".join(letter if letter.isalnum() or letter in "+-._" else "-" for letter in text)
    return kept.lstrip(".-").encode()[:_LONGEST_IN_FILE_NAME].decode(errors="ignore") or "-"
