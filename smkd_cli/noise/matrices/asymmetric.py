"""Asymmetric noise: a label turns into a class that people confuse it with, so it is defined per data set."""

from __future__ import annotations

import numpy as np

from smkd_cli.errors import UsageError
from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.forms import Matrix

# Patrini et al. 2017: truck -> automobile, bird -> airplane, deer -> horse, cat <-> dog.
_CIFAR10 = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}

# The superclass of each fine class of CIFAR-100, as the data set's own ``coarse_labels`` give it. Blocks of five
# consecutive fine labels, which several published codes use instead, are alphabetical and mean nothing.
_CIFAR100_SUPERCLASS = (
    *(4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11),
    *(6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5),
    *(5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17),
    *(10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13),
    *(16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13),
)


def _next_in_superclass() -> dict[int, int]:
    """Every fine class of CIFAR-100 to the next one of its superclass, the last to the first."""
    members: dict[int, list[int]] = {}
    for fine, coarse in enumerate(_CIFAR100_SUPERCLASS):
        members.setdefault(coarse, []).append(fine)
    return {
        fine: following
        for group in members.values()
        for fine, following in zip(group, group[1:] + group[:1], strict=True)
    }


def matrix(rate: float, classes: int, dataset: str | None) -> Matrix:
    """P_ii = 1 - rate and P_i,confused(i) = rate where the class i has a counterpart; other rows stay clean.

    Raises:
        UsageError: the data set is neither cifar10 nor cifar100, or the number of classes is not the data set's.
    """
    if dataset == "cifar10":
        own, confused = 10, _CIFAR10
    elif dataset == "cifar100":
        own, confused = 100, _next_in_superclass()
    else:
        raise UsageError(
            f"asymmetric noise is defined for the classes of cifar10 and cifar100, not of {dataset or 'others'}"
        )
    if classes != own:
        raise UsageError(f"asymmetric noise on {dataset} needs its {own} classes, not {classes}")
    probabilities = np.eye(classes)
    for clean, noisy in confused.items():
        probabilities[clean, clean] = 1 - rate
        probabilities[clean, noisy] = rate
    return probabilities


KIND = NoiseKind(name="asymmetric", matrix=matrix)
