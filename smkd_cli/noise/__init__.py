"""Label noise: which wrong label a clean one turns into, and how often.

One file per kind in ``matrices/``, one per form of a transition matrix in ``forms/``; NumPy only.
"""

from smkd_cli.noise.catalogue import check, find, kinds, transition_matrix, transitions
from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.sampling import corrupt_labels, samplings

GIVEN = "given"
"""The kind that takes labels as they are."""
WITHOUT_RATE = ("clean", GIVEN)
"""The kinds that change no label."""

__all__ = [
    "GIVEN",
    "WITHOUT_RATE",
    "NoiseKind",
    "check",
    "corrupt_labels",
    "find",
    "kinds",
    "samplings",
    "transition_matrix",
    "transitions",
]
