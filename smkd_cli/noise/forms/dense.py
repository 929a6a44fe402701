"""Any transition matrix, entry by entry: memory and work in the square of the classes."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from smkd_cli.noise.forms.contract import Labels, Matrix, Transitions


class Dense(Transitions):
    """The transitions of a matrix (C, C) whose rows sum to 1."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._wrong = matrix.copy()
        np.fill_diagonal(self._wrong, 0)
        self.stay = matrix.diagonal().copy()
        self.leave = self._wrong.sum(axis=1)
        self.rival = self._wrong.max(axis=1)

    @cached_property
    def _edges(self) -> Matrix:
        totals = self.leave[:, None]
        cumulative = np.cumsum(np.divide(self._wrong, totals, out=np.zeros_like(self._wrong), where=totals > 0), axis=1)
        cumulative /= np.where(totals > 0, cumulative[:, -1:], 1)  # end at 1 exactly, whatever the rounding
        # Row i is shifted by i, so that one search over all rows answers for any mix of classes. A class of probability
        # 0 (the own one) is an empty interval, which a search from the right never returns.
        cumulative += np.arange(self.classes)[:, None]
        return cumulative.ravel()

    def wrong(self, clean: Labels, rest: Matrix) -> Labels:
        return np.searchsorted(self._edges, clean + rest, side="right") - clean * self.classes

    def share_out(self, clean: int, count: int, lots: Matrix) -> Labels:
        quotas = np.round(count * (self._wrong[clean] / self.leave[clean]), 9)
        counts = np.floor(quotas).astype(np.int64)
        order = np.lexsort((lots, counts - quotas))
        counts[order[: count - counts.sum()]] += 1
        return np.repeat(np.arange(self.classes), counts)

    def row(self, clean: int) -> tuple[Labels, Matrix]:
        return np.arange(self.classes), self._matrix[clean]

    def matrix(self) -> Matrix:
        return self._matrix.copy()
