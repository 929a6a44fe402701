"""How noisy labels are drawn once their transition matrix is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smkd_cli.errors import DataError, UsageError
from smkd_cli.noise.catalogue import choose, transition_matrix

Labels = NDArray[np.int64]
Matrix = NDArray[np.float64]

_BLOCK = 1 << 18  # labels drawn at a time: the temporary arrays stay in the processor's cache
_BELOW_ONE = 1 - 2.0**-32


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
        DataError: a label is not an integer in 0 … classes - 1.
    """
    choose("sampling", sampling, samplings())
    limit = 2**32 if sampling == "coteaching" else 2**63
    if not 0 <= seed < limit:
        raise UsageError(f"seed {seed} is not in 0 … {limit - 1}")
    matrix = transition_matrix(kind, rate, classes, dataset)
    return _SAMPLINGS[sampling](_checked(labels, classes), matrix, seed)


def samplings() -> tuple[str, ...]:
    """The names of the ways to draw; the first is the default."""
    return tuple(_SAMPLINGS)


def _checked(labels: ArrayLike, classes: int) -> Labels:
    array = np.asarray(labels)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.size == 0):
        raise DataError(f"labels must be a row of integers, not {array.dtype} of shape {array.shape}")
    outside = (array < 0) | (array >= classes)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(f"label {array[row]} at index {row} is not in 0 … {classes - 1}")
    return array.astype(np.int64, copy=False)


def _per_sample(labels: Labels, matrix: Matrix, seed: int) -> Labels:
    """A label stays while a uniform number is below P_ii; what the number has left over picks the wrong class."""
    generator = np.random.Generator(np.random.PCG64(seed))
    classes = len(matrix)
    stay = matrix.diagonal().copy()
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    totals = wrong.sum(axis=1, keepdims=True)
    cumulative = np.cumsum(np.divide(wrong, totals, out=wrong, where=totals > 0), axis=1, out=wrong)
    cumulative /= np.where(totals > 0, cumulative[:, -1:], 1)  # end at 1 exactly, whatever the rounding
    # Row i is shifted by i, so that one search over all rows answers for any mix of classes. A class of probability 0
    # (the own one) is an empty interval, which a search from the right never returns.
    cumulative += np.arange(classes)[:, None]
    edges = cumulative.ravel()

    noisy = labels.copy()
    for start in range(0, len(labels), _BLOCK):
        block = labels[start : start + _BLOCK]
        uniform = generator.random(len(block))
        flipped = np.flatnonzero(uniform >= stay[block])
        clean = block[flipped]
        rest = (uniform[flipped] - stay[clean]) / (1 - stay[clean])
        # A number that rounds up to the next row would find the next class's labels.
        rest = np.minimum(rest, _BELOW_ONE)
        noisy[start + flipped] = np.searchsorted(edges, clean + rest, side="right") - clean * classes
    return noisy


def _exact(labels: Labels, matrix: Matrix, seed: int) -> Labels:
    generator = np.random.Generator(np.random.PCG64(seed))
    classes = len(matrix)
    noisy = labels.copy()
    ends = np.cumsum(np.bincount(labels, minlength=classes))
    for clean, members in enumerate(np.split(np.argsort(labels, kind="stable"), ends[:-1])):
        wrong = matrix[clean].copy()
        wrong[clean] = 0
        flips = _whole(len(members) * wrong.sum())
        if flips:
            chosen = generator.permutation(members)[:flips]
            noisy[chosen] = np.repeat(np.arange(classes), _shares(flips, wrong / wrong.sum(), generator))
    return noisy


def _whole(expected: float) -> int:
    """The nearest integer, halves to even; the inner rounding takes 1.4999999999999996 for the 1.5 it stands for."""
    return round(round(expected, 9))


def _shares(total: int, weights: Matrix, generator: np.random.Generator) -> Labels:
    """Split ``total`` in the proportions of ``weights`` (C,) by largest remainder; equal remainders draw lots."""
    quotas = np.round(total * weights, 9)
    counts = np.floor(quotas).astype(np.int64)
    order = np.lexsort((generator.random(len(weights)), counts - quotas))
    counts[order[: total - counts.sum()]] += 1
    return counts


def _coteaching(labels: Labels, matrix: Matrix, seed: int) -> Labels:
    """One legacy multinomial draw per index, in order: the random stream depends on every single call."""
    draw = np.random.RandomState(seed).multinomial
    rows = list(matrix)
    return np.fromiter((draw(1, rows[label]).argmax() for label in labels.tolist()), np.int64, len(labels))


_SAMPLINGS: dict[str, Callable[[Labels, Matrix, int], Labels]] = {
    "per-sample": _per_sample,
    "exact": _exact,
    "coteaching": _coteaching,
}
