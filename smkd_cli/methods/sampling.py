"""In which order an epoch takes the samples: uniformly, class by class, or from two pools that a score divides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Population:
    """What an epoch is drawn from.

    Attributes:
        samples: (m,) int64, indices of the training samples.
        noisy_labels: (n,) int64, of all samples.
        batch_size: N of whole batches.
        score: (n,) of the method's memory of this peer, by the sampler's ``score``; None where it names none.
    """

    samples: NDArray[np.int64]
    noisy_labels: NDArray[np.int64]
    batch_size: int
    score: NDArray[np.floating] | None = None


class Sampler(ABC):
    """How an epoch's order is drawn. An order has as many samples as there are, so that epochs have equal lengths.

    Attributes:
        score: name of the buffer (n,) of the method's memory that the order depends on, or None. Where there is one,
            each peer has an order of its own, by its own memory: what ``other`` predicts in a step is then of other
            samples. The buffer may change in ``before_training`` and
            ``after_epoch`` only: an interrupted epoch is drawn again.
    """

    score: str | None = None

    @abstractmethod
    def order(self, random: np.random.Generator, population: Population) -> NDArray[np.int64]:
        """Indices of the samples, (m,), in the order in which batches take them."""


@dataclass(frozen=True)
class Uniform(Sampler):
    """Every sample once."""

    def order(self, random: np.random.Generator, population: Population) -> NDArray[np.int64]:
        return random.permutation(population.samples)


@dataclass(frozen=True)
class Balanced(Sampler):
    """The classes in turn: any C samples in a row are of all C noisy classes that there are.

    A class with fewer samples repeats them, one with more leaves some to other epochs.
    """

    def order(self, random: np.random.Generator, population: Population) -> NDArray[np.int64]:
        import numpy as np

        order = random.permutation(population.samples)
        noisy_labels = population.noisy_labels[order]
        of_class = [order[noisy_labels == label] for label in np.unique(noisy_labels)]
        rounds = -(-len(order) // len(of_class))
        return np.stack([np.resize(members, rounds) for members in of_class], axis=1).ravel()[: len(order)]


@dataclass(frozen=True)
class TwoPools(Sampler):
    """Half of every batch from the samples whose score is above a threshold, then half from the others.

    A batch of N has (N + 1) // 2 samples of the first pool, then N // 2 of the second, whatever the pools' sizes are:
    a pool that is too small for that repeats its samples, in a new order each time. An empty pool is all samples.

    Attributes:
        score: name of a buffer (n,) of the method's memory.
        threshold: above it a sample is in the first pool.
    """

    score: str
    threshold: float = 0.5

    def order(self, random: np.random.Generator, population: Population) -> NDArray[np.int64]:
        import numpy as np

        samples, score = population.samples, population.score
        assert score is not None
        above = score[samples] > self.threshold
        positions = np.arange(len(samples))
        start = positions // population.batch_size * population.batch_size
        sizes = np.minimum(len(samples) - start, population.batch_size)
        first = positions - start < (sizes + 1) // 2
        order = np.empty_like(samples)
        for pool, mask in ((samples[above], first), (samples[~above], ~first)):
            order[mask] = _repeated(random, pool if len(pool) else samples, int(mask.sum()))
        return order


def _repeated(random: np.random.Generator, pool: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many samples of a pool: all of it in a random order, and again in another."""
    import numpy as np

    rounds = -(-count // len(pool))
    return np.concatenate([random.permutation(pool) for _ in range(rounds)] or [pool[:0]])[:count]
