"""The cache of features: a file of float32 for each data set's split, network, weights and way of showing images."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli import cache
from smkd_cli.artifacts.files import make_folder, written_in_one_step
from smkd_cli.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def key_of(facts: dict[str, Any]) -> str:
    """32 hexadecimal digits of all that features depend on."""
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def cached(key: str, shape: tuple[int, int], compute: Callable[[NDArray[np.float32]], None]) -> NDArray[np.float32]:
    """Features (n, D), mapped from their file, which is computed if it is not there; one process at a time does so.

    Args:
        key: names the file.
        shape: (n, D).
        compute: fills an array of that shape.

    Raises:
        DataError: the cache cannot be written.
    """
    import numpy as np

    path = cache.folder() / "features" / f"{key}.npy"
    if (found := _mapped(path, shape)) is not None:
        return found
    with _locked(path):
        if (found := _mapped(path, shape)) is not None:
            return found
        with written_in_one_step(path) as unfinished:
            features = np.lib.format.open_memmap(unfinished, "w+", np.float32, shape)
            compute(features)
            features.flush()
    found = _mapped(path, shape)
    assert found is not None
    return found


def _mapped(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The file's array, whose pages are read when they are used; None where there is no such file or a damaged one."""
    import numpy as np

    try:
        # Private pages that may be written: torch refuses an array that may not.
        features = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return features if features.shape == shape and features.dtype == np.float32 else None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        make_folder(path.parent)
        handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DataError(f"{path.parent}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
