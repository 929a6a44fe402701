"""Strict YAML: the part of YAML 1.2 that a recipe needs, read without surprises.

No tags, anchors, aliases, merge keys, duplicate keys or second documents. A plain scalar is null (``null``, ``~`` or
nothing), a boolean (``true``, ``false`` and nothing else), a decimal number (``1e-3`` is one, ``012`` is not) or a
string. PyYAML scans and parses; what its events mean is decided here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from smkd_cli.artifacts.foreign import pointer_in
from smkd_cli.errors import RecipeError
from smkd_cli.recipe.document import Document, KeyPath, Location, Problem
from smkd_cli.words import shown

MAX_CHARACTERS = 1 << 18
MAX_DEPTH = 16
_MAX_DIGITS = 64

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOLEAN = re.compile(r"true|false")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def is_readable(path: Path) -> bool:
    """A file or a pipe; a folder of a shipped recipe's name does not hide the recipe.

    A path without permission counts as readable, so that reading it raises the error.
    """
    try:
        return path.exists() and not path.is_dir()
    except PermissionError:
        return True
    except (OSError, ValueError):  # a name longer than the system allows, or one that holds a NUL
        return False


def read_file(path: Path) -> str:
    """The text of a file, decoded and not too long.

    Raises:
        RecipeError: it cannot be read, is not UTF-8 or too long.
    """
    try:
        with path.open("rb") as stream:
            return decode(stream.read(4 * MAX_CHARACTERS + 1), str(path))
    except OSError as error:
        raise RecipeError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error


def decode(content: bytes, source: str) -> str:
    """UTF-8 text of bytes.

    Raises:
        RecipeError: as :func:`read_file`.
    """
    if len(content) > 4 * MAX_CHARACTERS:
        raise RecipeError(f"{shown(source)}: is longer than {4 * MAX_CHARACTERS} bytes; that is no recipe")
    if what := pointer_in(content):
        raise RecipeError(f"{shown(source)}: {what}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{shown(source)}:{line}: is not UTF-8 text: byte {content[error.start]:#04x}") from error


def check_characters(text: str, source: str) -> None:
    """Raise a RecipeError if a text holds a character that YAML forbids, such as terminal control characters."""
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        raise _not_allowed(text, found.start(), Location(source, 1, 1))


def _not_allowed(text: str, at: int, start: Location) -> RecipeError:
    before = text[:at]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    location = Location(start.source, line, column) if start.line else start
    return RecipeError(f"{location}: the character {text[at]!r} is not allowed in YAML")


def parse(text: str, source: str, *, lines: bool = True) -> Document:
    """Read one YAML document.

    Args:
        text: at most 2**18 characters.
        source: what errors call the text.
        lines: whether line and column mean something to the user.

    Returns:
        The document, with all problems that a reader can get over; the caller raises them with its own.

    Raises:
        RecipeError: the text is no YAML, or not one document.
    """
    if len(text) > MAX_CHARACTERS:
        raise RecipeError(f"{shown(source)}: is longer than {MAX_CHARACTERS} characters; that is no recipe")
    reader = _Reader(text, source, lines)
    try:
        return reader.read()
    except yaml.reader.ReaderError as error:
        raise _not_allowed(text, error.position, reader.document.root) from error
    except yaml.MarkedYAMLError as error:
        location = reader.location(error.problem_mark or error.context_mark)
        raise RecipeError(str(Problem(location, str(error.problem or error.context)))) from error
    except RecipeError:
        raise
    except (ValueError, OverflowError) as error:  # PyYAML lets them through for an escape such as "\UFFFFFFFF"
        raise RecipeError(f"{shown(source)}: an escape in a quoted string is no character: {error}") from error


class _Reader:
    def __init__(self, text: str, source: str, lines: bool) -> None:
        self.events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self.source = source
        self.lines = lines
        self.document = Document(None, Location(source, 1, 1) if lines else Location(source))

    def read(self) -> Document:
        next(self.events)
        start = next(self.events)
        if isinstance(start, yaml.DocumentStartEvent):
            self.document.data = self.node(next(self.events), ())
            next(self.events)
            following = next(self.events)
            if isinstance(following, yaml.DocumentStartEvent):
                raise RecipeError(f"{self.location(following.start_mark)}: a second document; one is allowed")
        return self.document

    def location(self, mark: Any) -> Location:
        return Location(self.source, mark.line + 1, mark.column + 1) if self.lines and mark else Location(self.source)

    def problem(self, event: Any, message: str) -> None:
        self.document.problems.append(Problem(self.location(event.start_mark), message))

    def node(self, event: Any, path: KeyPath) -> Any:
        self.document.values[path] = self.location(event.start_mark)
        if len(path) > MAX_DEPTH:
            raise RecipeError(f"{self.location(event.start_mark)}: nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            self.problem(event, f"the alias *{event.anchor} is not allowed; write the value out")
            return None
        if event.anchor is not None:
            self.problem(event, f"the anchor &{event.anchor} is not allowed; write the value out")
        if event.tag is not None:
            self.problem(event, f"the tag {event.tag} is not allowed; leave it out")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        return self.mapping(path) if isinstance(event, yaml.MappingStartEvent) else self.sequence(path)

    def sequence(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        return items

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            location = self.location(event.start_mark)
            name = event.value if isinstance(event, yaml.ScalarEvent) else None
            refused = self.refused_key(event, items)
            if refused:
                self.problem(event, refused)
                name = None
            if not isinstance(event, yaml.ScalarEvent):
                self.node(event, (*path, ""))
            if name is None:
                self.node(next(self.events), (*path, ""))
                continue
            self.document.keys[(*path, name)] = location
            items[name] = self.node(next(self.events), (*path, name))
        return items

    @staticmethod
    def refused_key(event: Any, items: dict[str, Any]) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            return "a key must be a name"
        if event.tag is not None or event.anchor is not None:
            return "a key must be a plain name, without tag or anchor"
        if event.value == "<<" and event.style is None:
            return "merge keys (<<) are not allowed; write the keys out"
        if _unprintable(event.value):
            return "a key must be printable"
        if event.value in items:
            return f"the key {event.value!r} appears twice in one mapping"
        return None

    def scalar(self, event: Any) -> Any:
        try:
            if _unprintable(event.value):
                raise ValueError("the string holds a control character")
            return event.value if event.style else _plain(event.value)
        except ValueError as error:
            self.problem(event, str(error))
            return None


def _plain(text: str) -> str | int | float | bool | None:
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text == "true"
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    if not FLOAT.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} characters")
    number = int(text) if _INTEGER.fullmatch(text) else float(text)
    if abs(number) == float("inf"):
        raise ValueError(f"{text} is not a finite number")
    return number


def _unprintable(text: str) -> bool:
    return not text.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t" for c in text)
