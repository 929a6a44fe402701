"""Where images and labels come from: one file per data source, NumPy only.

A data source is a module of :mod:`smkd_cli.data.sources` that defines a :class:`DataSet` with a ``name``, and by that
it is found: a new one is a new file and nothing else. An opened data set knows its facts (sizes, classes, shape, mean)
and reads its labels without its pixels, where its files allow that; torch is imported for neither.
"""

from __future__ import annotations

from inspect import isabstract
from pathlib import Path
from typing import TypeGuard

from smkd_cli.data.dataset import DataSet, Labels
from smkd_cli.data.own.options import OwnData, is_path
from smkd_cli.registry import DATASETS, Registry

__all__ = ["DataSet", "Labels", "OwnData", "find", "names"]


def _is_source(value: object) -> TypeGuard[type[DataSet]]:
    named = isinstance(value, type) and issubclass(value, DataSet) and "name" in vars(value)
    return named and not isabstract(value)


REGISTRY: Registry[type[DataSet]] = Registry(DATASETS, _is_source, "concrete subclass of DataSet")


def names() -> list[str]:
    """The names of all data sets, sorted."""
    return sorted(REGISTRY.names())


def find(name: str | OwnData, root: Path) -> DataSet:
    """The data set of that name, opened; one that is not ours is checked (:mod:`smkd_cli.data.checked`).

    Args:
        name: one of :func:`names`, ``FILE.py:NAME``, or images of one's own: their path, or a path with options.
        root: the folder that holds the data sets' own folders; ``--data`` of the command line.

    Raises:
        UnknownName: there is no such data set.
        DataError: see :class:`DataSet`; or it is not ours, and not what a data set should be.
    """
    if isinstance(name, OwnData) or is_path(name):
        from smkd_cli.data.own.source import OwnImages

        return OwnImages(name if isinstance(name, OwnData) else OwnData(path=name), root)
    source = REGISTRY.find(name)
    if DATASETS.is_own(name):
        return source(root)
    from smkd_cli.data.checked import CheckedDataSet

    return CheckedDataSet(REGISTRY.title(name), source, root)
