"""Where images and labels come from: one file per data source, NumPy only.

A data source is a module of :mod:`smkd_cli.data.sources` that defines a :class:`DataSet` with a ``name``, and by that
it is found: a new one is a new file and nothing else. An opened data set knows its facts (sizes, classes, shape, mean)
and reads its labels without its pixels, where its files allow that; torch is imported for neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import isabstract
from pathlib import Path
from typing import TypeGuard

from smkd_cli.data.dataset import DataSet, Labels
from smkd_cli.data.own.options import OwnData, is_path
from smkd_cli.errors import UnknownName
from smkd_cli.registry import DATASETS, Registry
from smkd_cli.words import shown

__all__ = ["DataSet", "Labels", "OwnData", "find", "names", "opened_once"]

# A grid has one data set, and a teacher may be of another; more at a time would only take memory.
_MOST_KEPT = 2
_Key = tuple[type[DataSet] | OwnData, Path]


def _is_source(value: object) -> TypeGuard[type[DataSet]]:
    named = isinstance(value, type) and issubclass(value, DataSet) and "name" in vars(value)
    return named and not isabstract(value)


REGISTRY: Registry[type[DataSet]] = Registry(DATASETS, _is_source, "concrete subclass of DataSet")


def names() -> list[str]:
    """The names of all data sets, sorted."""
    return sorted(REGISTRY.names())


_kept: ContextVar[dict[_Key, DataSet] | None] = ContextVar("_kept", default=None)


@contextmanager
def opened_once() -> Iterator[None]:
    """While the block runs, :func:`find` gives the same opened data set again, which may have its files in memory.

    For work that asks for one data set again and again, as a grid of cells does. Outside of such blocks each call opens
    the data set anew, and sees what has changed in its files.
    """
    token = _kept.set({} if _kept.get() is None else _kept.get())
    try:
        yield
    finally:
        _kept.reset(token)


def find(name: str | OwnData, root: Path) -> DataSet:
    """The data set of that name, opened; one that is not ours is checked (:mod:`smkd_cli.data.checked`).

    Args:
        name: one of :func:`names`, ``FILE.py:NAME``, or images of one's own: their path, or a path with options.
        root: the folder that holds the data sets' own folders; ``--data`` of the command line.

    Raises:
        UnknownName: there is no such data set.
        DataError: see :class:`DataSet`; or it is not ours, and not what a data set should be.
    """
    if isinstance(name, str) and is_path(name):
        name = OwnData(path=name)
    source = name if isinstance(name, OwnData) else _source_called(name)
    kept, key = _kept.get(), (source, root.resolve())
    if kept is None:
        return _opened(name, source, root)
    dataset = kept.pop(key, None) or _opened(name, source, root)
    kept[key] = dataset  # the last one used stands last
    if len(kept) > _MOST_KEPT:
        del kept[next(iter(kept))]
    return dataset


def _source_called(name: str) -> type[DataSet]:
    try:
        return REGISTRY.find(name)
    except UnknownName as error:
        if _is_there(name):
            raise UnknownName(f"{error}; a path has a slash: ./{shown(name)}") from None
        raise


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # no file can be called so
        return False


def _opened(name: str | OwnData, source: type[DataSet] | OwnData, root: Path) -> DataSet:
    if isinstance(source, OwnData):
        from smkd_cli.data.own.source import OwnImages

        return OwnImages(source, root)
    assert isinstance(name, str)
    if DATASETS.is_own(name):
        return source(root)
    from smkd_cli.data.checked import CheckedDataSet

    return CheckedDataSet(REGISTRY.title(name), source, root)
