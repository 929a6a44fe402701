"""Where images and labels come from: one file per data source, NumPy only.

A data source is a module of :mod:`smkd_cli.data.sources` that defines a :class:`DataSet` with a ``name``, and by that
it is found: a new one is a new file and nothing else. An opened data set knows its facts (sizes, classes, shape, mean)
and tells its labels without its pixels being read, where its files allow that; torch is imported for neither.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from functools import cache
from pathlib import Path

from smkd_cli.data import sources
from smkd_cli.data.dataset import DataSet, Labels
from smkd_cli.errors import UsageError

__all__ = ["DataSet", "Labels", "find", "names"]


@cache
def _sources() -> dict[str, type[DataSet]]:
    found: dict[str, type[DataSet]] = {}
    for module_info in pkgutil.iter_modules(sources.__path__):
        module = importlib.import_module(f"{sources.__name__}.{module_info.name}")
        for member in vars(module).values():
            if inspect.isclass(member) and issubclass(member, DataSet) and hasattr(member, "name"):
                found[member.name] = member
    return found


def names() -> list[str]:
    """The names of all data sets, sorted."""
    return sorted(_sources())


def find(name: str, root: Path) -> DataSet:
    """The data set of that name, opened.

    Args:
        name: one of :func:`names`.
        root: the folder that holds the data sets' own folders; ``--data`` of the command line.

    Raises:
        UsageError: there is no such data set.
        DataError: see :class:`DataSet`.
    """
    if name not in _sources():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"unknown data set {name!r}: {hint}There are: {', '.join(names())}")
    return _sources()[name](root)
