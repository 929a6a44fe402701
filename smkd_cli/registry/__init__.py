"""Plug-ins, found by name, of all kinds in :mod:`~smkd_cli.registry.kinds`.

Each kind of plug-in (:mod:`~smkd_cli.registry.kinds`) is found in three places: in this package, where a new one is a
new file and no list is edited; among what other packages offer by entry points of the group ``smkd.<kind>``; and in a
file of one's own, ``FILE.py:NAME``. Names are known without importing anything; what is not ours is loaded behind a
guard (:mod:`~smkd_cli.registry.foreign`), when it is requested.
"""

from smkd_cli.registry.finder import Registry
from smkd_cli.registry.foreign import called, file_of, guarded, is_file, path_of, used
from smkd_cli.registry.kinds import (
    AUGMENTATIONS,
    DATASETS,
    EXECUTORS,
    FORMATS,
    LAYOUTS,
    METHODS,
    NETWORKS,
    NOISE,
    Kind,
)
from smkd_cli.registry.neighbours import imported_by
from smkd_cli.registry.origin import full_name, is_ours, where_raised, with_place

__all__ = [
    "AUGMENTATIONS",
    "DATASETS",
    "EXECUTORS",
    "FORMATS",
    "LAYOUTS",
    "METHODS",
    "NETWORKS",
    "NOISE",
    "Kind",
    "Registry",
    "called",
    "file_of",
    "full_name",
    "guarded",
    "imported_by",
    "is_file",
    "is_ours",
    "path_of",
    "used",
    "where_raised",
    "with_place",
]
