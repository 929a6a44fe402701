"""The search for the fastest compute configuration: greedy, over one setting at a time that the recipe leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median
from typing import Any

from smkd_cli.recipe import Recipe
from smkd_cli.train.machine.compute import ComputeConfig

# Images per second with a configuration, None where it does not run at all.
Speed = Callable[[ComputeConfig], float | None]

# What is tried instead of the first choice. On CUDA, neither float32 products without TF32 nor steps that are not
# captured are ever the fastest.
_VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "cpu": {"memory_format": ("contiguous",), "precision": ("bfloat16",)},
    "cuda": {
        "precision": ("tf32",),
        "peers": ("side_by_side",),
        "memory_format": ("contiguous",),
        "step": ("compiled",),
    },
}
# Precision comes first: how the rest is best done depends on how long the arithmetic takes. The step comes last:
# compiling takes minutes.
_PARTS = ("precision", "peers", "threads", "memory_format", "step")
_PRECISE = ("bfloat16", "tf32", "float32")

# By what factor another configuration must be faster: more than the measurement's error. A lower precision must be well
# worth it, and a higher one may cost a little.
_GAIN, _GAIN_OF_LESS_PRECISION, _GAIN_OF_MORE_PRECISION = 1.03, 1.25, 0.95
# So slow against what it must be is believed at once.
_HOPELESS = 0.5
# How often two are measured. A GPU's speed is steady, and where its memory is small, each begins with a capture.
_TIMES = {"cpu": 5, "cuda": 2}


def search(first: ComputeConfig, recipe: Recipe, speed: Speed) -> ComputeConfig:
    """The fastest configuration found.

    Args:
        first: where the walk begins; parts that the recipe fixes keep its values.
        speed: measures a configuration.
    """
    best: ComputeConfig | None = None

    def consider(compute: ComputeConfig) -> bool:
        nonlocal best
        if best is None:
            runs = speed(compute) is not None
            best = compute if runs else None
            return runs
        factor = _factor(best, compute)
        of_best: list[float] = []
        of_other: list[float] = []
        # In turns and by their medians: a machine's speed drifts, and one measurement may be far off either way.
        for _ in range(_TIMES[compute.device]):
            of_best.append(speed(best) or 0.0)
            once = speed(compute)
            if once is None or once < _HOPELESS * factor * of_best[-1]:
                return False
            of_other.append(once)
        if median(of_other) < factor * median(of_best):
            return False
        best = compute
        return True

    consider(first)
    for part in _PARTS:
        if getattr(recipe.compute, part) != "auto":
            continue
        for value in _values(part, best or first):
            if not consider(replace(best or first, **{part: value})) and part == "threads":
                break
    return best or first


def open_parts(first: ComputeConfig, recipe: Recipe) -> bool:
    """Whether there is anything to choose."""
    return any(getattr(recipe.compute, part) == "auto" and any(_values(part, first)) for part in _PARTS)


def _values(part: str, best: ComputeConfig) -> Iterator[Any]:
    """What else a part could be."""
    if part == "threads":
        if best.device == "cpu":
            # Side by side, each peer needs a thread.
            least = 2 if best.peers == "side_by_side" else 1
            yield from (best.threads >> halvings for halvings in range(1, 16) if best.threads >> halvings >= least)
    elif part == "peers" and best.device == "cpu":
        if best.threads > 1:
            yield "side_by_side"
    elif part == "step" and best.deterministic:
        return  # the compiler measures which of several codes is the fastest, and these may round in other ways
    else:
        yield from (value for value in _VALUES[best.device].get(part, ()) if value != getattr(best, part))


def _factor(best: ComputeConfig, other: ComputeConfig) -> float:
    if best.precision == other.precision:
        return _GAIN
    less = _PRECISE.index(other.precision) < _PRECISE.index(best.precision)
    return _GAIN_OF_LESS_PRECISION if less else _GAIN_OF_MORE_PRECISION
