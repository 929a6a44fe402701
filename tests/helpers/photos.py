"""Folders of small photographs, made up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def photo(seed: int, size: tuple[int, int] = (40, 32), shade: int = 0) -> Image.Image:
    """An image (width, height) of soft random colours, the lighter the larger ``shade`` is."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 160, (4, 4, 3)) + shade
    return Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def write_photos(root: Path, folders: Mapping[str, int]) -> Path:
    """JPEG files in folders: ``{"train/cat": 5}`` writes ``train/cat/0.jpg`` … ``train/cat/4.jpg``; classes differ."""
    shades = {name: 30 * number for number, name in enumerate(sorted({name.split("/")[-1] for name in folders}))}
    for number, (folder, count) in enumerate(folders.items()):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            shade = shades[folder.split("/")[-1]]
            photo(1000 * number + index, shade=shade).save(root / folder / f"{index}.jpg", quality=90)
    return root
