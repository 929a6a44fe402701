"""Names of classes in manifests and results: any text, in the order of the labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from smkd_cli.errors import DataError
from smkd_cli.words import listed, quoted

LONGEST_CLASS_NAME = 200
# In the header of a CSV manifest, a line for each class: ``# class 0: cat``.
CLASS_KEY = re.compile(r"class (0|[1-9][0-9]{0,6})", re.ASCII)
# Percent signs, what a spreadsheet takes for the end of a cell or for a quote, and space at the ends, which is cut.
_SPECIAL = re.compile(r"[%,;\t\"]|^\s+|\s+$")
# Letters that are not printable alone, but belong into names: they join emoji, or say in which direction one reads.
_JOINING = frozenset("\u200c\u200d\u200e\u200f")


def named(class_names: Sequence[str | int] | None) -> tuple[str, ...] | None:
    """The names of a data set's classes, if each has one of its own; None where classes are known by number only."""
    if class_names is None or problem_with(class_names):
        return None
    return tuple(map(str, class_names))


def problem_with(class_names: Sequence[str | int]) -> str | None:
    """What keeps names from naming classes: one is no text, empty, too long or there twice; None if nothing does."""
    first: dict[str, int] = {}
    for label, name in enumerate(class_names):
        if not isinstance(name, str) or not name.strip():
            return f"class {label} has no name"
        if len(name) > LONGEST_CLASS_NAME:
            return f"the name of class {label} is longer than {LONGEST_CLASS_NAME} characters: {quoted(name)}"
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            return f"the name of class {label} is no valid text: {quoted(name)}"
        if (other := first.setdefault(name, label)) != label:
            return f"classes {other} and {label} have the same name {quoted(name)}"
    return None


def to_line(name: str) -> str:
    """A name as the line of a header has it: what could break a line or a cell in two is percent-encoded."""
    encoded = _SPECIAL.sub(lambda found: quote(found[0], safe=""), name)
    if encoded.isprintable():
        return encoded
    return "".join(c if c.isprintable() or c in _JOINING else quote(c, safe="") for c in encoded)


def from_line(text: str, where: str) -> str:
    """The name that a line of a header holds.

    Raises:
        DataError: it is percent-encoded, but not UTF-8.
    """
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: the class name {quoted(text)} is not percent-encoded UTF-8") from error


def order_in(ours: Sequence[str], theirs: Sequence[str]) -> list[int]:
    """Where each of our classes stands among those of a data set.

    Raises:
        DataError: they are not the same names.
    """
    number = {name: label for label, name in enumerate(theirs)}
    strange = [name for name in ours if name not in number]
    absent = sorted(number.keys() - set(ours), key=number.__getitem__)
    if strange or absent:
        parts = [f"{listed(strange)} {'is' if len(strange) == 1 else 'are'} not among them"] if strange else []
        parts += [f"{listed(absent)} {'is' if len(absent) == 1 else 'are'} missing"] if absent else []
        raise DataError("; ".join(parts))
    return [number[name] for name in ours]
