"""All images of a folder, looked at: what cannot be used, what is there twice, what the pixels are like."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.data.own.inspect_image import Finding, ImageFacts, inspect_image
from smkd_cli.data.own.listing import Listing
from smkd_cli.data.own.near import alike
from smkd_cli.data.own.shards import Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Of several images: the same file twice, and images that look alike though their labels or splits differ.
DUPLICATE, CONTRADICTING, LEAKED, NEAR = "duplicate", "duplicate of another label", "in two splits", "looks alike"
UNLISTED = "no row"  # in a table, of an image in its folder
_AHEAD = 512  # images that wait for a thread


@dataclass(frozen=True, eq=False)
class Scan:
    """What was found.

    Attributes:
        listing: the images.
        facts: of each, in the same order.
        pairs: findings of several images, by the index of the later one.
        unlisted: paths of images that the listing lacks.
        mean, std: per channel, of the middle of the images that can be used, at 64 x 64 pixels, in [0, 1].
    """

    listing: Listing
    facts: Sequence[ImageFacts]
    pairs: Sequence[tuple[int, Finding]]
    unlisted: Sequence[str]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Path, finding and detail of everything found, images in their order, those of pairs last."""
        for facts in self.facts:
            for finding in facts.findings:
                yield facts.path, finding.kind, finding.detail
        for index, finding in self.pairs:
            yield self.facts[index].path, finding.kind, finding.detail
        for path in self.unlisted:
            yield path, UNLISTED, ""

    @property
    def counts(self) -> Counter[str]:
        """How often each kind of finding occurs."""
        return Counter(kind for _, kind, _ in self.rows())

    @property
    def unusable(self) -> list[str]:
        """Paths of the images that cannot be trained on."""
        return [facts.path for facts in self.facts if not facts.usable]


def scan(
    folder: Path,
    listing: Listing,
    splits: NDArray[Any],
    *,
    others: Sequence[str] = (),
    places: Mapping[str, Place] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    """Look at every image of a listing, on as many threads as there are cores and a few more.

    Args:
        folder: that its paths are in.
        splits: object (n,), the split of each.
        others: paths of all images in the folder, where some may not be listed.
        places: where the images are, if they are in shards.
        progress: called with the number of images done.
    """
    import numpy as np

    facts: list[ImageFacts] = []
    total = np.zeros((2, 3))
    with ThreadPoolExecutor() as pool:
        for one in _in_order(pool, partial(inspect_image, folder, places), listing.paths.tolist()):
            if one.pixels is not None:
                total += one.pixels
            facts.append(one)
            if progress is not None:
                progress(len(facts))
    count = max(1, sum(one.pixels is not None for one in facts)) * 64 * 64
    mean = total[0] / count
    std = np.sqrt(np.maximum(total[1] / count - mean**2, 0))
    unlisted = sorted(set(others) - set(listing.paths.tolist()))
    return Scan(listing, facts, _pairs(facts, listing, splits), unlisted, mean, std)


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[str], ImageFacts], paths: Sequence[str]
) -> Iterator[ImageFacts]:
    """The work on each path, in order; only some are begun ahead, so that results don't gather in memory."""
    remaining = iter(paths)
    pending = deque(pool.submit(work, path) for path in islice(remaining, _AHEAD))
    while pending:
        yield pending.popleft().result()
        pending.extend(pool.submit(work, path) for path in islice(remaining, 1))


def _pairs(facts: Sequence[ImageFacts], listing: Listing, splits: NDArray[Any]) -> list[tuple[int, Finding]]:
    """Images that are there twice, and those that look alike though their labels or their splits differ."""
    import numpy as np

    found: list[tuple[int, Finding]] = []
    first: dict[str, int] = {}
    for index, one in enumerate(facts):
        if not one.digest or not one.usable:
            continue
        earlier = first.setdefault(one.digest, index)
        if earlier != index:
            found.append((index, Finding(_kind(earlier, index, listing, splits) or DUPLICATE, facts[earlier].path)))
    hashed = [index for index in sorted(first.values()) if facts[index].hash is not None]
    hashes = np.array([facts[index].hash for index in hashed], np.uint64)
    for one, other in alike(hashes).tolist():
        earlier, later = hashed[one], hashed[other]
        if kind := _kind(earlier, later, listing, splits):
            found.append((later, Finding(f"{NEAR}, {kind.removeprefix('duplicate ')}", facts[earlier].path)))
    return sorted(found, key=lambda pair: pair[0])


def _kind(earlier: int, later: int, listing: Listing, splits: NDArray[Any]) -> str | None:
    """What is wrong with two images that are or look the same, the most harmful first; None: nothing."""
    if splits[earlier] != splits[later]:
        return LEAKED
    return CONTRADICTING if listing.labels[earlier] != listing.labels[later] else None
