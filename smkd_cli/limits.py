"""Bounds that several packages share."""

from __future__ import annotations

# More classes than any data set has: the labels are numbers of something else.
MAX_CLASSES = 100_000
# NumPy's legacy generator, which the sampling of Co-teaching needs, takes seeds of 32 bits.
MAX_SEED = 2**32 - 1
# Ten times the largest data set of labelled images; of their labels memory holds a few gigabytes.
MAX_SAMPLES = 100_000_000
