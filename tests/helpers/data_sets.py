"""Where the data sets are, and all images of a split."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from smkd_cli.data.images.reader import ImageReader

# Digits come with scikit-learn, so that any folder does for them.
DATA = Path(os.environ.get("SMKD_DATA") or "data").resolve()


def pixels_of(images: ImageReader) -> np.ndarray:
    """uint8 (n, H, W, C)."""
    return images.read(np.arange(len(images)))
