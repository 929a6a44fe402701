"""All wrong classes alike: work and memory in the number of classes, where the matrix has its square of entries.

Labels are drawn bit for bit as from the matrix. So the sums over its rows are needed as they are rounded there, which
depends, in the last bits, on where in a row the class itself stands.
"""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np

from smkd_cli.noise.forms.contract import Labels, Matrix, Transitions

# NumPy adds up to this many numbers in one piece; it halves longer arrays at a multiple of 8, and adds both sums.
_PIECE = 128


class Even(Transitions):
    """P_ii = stay and P_ij = other.

    Args:
        classes: C, at least 2.
        stay: the diagonal.
        other: every other entry.
    """

    def __init__(self, classes: int, stay: float, other: float) -> None:
        self._other = float(other)
        self.stay = np.full(classes, float(stay))
        self.leave = sums_without_one(classes, self._other)
        self.rival = np.full(classes, self._other)

    @cached_property
    def _edges(self) -> tuple[Matrix, Labels]:
        """The cumulative distribution over k wrong classes, (D, C), and which of the D holds for a class, (C,).

        Rows of the matrix differ in the rounding of their sum only, of which there are few.
        """
        totals, which = np.unique(self.leave, return_inverse=True)
        edges = np.zeros((len(totals), self.classes))
        for number, total in enumerate(totals):
            if total > 0:
                cumulative = np.cumsum(np.full(self.classes - 1, self._other / total))
                edges[number, 1:] = cumulative / cumulative[-1]
        return edges, which

    def wrong(self, clean: Labels, rest: Matrix) -> Labels:
        table, which = self._edges
        edges, row = table.ravel(), which[clean] * self.classes
        point = clean + rest
        # The k-th edge is k / (C - 1) but for its rounding, so the first guess is one off at most.
        below = np.minimum((rest * (self.classes - 1)).astype(np.int64), self.classes - 2)
        below += clean + edges[row + below + 1] <= point
        below -= clean + edges[row + below] > point
        # The own class is left out of the count.
        return below + (below >= clean)

    def share_out(self, clean: int, count: int, lots: Matrix) -> Labels:
        each = int(np.floor(np.round(count * (self._other / self.leave[clean]), 9)))
        counts = np.full(self.classes, each)
        left = count - each * (self.classes - 1)
        if left:
            lots = lots.copy()
            lots[clean] = np.inf
            limit = np.partition(lots, left - 1)[left - 1]
            winners = lots < limit
            winners[np.flatnonzero(lots == limit)[: left - winners.sum()]] = True
            counts += winners
        counts[clean] = 0
        return np.repeat(np.arange(self.classes), counts)

    def row(self, clean: int) -> tuple[Labels, Matrix]:
        values = self.rival.copy()
        values[clean] = self.stay[clean]
        return np.arange(self.classes), values

    def matrix(self) -> Matrix:
        matrix = np.full((self.classes, self.classes), self._other)
        np.fill_diagonal(matrix, self.stay)
        return matrix


def sums_without_one(count: int, value: float) -> Matrix:
    """NumPy's sum of ``count`` times ``value`` where one of them is 0 instead, by the index of that one: (count,)."""
    if count <= _PIECE:
        rows = np.full((count, count), value)
        np.fill_diagonal(rows, 0)
        sums: Matrix = rows.sum(axis=1)
        return sums
    half = count // 2 - count // 2 % 8
    left, right = sums_without_one(half, value), sums_without_one(count - half, value)
    return np.concatenate([left + _sum(count - half, value), _sum(half, value) + right])


@cache
def _sum(count: int, value: float) -> float:
    """A sum of ``count`` times ``value``, in whichever pieces NumPy adds it (before 2.3, of 8192 numbers at most)."""
    if count <= _PIECE:
        return float(np.full(count, value).sum())
    half = count // 2 - count // 2 % 8
    return _sum(half, value) + _sum(count - half, value)
