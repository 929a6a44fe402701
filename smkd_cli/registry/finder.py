"""Finds a plug-in by its name, whosever it is."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar

from smkd_cli import console
from smkd_cli.errors import UnknownName
from smkd_cli.naming import LONGEST_NAME, is_name
from smkd_cli.registry import foreign
from smkd_cli.registry.kinds import Kind
from smkd_cli.suggestions import unknown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


@dataclass
class Offered(Generic[T]):
    """What other packages offer, by folded name.

    Attributes:
        found: each with its name.
        packages: what offers each.
        versions: of these packages.
        refused: why a requested one cannot be used.
    """

    found: dict[str, tuple[str, T]] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def declared_name(value: Any) -> str | None:
    """The name that a plug-in gives itself."""
    name: str | None = value.name
    return name


class Registry(Generic[T]):
    """All plug-ins of a kind.

    Args:
        kind: which.
        accepts: whether a value can be one.
        wanted: what such a value is, as a phrase that follows "is no".
        declared: the name that one gives itself; where that is None, it is called as its entry point, or as its
            variable in its file.
    """

    def __init__(
        self,
        kind: Kind,
        accepts: Callable[[object], TypeGuard[T]],
        wanted: str,
        declared: Callable[[T], str | None] = declared_name,
    ) -> None:
        self.kind = kind
        self._accepts, self._wanted, self._declared = accepts, wanted, declared
        self._known: dict[ModuleType, dict[str, tuple[str, T]]] = {}

    def names(self) -> list[str]:
        """The names of ours, and of those that other packages offer."""
        return [*self.kind.own, *(name for name, _ in self.offered.found.values())]

    def find(self, name: str) -> T:
        """The plug-in of that name: one of ours, one that a package offers, or ``FILE.py:NAME``.

        A path is relative to the current folder; its file is run. A name of ours stays ours, and one that two packages
        use is nobody's.

        Raises:
            UnknownName: there is none, or it cannot be used; the message says what to write instead.
        """
        if (path := foreign.file_of(name)) is not None:
            return self._in_file(path, foreign.called(name))
        kind, folded = self.kind, self.kind.fold(name)
        if folded in kind.modules:
            _, module = kind.modules[folded]
            return self._in_module(importlib.import_module(module))[folded][1]
        if folded in self.offered.found:
            return self.offered.found[folded][1]
        if why := self.offered.refused.get(folded):
            raise UnknownName(f"{kind.word} {name!r} cannot be used: {why}")
        raise UnknownName(unknown(kind.word, name, self.names()))

    def title(self, name: str) -> str:
        """What messages call a plug-in: its kind, its name, and the package that offers it if it has no path."""
        package = None
        if foreign.file_of(name) is None and not self.kind.is_own(name):
            package = self.offered.packages.get(self.kind.fold(name))
        return f"{self.kind.word} {name}" + (f" ({package})" if package else "")

    def package_of(self, name: str) -> tuple[str, str] | None:
        """The package that offers a plug-in, and its version; None of ours and of those in files."""
        if foreign.file_of(name) is not None or self.kind.is_own(name):
            return None
        offered, folded = self.offered, self.kind.fold(name)
        return (offered.packages[folded], offered.versions[folded]) if folded in offered.versions else None

    @cached_property
    def offered(self) -> Offered[T]:
        """What other packages offer, each loaded on its own; a warning names at once what of it cannot be used."""
        offered: Offered[T] = Offered()
        for point in self.kind.entry_points:
            package = foreign.name_of(point.dist)
            try:
                name, value = self._load(point)
            except ValueError as error:
                self._refuse(offered, {self.kind.fold(point.name)}, f"{package}: {point.name}: {error}")
                continue
            folded = self.kind.fold(name)
            if folded in self.kind.modules:
                self._refuse(offered, (), f"{package}: {name}: is a name of smkd's own")
            elif folded in offered.refused or offered.found.get(folded, (name, value))[1] is not value:
                offered.found.pop(folded, None)
                both = f"{package} and {offered.packages.get(folded, 'another')}"
                self._refuse(offered, {folded}, f"{both}: {name}: is offered by both")
            else:
                offered.found[folded] = name, value
                offered.packages[folded] = package
                offered.versions[folded] = foreign.version_of(point.dist)
        return offered

    def _load(self, point: EntryPoint) -> tuple[str, T]:
        found = self._named([(point.name, foreign.guarded(point.load))])
        if not found:
            raise ValueError(f"is no {self._wanted}")
        return found[0]

    def _refuse(self, offered: Offered[T], names: Iterable[str], why: str) -> None:
        offered.refused |= dict.fromkeys(set(names) - self.kind.modules.keys(), why)
        import multiprocessing  # only here: a command's help comes at once

        # A process of ours that trains or measures does not repeat what the command has said.
        if multiprocessing.parent_process() is None:
            console.warn(f"a {self.kind.word} that another package offers cannot be used: {why}")

    def _in_file(self, path: str, wanted: str) -> T:
        kind = self.kind
        foreign.check_file(path, kind.name)
        module = foreign.module_in(path)
        try:
            found = self._in_module(module)
        except ValueError as error:
            raise UnknownName(f"{path}: {error}") from error
        if not found:
            raise UnknownName(f"{path}: defines no {kind.word}: nothing in it is a {self._wanted}")
        if kind.fold(wanted) not in found:
            raise UnknownName(f"{path}: {unknown(kind.word, wanted, [name for name, _ in found.values()])}")
        return found[kind.fold(wanted)][1]

    def _in_module(self, module: ModuleType) -> dict[str, tuple[str, T]]:
        """Those that a module defines, with their names, by folded name."""
        if module not in self._known:
            found: dict[str, tuple[str, T]] = {}
            for name, value in self._named(foreign.values_of(module)):
                if found.setdefault(self.kind.fold(name), (name, value))[1] is not value:
                    raise ValueError(f"defines two that are named {name}")
            self._known[module] = found
        return self._known[module]

    def _named(self, values: Iterable[tuple[str, object]]) -> list[tuple[str, T]]:
        """The plug-ins among values, with their names; raises ValueError where a value or its name is not valid."""
        chosen = foreign.guarded(
            lambda: [(self._declared(value) or called, value) for called, value in values if self._accepts(value)]
        )
        for name, _ in chosen:
            if not isinstance(name, str) or not is_name(name):
                raise ValueError(f"a name is not a line of at most {LONGEST_NAME} printable characters")
        return [(name, value) for name, value in chosen if not name.startswith("_")]
