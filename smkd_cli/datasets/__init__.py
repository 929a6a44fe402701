"""Where images and labels come from: one file per data source, NumPy only.

A data source is a module of this package that defines a :class:`DataSet` with a ``name``, and by that it is found: a
new one is a new file and nothing else. What a data set is like (sizes, classes, shape, mean) is known without reading
a file and without importing torch.
"""

from __future__ import annotations

import os
from inspect import get_annotations, isabstract
from pathlib import Path
from typing import TypeGuard

from smkd_cli.datasets.contract import DataSet, Split
from smkd_cli.registry import DATASETS, Registry

__all__ = ["DataSet", "Split", "find", "names"]


def _is_source(value: object) -> TypeGuard[type[DataSet]]:
    named = isinstance(value, type) and issubclass(value, DataSet) and "name" in vars(value)
    return named and all(hasattr(value, fact) for fact in get_annotations(DataSet)) and not isabstract(value)


REGISTRY: Registry[type[DataSet]] = Registry(DATASETS, _is_source, "subclass of DataSet with all that it asks for")


def names() -> list[str]:
    """The names of all data sets, sorted."""
    return sorted(REGISTRY.names())


def find(name: str, root: Path | None = None) -> DataSet:
    """The data set of that name; nothing is read yet.

    Args:
        name: one of :func:`names`, or ``FILE.py:NAME``.
        root: the folder that holds the data sets' own folders; by default the environment's ``SMKD_DATA``, else
            ``data`` under the current folder.

    Raises:
        UnknownName: there is no such data set.
    """
    return REGISTRY.find(name)(root or Path(os.environ.get("SMKD_DATA") or "data"))
