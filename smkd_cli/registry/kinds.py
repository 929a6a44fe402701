"""The kinds of plug-ins and the names of ours, read from the text of our files: nothing is imported to know them.

A new kind is one line here, and a :class:`~smkd_cli.registry.Registry` in the package where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from smkd_cli.errors import UnknownName
from smkd_cli.registry import foreign
from smkd_cli.suggestions import unknown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_PACKAGE = Path(__file__).parents[1]
# A class has ``name = "X"`` in its body, an object in its call: ``X(name="x", ...)``.
_NAMED = r"""^(?:    |\w+ = \w+\()name(?:: ClassVar\[str\])? ?= ?["']([^"'\n]+)["']"""
_NUMBERED = _NAMED.replace("name", "number")
_BUILDER = r"^def ([a-z]\w*)\(classes: int, channels: int\)"


@dataclass(frozen=True)
class Kind:
    """A kind of plug-in.

    Attributes:
        name: in the plural; other packages offer theirs by entry points of the group ``smkd.<name>``.
        word: what messages call one.
        folder: where ours are, below the package's folder.
        name_pattern: finds names in the text of our files: the first group of this regular expression, in each line.
        fold: what makes two spellings of a name equal; by default nothing does.
    """

    name: str
    word: str
    folder: str
    name_pattern: str = _NAMED
    fold: Callable[[str], str] = field(default=str)

    @property
    def group(self) -> str:
        """Of the entry points that offer such plug-ins."""
        return f"smkd.{self.name}"

    @cached_property
    def modules(self) -> dict[str, tuple[str, str]]:
        """Name as we spell it, and module, of each of ours, by its folded name; the modules' files are only read."""
        found = {}
        pattern = re.compile(self.name_pattern, re.MULTILINE)
        for path in sorted((_PACKAGE / self.folder).rglob("*.py")):
            module = ".".join((_PACKAGE.name, *path.relative_to(_PACKAGE).with_suffix("").parts))
            for name in pattern.findall(path.read_text(encoding="utf-8")):
                if self.fold(name) in found:
                    raise AssertionError(f"{module}: {name} is there twice")
                found[self.fold(name)] = name, module
        return found

    @property
    def own(self) -> list[str]:
        """The names of ours."""
        return [name for name, _ in self.modules.values()]

    def is_own(self, name: str) -> bool:
        """Whether one of ours has that name."""
        return self.fold(name) in self.modules

    @cached_property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """What the packages of this environment offer; nothing is loaded."""
        return foreign.entry_points(self.group)

    def check(self, name: str) -> None:
        """Look whether there is a plug-in of that name, as far as can be seen without running it.

        Raises:
            UnknownName: there is none.
        """
        if (path := foreign.file_of(name)) is not None:
            foreign.check_file(path, self.name)
            return
        names = [*self.own, *(point.name for point in self.entry_points)]
        if self.fold(name) not in map(self.fold, names):
            raise UnknownName(unknown(self.word, name, names))


METHODS = Kind("methods", "method", "methods", fold=str.lower)
NETWORKS = Kind("networks", "network", "networks", name_pattern=_BUILDER)
NOISE = Kind("noise", "kind of noise", "noise/matrices")
DATASETS = Kind("datasets", "data set", "data/sources")
AUGMENTATIONS = Kind("augmentations", "augmentation", "data/augmentation/rules")
FORMATS = Kind("formats", "format", "report/formats")
EXECUTORS = Kind("executors", "executor", "train/executors")
LAYOUTS = Kind("layouts", "table or figure", "report/layouts", name_pattern=_NUMBERED)
