"""A source of pictures that are files of their own, of many sizes; nothing of it is in the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smkd_cli.data import DataSet, Labels
from smkd_cli.errors import DataError

CLASSES = ("cat", "dog", "owl")
SIDE = 8


class PictureFolder(DataSet):
    """``pictures/<split>/<class>/<name>.npy`` below the root; all facts come from the names of the files."""

    name = "pictures"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._files = {split: sorted((root / "pictures" / split).glob("*/*.npy")) for split in ("train", "test")}
        if not self._files["train"]:
            raise DataError(f"{root / 'pictures' / 'train'}: holds no pictures")
        self.class_names = tuple(sorted({path.parent.name for path in self._files["train"]}))
        self.train_size, self.test_size = len(self._files["train"]), len(self._files["test"])
        self.image_shape = (SIDE, SIDE, 3)
        self.mean, self.std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def labels(self, split: str) -> Labels:
        number = {name: label for label, name in enumerate(self.class_names)}
        files = self._files[split]
        names = [f"{path.parent.name}/{path.name}" for path in files]
        return Labels(np.array([number[path.parent.name] for path in files], np.int64), np.array(names))

    def images(self, split: str) -> Pictures:
        return Pictures(self._files[split])


class Pictures:
    """The middles of pictures, of one size."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return np.stack([_middle(self._files[index]) for index in indices.tolist()])


def _middle(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as stream:
            picture = np.load(stream)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    top, left = ((side - SIDE) // 2 for side in picture.shape[:2])
    return picture[top : top + SIDE, left : left + SIDE]


def write_pictures(root: Path, train: int = 20, test: int = 4) -> None:
    """So many pictures of each class, brighter from class to class."""
    random = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        for split, count in (("train", train), ("test", test)):
            folder = root / "pictures" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                height, width = random.integers(SIDE, 2 * SIDE, 2)
                pixels = random.integers(60 * label, 60 * label + 100, (height, width, 3), dtype=np.uint8)
                np.save(folder / f"{number}.npy", pixels)


def make_unreadable(root: Path) -> None:
    """Replace every picture by a folder: opening one fails, and its name is still there."""
    for path in (root / "pictures").glob("*/*/*.npy"):
        path.unlink()
        path.mkdir()
