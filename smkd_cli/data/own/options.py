"""How images of one's own are named: by a path and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from smkd_cli.naming import name_from
from smkd_cli.registry import file_of

TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
"""A file whose name ends so is a table of images."""
# The keys that say where images are, and which of them.
_WHERE = {"path", "root", "columns", "skip"}


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what; where none is named, it is found by the names that people use.

    Attributes:
        image: paths of the images.
        label: their labels, class names or numbers.
        split: train, validation or test.
        clean_label: the right labels.
        group: what must stay together in one split.
    """

    image: str | None = None
    label: str | None = None
    split: str | None = None
    clean_label: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class OwnData:
    """Images of one's own; ``docs/own-images.md`` describes the keys.

    Attributes:
        path: a folder with a folder per class, a table, or tar files (:mod:`smkd_cli.data.own.shards`).
        root: the folder that a table's paths are in; that of the table by default.
        columns: of a table.
        skip: a list that ``smkd datasets verify`` has written, of images that are left out where they cannot be used.
        size: side of the square that networks see, in pixels.
        crop: of the shorter side of an image, how much is in that square.
        mean, std: per channel, what pixels scaled to [0, 1] are normalised by.
        test: which fraction of the images is for testing, where their split is not given.
        seed: of that draw.
    """

    path: str
    root: str | None = None
    columns: Columns = field(default_factory=Columns)
    skip: str | None = None
    size: int = 224
    crop: float = 0.875
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if "\0" in self.path + (self.root or "") + (self.skip or ""):
            raise ValueError("should be the path of a folder or a table, which holds no null character")

    @property
    def is_table(self) -> bool:
        """Whether the path is that of a table."""
        return Path(self.path).suffix.lower() in TABLES

    @property
    def folder(self) -> Path:
        """The folder that the images' paths are in."""
        if self.root is not None:
            return Path(self.root)
        return Path(self.path).parent if self.is_table else Path(self.path)

    @property
    def name(self) -> str:
        """What messages, manifests and results call it: the last part of its path."""
        path = Path(self.path).resolve()
        return name_from(path.stem if self.is_table else path.name) or "images"

    @property
    def absolute(self) -> OwnData:
        """The same, wherever the current folder is."""
        return self.with_paths(lambda path: str(Path(path).resolve()))

    def with_paths(self, change: Callable[[str], str]) -> OwnData:
        """The same, with all its paths changed."""
        root, skip = (path and change(path) for path in (self.root, self.skip))
        return replace(self, path=change(self.path), root=root, skip=skip)

    @property
    def reading(self) -> dict[str, Any]:
        """The keys that say how images are shown and split, and not where they are."""
        return {key: value for key, value in self.keys().items() if key not in _WHERE}

    def keys(self) -> dict[str, Any]:
        """The path, and the options that are not their defaults."""
        defaults = {"columns": Columns()} | {each.name: each.default for each in fields(self) if each.name != "columns"}
        kept = {key: value for key, value in vars(self).items() if value != defaults[key]}
        if "columns" in kept:
            kept["columns"] = {key: value for key, value in asdict(self.columns).items() if value is not None}
        return kept


def is_path(name: str) -> bool:
    """Whether the name of a data set is a path to images of one's own: it has a slash."""
    if file_of(name) is not None or "\0" in name:
        return False
    return "/" in name or name in {".", ".."}
