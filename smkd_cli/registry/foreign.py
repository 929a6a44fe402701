"""Code that is not of this package: what other packages offer by entry points, and files that a user names.

Any error in it, an exit too, is reported and stops nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from smkd_cli import console
from smkd_cli.errors import SmkdError, UnknownName, UsageError
from smkd_cli.registry import neighbours

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

T = TypeVar("T")

_GROUPS = "smkd."
_unreadable: set[str] = set()


def file_of(name: str) -> str | None:
    """The path in the name of a plug-in of a file, ``my_rules.py`` of ``my_rules.py:Mine``; None of other names."""
    path, colon, _ = name.rpartition(":")
    return path if colon and path.endswith(".py") else None


def called(name: str) -> str:
    """A name without its path: ``Mine`` of ``my_rules.py:Mine``."""
    path = file_of(name)
    return name if path is None else name[len(path) + 1 :]


def guarded(work: Callable[[], T]) -> T:
    """What foreign code returns; what it prints goes to stderr.

    Raises:
        ValueError: it raised something, or tried to exit.
    """
    try:
        with redirect_stdout(sys.stderr):
            return work()
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:
        import traceback  # only here: most code is sound

        raise ValueError("".join(traceback.format_exception_only(error)[-1:]).strip()) from error


def used(
    what: str,
    work: Callable[[], T],
    hook: str = "",
    as_error: type[SmkdError] = UsageError,
    passes: tuple[type[Exception], ...] = (SmkdError,),
) -> T:
    """What a plug-in returns that is not ours.

    Args:
        what: names it in messages.
        hook: which part of it is used.
        as_error: what is raised, by its documented exit code.
        passes: errors that say for themselves what is wrong.

    Raises:
        SmkdError: it raised something else, or tried to exit; this is of the class ``as_error``.
    """
    try:
        return guarded(work)
    except ValueError as error:
        if isinstance(error.__cause__, passes):
            raise error.__cause__ from None
        from smkd_cli.registry.origin import where_raised

        where = where_raised(error.__cause__ or error)
        reason = f"{hook and f'{hook}: '}{error}{(where and f', in {where}') or ''}"
        raise as_error(f"{what} cannot be used: {reason}") from error


def entry_points(group: str) -> tuple[EntryPoint, ...]:
    """What the packages of this environment offer; nothing is loaded yet."""
    return tuple(point for point in all_entry_points() if point.group == group)


def all_entry_points() -> list[EntryPoint]:
    """What the packages of this environment offer, of all kinds; one whose metadata is broken offers nothing."""
    from importlib import metadata

    try:
        found = metadata.entry_points()
        return [point for group in found.groups if group.startswith(_GROUPS) for point in found.select(group=group)]
    except Exception:  # whatever comes of a broken file; which package it is of, only a look at each tells
        every = [point for distribution in metadata.distributions() for point in _offered_in(distribution)]
        return [point for point in every if point.group.startswith(_GROUPS)]


def _offered_in(distribution: Distribution) -> tuple[EntryPoint, ...]:
    try:
        return tuple(distribution.entry_points)
    except Exception as error:
        name = name_of(distribution)
        if name not in _unreadable:
            _unreadable.add(name)
            console.warn(
                f"{name}: its entry points cannot be read, so it offers nothing: {type(error).__name__}: {error}"
            )
        return ()


def name_of(distribution: Distribution | None) -> str:
    """What messages call a package of this environment, whose metadata may be broken."""
    try:
        name = distribution and distribution.name
    except Exception:
        name = None
    return f"package {name or getattr(distribution, '_path', 'without a name')}"


def version_of(distribution: Distribution | None) -> str:
    """The version of a package of this environment, whose metadata may be broken."""
    try:
        return str(distribution and distribution.version)
    except Exception:
        return "unknown"


def module_of(point: EntryPoint) -> str:
    """The top module that an entry point leads to; its value may be no reference at all."""
    return point.value.partition(":")[0].partition(".")[0].strip()


def is_of_file(module: str) -> bool:
    """Whether the module of that name is a file that a user named."""
    return module.startswith(neighbours.PREFIX)


def path_of(path: str) -> Path:
    """A path as users write it; ``~`` is their home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # there is no such user
        return Path(path)


def is_file(path: str) -> bool:
    """Whether a file is there."""
    return path_of(path).is_file()


def check_file(path: str, of: str) -> None:
    """Raise an UnknownName unless a file is there."""
    if not is_file(path):
        raise UnknownName(f"{path}: no such file of {of}")


def module_in(path: str) -> ModuleType:
    """The module that a file is; the file is run, once in a process.

    Raises:
        UnknownName: it cannot be loaded.
    """
    try:
        return _module_in(path_of(path).resolve())
    except ValueError as error:
        raise UnknownName(f"{path}: cannot be loaded: {error}") from error


@cache
def _module_in(file: Path) -> ModuleType:
    return guarded(lambda: neighbours.load(file))


def values_of(module: ModuleType) -> Iterator[tuple[str, object]]:
    """The values of a module, with what they are called there, but for classes and functions of other modules."""
    for name, value in vars(module).items():
        is_code = isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__"))
        if not is_code or getattr(value, "__module__", None) == module.__name__:
            yield name, value
