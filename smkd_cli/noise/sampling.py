"""How noisy labels are drawn once their transition matrix is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from smkd_cli import arguments
from smkd_cli.errors import LabelError, UnknownName, UsageError
from smkd_cli.noise.catalogue import transitions
from smkd_cli.noise.forms import Labels, Matrix, Transitions
from smkd_cli.suggestions import unknown

_BLOCK = 1 << 18  # labels drawn at a time: the temporary arrays stay in the processor's cache
_BELOW_ONE = 1 - 2.0**-32
_KEPT = 1 << 21  # probabilities of rows that are kept for the next label of their class: 16 MB


def corrupt_labels(
    labels: ArrayLike,
    *,
    kind: str,
    rate: float,
    classes: int,
    seed: int,
    sampling: str = "per-sample",
    dataset: str | None = None,
) -> Labels:
    """Draw a noisy label for every clean one.

    Memory is in the labels n and the classes C, and so is the work of ``per-sample``. That of ``exact`` is in C² too,
    because it draws a lot for every pair of classes, and that of ``coteaching`` in n C for symmetric noise, because its
    stream is spent class by class; their labels could not stay the same otherwise.

    Args:
        labels: integers (n,) in 0 … classes - 1.
        kind: kind of noise; see :func:`smkd_cli.noise.kinds`.
        rate: noise rate in [0, 1].
        classes: number of classes.
        seed: a non-negative integer, below 2³² for ``coteaching``. Equal arguments give equal labels.
        sampling: one of :func:`samplings`. ``per-sample`` draws each label independently from its row of the matrix, so
            the share of wrong labels is random. ``exact`` changes the expected number of labels of each class, rounded,
            and shares them out among the wrong classes in the row's proportions (largest remainder, ties by lot).
            ``coteaching`` is ``per-sample`` with the random stream of Co-teaching's published generator (Han et al.
            2018, ``data/utils.py``), bit for bit; a hundred times slower.
        dataset: name of the data set, for asymmetric noise.

    Returns:
        int64 (n,).

    Raises:
        UsageError: the noise, the sampling or the seed makes no sense.
        LabelError: a label is not an integer in 0 … classes - 1.

    Example:
        >>> smkd.corrupt_labels([0, 1, 2, 0, 1, 2], kind="pairflip", rate=0.5, classes=3, seed=1)
        array([1, 2, 2, 1, 1, 2])
    """
    if arguments.text("sampling", sampling) not in _SAMPLINGS:
        raise UnknownName(unknown("sampling", sampling, samplings()))
    limit = 2**32 if sampling == "coteaching" else 2**63
    seed = arguments.whole("seed", seed)
    if not 0 <= seed < limit:
        raise UsageError(f"seed {seed} is not in 0 … {limit - 1}")
    noise = transitions(kind, rate, classes, dataset)
    return _SAMPLINGS[sampling](_checked(labels, int(classes)), noise, seed)


def samplings() -> tuple[str, ...]:
    """The names of the ways to draw; the first is the default."""
    return tuple(_SAMPLINGS)


def _checked(labels: ArrayLike, classes: int) -> Labels:
    try:
        array = np.asarray(labels)
    except (TypeError, ValueError) as error:  # rows of several lengths, or a tensor of a GPU
        raise LabelError(f"labels must be a row of integers: {error}") from error
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        raise LabelError(f"labels must be a row of integers, not {array.dtype} of shape {array.shape}")
    outside = (array < 0) | (array >= classes)
    if outside.any():
        row = int(outside.argmax())
        raise LabelError(f"label {array[row]} at index {row} is not in 0 … {classes - 1}")
    return array.astype(np.int64, copy=False)


def _per_sample(labels: Labels, noise: Transitions, seed: int) -> Labels:
    """A label stays while a uniform number is below P_ii; what the number has left over picks the wrong class."""
    generator = np.random.Generator(np.random.PCG64(seed))
    stay = noise.stay
    noisy = labels.copy()
    for start in range(0, len(labels), _BLOCK):
        block = labels[start : start + _BLOCK]
        uniform = generator.random(len(block))
        flipped = np.flatnonzero(uniform >= stay[block])
        clean = block[flipped]
        rest = (uniform[flipped] - stay[clean]) / (1 - stay[clean])
        # A number that rounds up to the next row would find the next class's labels.
        rest = np.minimum(rest, _BELOW_ONE)
        noisy[start + flipped] = noise.wrong(clean, rest)
    return noisy


def _exact(labels: Labels, noise: Transitions, seed: int) -> Labels:
    generator = np.random.Generator(np.random.PCG64(seed))
    noisy = labels.copy()
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels, minlength=noise.classes)
    ends = np.cumsum(sizes)
    for clean in np.flatnonzero(sizes).tolist():
        members = order[ends[clean] - sizes[clean] : ends[clean]]
        flips = _whole(len(members) * noise.leave[clean])
        if flips:
            chosen = generator.permutation(members)[:flips]
            noisy[chosen] = noise.share_out(clean, flips, generator.random(noise.classes))
    return noisy


def _whole(expected: float) -> int:
    """The nearest integer, halves to even; the inner rounding takes 1.4999999999999996 for the 1.5 it stands for."""
    return round(round(expected, 9))


def _coteaching(labels: Labels, noise: Transitions, seed: int) -> Labels:
    """One legacy multinomial draw per index, in order: the random stream depends on every single call.

    A draw goes through its row class by class; the last class gets what is left and takes no random number. No class of
    probability 0 takes one either, so they are left out: NumPy from 2.5 on would take one for each.
    """
    draw = np.random.RandomState(seed).multinomial

    @lru_cache(maxsize=max(1, _KEPT // noise.classes))
    def row(clean: int) -> tuple[Labels, Matrix]:
        classes, probabilities = noise.row(clean)
        drawn = probabilities > 0
        drawn[-1] = True
        return classes[drawn], probabilities[drawn]

    noisy = np.empty_like(labels)
    for index, label in enumerate(labels.tolist()):
        classes, probabilities = row(label)
        noisy[index] = classes[draw(1, probabilities).argmax()]
    return noisy


_SAMPLINGS: dict[str, Callable[[Labels, Transitions, int], Labels]] = {
    "per-sample": _per_sample,
    "exact": _exact,
    "coteaching": _coteaching,
}
