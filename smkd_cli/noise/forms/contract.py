"""What drawing labels asks of a transition matrix."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Matrix = NDArray[np.float64]


class Transitions(ABC):
    """The probabilities P(noisy = j | clean = i) of C classes.

    Attributes:
        stay: float64 (C,), P_ii.
        leave: float64 (C,), the sum of the row's other entries, as NumPy adds them up.
        rival: float64 (C,), the largest of the row's other entries.
    """

    stay: Matrix
    leave: Matrix
    rival: Matrix

    @property
    def classes(self) -> int:
        """The number of classes C."""
        return len(self.stay)

    @abstractmethod
    def wrong(self, clean: Labels, rest: Matrix) -> Labels:
        """Pick a wrong class for each label.

        Args:
            clean: (m,), the classes of labels that do not stay.
            rest: (m,), uniform numbers in [0, 1 - 2⁻³²].

        Returns:
            (m,), where ``rest`` falls in the cumulative distribution over the row's wrong classes.
        """

    @abstractmethod
    def share_out(self, clean: int, count: int, lots: Matrix) -> Labels:
        """Share wrong labels out in the proportions of a row, by largest remainder.

        Args:
            clean: the class of the row.
            count: how many labels, at least 1.
            lots: (C,), different numbers; of equal remainders the smaller lot wins.

        Returns:
            (count,), sorted.
        """

    @abstractmethod
    def row(self, clean: int) -> tuple[Labels, Matrix]:
        """A row of the matrix: classes, rising, and their probabilities.

        Classes of probability 0 may be left out, but not the last one: a multinomial draw gives it the remainder.
        """

    @abstractmethod
    def matrix(self) -> Matrix:
        """All entries, (C, C), row clean, column noisy."""
