"""A parsed YAML text with the location of each key and value, so that an error can point at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from smkd_cli.errors import RecipeError
from smkd_cli.words import shortened, shown

KeyPath = tuple[str | int, ...]

# Fifty repetitions of a mistake are enough to understand it, and a message repeats a file's text only in part.
_MOST_PROBLEMS = 50
_ENOUGH_PROBLEMS = 10_000
_LONGEST_MESSAGE = 1000


def problem_lines(problems: Sequence[object]) -> str:
    """Problems, one a line; where there are very many, the others are counted."""
    lines = [str(problem) for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"and {len(problems) - _MOST_PROBLEMS:,} more problems")
    return "\n".join(lines)


class Location(NamedTuple):
    """A location in a text: line and column count from 1; both are 0 for what was not read from a text with lines."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        source = shown(self.source)
        return f"{source}:{self.line}:{self.column}" if self.line else source


class Problem(NamedTuple):
    """What is wrong, and where."""

    location: Location
    message: str

    def __str__(self) -> str:
        return f"{self.location}: {shortened(self.message, _LONGEST_MESSAGE)}"


@dataclass
class Document:
    """Plain data (dict, list, str, int, float, bool, None) with the locations of its keys and values, by path.

    Problems that do not stop the reading gather in ``problems``, so that a user sees all of them at once.
    """

    data: Any
    root: Location
    values: dict[KeyPath, Location] = field(default_factory=dict)
    keys: dict[KeyPath, Location] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def location(self, path: KeyPath, *, key: bool = False) -> Location:
        """The location of the value (or key) at a path; for a path that does not exist, its nearest ancestor."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, self.root)

    def add_problem(self, path: KeyPath, message: str, *, key: bool = False) -> None:
        """Note a problem of the value (or key) at a path."""
        name = ".".join(map(str, path))
        self.problems.append(Problem(self.location(path, key=key), f"{name}: {message}" if name else message))

    @property
    def has_enough_problems(self) -> bool:
        """Whether looking further would only take time and memory."""
        return len(self.problems) >= _ENOUGH_PROBLEMS

    def put(self, path: KeyPath, value: Any, source: Document, at: KeyPath = ()) -> None:
        """Replace what stands at ``path`` (not the root) by ``value``, which stands at ``at`` in ``source``."""
        parent = self.data
        for step in path[:-1]:
            parent = parent[step]
        replaced = parent.get(path[-1]) if isinstance(parent, dict) else parent[path[-1]]
        parent[path[-1]] = value
        for below in _paths(replaced):
            self.values.pop(path + below, None)
            self.keys.pop(path + below, None)
        for below in _paths(value):
            for ours, theirs in ((self.values, source.values), (self.keys, source.keys)):
                if at + below in theirs:
                    ours[path + below] = theirs[at + below]
        self.values[path] = source.location(at)
        self.keys[path] = source.location(at, key=True)

    def merge(self, other: Document, path: KeyPath = (), at: KeyPath = ()) -> None:
        """Lay another document over this one: mappings are merged, everything else is replaced."""
        mine, theirs = _look_up(self.data, path), _look_up(other.data, at)
        for name, value in theirs.items():
            if isinstance(mine.get(name), dict) and isinstance(value, dict):
                self.merge(other, (*path, name), (*at, name))
            else:
                self.put((*path, name), value, other, (*at, name))

    def raise_problems(self) -> None:
        """Raise a RecipeError with the problems, one a line in the order of the text, if there are any."""
        if self.problems:
            raise RecipeError(problem_lines(list(dict.fromkeys(sorted(self.problems)))))


def _paths(value: Any) -> Iterator[KeyPath]:
    """The paths of all that stands in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inner:
        yield (step,)
        for path in _paths(part):
            yield (step, *path)


def _look_up(data: Any, path: KeyPath) -> Any:
    for step in path:
        data = data[step]
    return data
