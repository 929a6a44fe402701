"""How images of one's own are named: by a path and how it is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from smkd_cli.naming import name_from
from smkd_cli.registry import file_of


@dataclass(frozen=True)
class OwnData:
    """Images of one's own; ``docs/own-images.md`` describes the keys.

    Attributes:
        path: a folder with a folder per class.
        size: side of the square that networks see, in pixels.
        crop: of the shorter side of an image, how much is in that square.
        mean, std: per channel, what pixels scaled to [0, 1] are normalised by.
        test: which fraction of the images is for testing, where their split is not given.
        seed: of that draw.
    """

    path: str
    size: int = 224
    crop: float = 0.875
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if "\0" in self.path:
            raise ValueError("should be the path of a folder, which holds no null character")

    @property
    def name(self) -> str:
        """What messages, manifests and results call it: the last part of its path."""
        return name_from(Path(self.path).resolve().name) or "images"

    def keys(self) -> dict[str, Any]:
        """The path, and the options that are not their defaults."""
        defaults = {each.name: each.default for each in fields(self)}
        return {key: value for key, value in asdict(self).items() if value != defaults[key]}


def is_path(name: str) -> bool:
    """Whether the name of a data set is a path to images of one's own: it has a slash."""
    if file_of(name) is not None or "\0" in name:
        return False
    return "/" in name or name in {".", ".."}
