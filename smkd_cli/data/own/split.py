"""Which images are for testing: given, or drawn by class and by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smkd_cli.data.own.listing import TEST, TRAIN, Listing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def splits_of(listing: Listing, test: float, seed: int) -> NDArray[Any]:
    """The split of each image, object (n,): as the listing gives it, with test images drawn where it has none.

    Of each class, ``round(test · n)`` of its n training images are drawn, but never all of them. An image's place in
    the draw is a hash of the seed and of its path, so that further images in the folder move few others. What is in one
    group goes to one side as a whole; groups are taken in the order of such hashes, each of them where it brings the
    classes' counts nearer to what they should be.
    """
    import numpy as np

    given = listing.splits
    splits = np.full(len(listing), TRAIN, object) if given is None else given.copy()
    if test == 0 or (splits == TEST).any():
        return splits
    of_train = np.flatnonzero(splits == TRAIN)
    if listing.groups is None:
        splits[_drawn(listing, of_train, test, seed)] = TEST
    else:
        splits[_drawn_in_groups(listing, of_train, test, seed)] = TEST
    return splits


def _ranks(texts: NDArray[Any], seed: int) -> NDArray[np.uint64]:
    """A hash of each text, (n,), keyed by the seed."""
    from pandas.util import hash_array  # SipHash, which hashes millions in a second

    return hash_array(texts, hash_key=f"{seed:016}", categorize=False)


def _wanted(labels: NDArray[np.int64], classes: int, test: float) -> NDArray[np.int64]:
    """How many test images each class should have, (C,)."""
    import numpy as np

    counts = np.bincount(labels, minlength=classes)
    wanted: NDArray[np.int64] = np.minimum(np.rint(test * counts).astype(np.int64), np.maximum(counts - 1, 0))
    return wanted


def _drawn(listing: Listing, indices: NDArray[np.int64], test: float, seed: int) -> NDArray[np.int64]:
    import numpy as np

    labels = listing.labels[indices]
    order = np.lexsort((_ranks(listing.paths[indices], seed), labels))
    sorted_labels = labels[order]
    first = np.searchsorted(sorted_labels, sorted_labels)  # where each image's class begins
    wanted = _wanted(labels, len(listing.class_names), test)
    return indices[order[np.arange(len(order)) - first < wanted[sorted_labels]]]


def _drawn_in_groups(listing: Listing, indices: NDArray[np.int64], test: float, seed: int) -> NDArray[np.int64]:
    import numpy as np

    assert listing.groups is not None
    members: dict[str, list[int]] = {}
    for index in indices.tolist():
        members.setdefault(listing.groups[index], []).append(index)
    names = np.empty(len(members), object)
    names[:] = list(members)
    classes = len(listing.class_names)
    missing = _wanted(listing.labels[indices], classes, test)
    drawn: list[int] = []
    for group in names[np.argsort(_ranks(names, seed), kind="stable")].tolist():
        counts = np.bincount(listing.labels[members[group]], minlength=classes)
        if np.abs(missing - counts).sum() < np.abs(missing).sum():
            missing = missing - counts
            drawn += members[group]
    return np.array(sorted(drawn), np.int64)
