"""Images that look alike: perceptual hashes that differ in few bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DISTANCE = 4
"""Of 64 bits, how many may differ."""

# Hashes that differ in at most 4 bits are equal in one of 5 parts at least.
_PARTS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
_PAIRS = 1 << 22  # that are compared at a time


def alike(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The pairs (k, 2), first < second, sorted, whose hashes (n,) differ in at most :data:`DISTANCE` bits."""
    import numpy as np

    found = [np.empty((0, 2), np.int64)]
    for start, length in _PARTS:
        part = (hashes >> np.uint64(start)) & np.uint64((1 << length) - 1)
        order = np.argsort(part, kind="stable")
        for pairs in _in_one_bucket(order, part[order]):
            different = hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]
            found.append(pairs[_bits(different) <= DISTANCE])
    together = np.sort(np.concatenate(found), axis=1)
    return np.unique(together, axis=0)


def _in_one_bucket(order: NDArray[np.int64], part: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """All pairs (k, 2) of those whose part is equal, some at a time; ``part`` is sorted, ``order`` as that is."""
    import numpy as np

    ends = np.searchsorted(part, part, side="right")
    pending, count = [], 0
    for first, end in enumerate(ends.tolist()):
        if end - first > 1:
            others = order[first + 1 : end]
            pending.append(np.stack([np.full(len(others), order[first]), others], axis=1))
            count += len(others)
        if count >= _PAIRS:
            yield np.concatenate(pending)
            pending, count = [], 0
    if pending:
        yield np.concatenate(pending)


def _bits(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many bits of each value (k,) are set."""
    import numpy as np

    bits: NDArray[np.int64] = np.unpackbits(values.view(np.uint8).reshape(len(values), 8), axis=1).sum(axis=1)
    return bits
