"""How labels are drawn: frequencies, exact counts, and the published random stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli import noise
from smkd_cli.errors import DataError, UsageError

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())["values"]


def draw(labels: Any, kind: str, rate: float, classes: int, **options: Any) -> np.ndarray:
    return noise.corrupt_labels(labels, **{"seed": 0} | options, kind=kind, rate=rate, classes=classes)


def confusion(clean: np.ndarray, noisy: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(clean * classes + noisy, minlength=classes**2).reshape(classes, classes)


@pytest.mark.parametrize("sampling", noise.samplings())
@pytest.mark.parametrize(("kind", "dataset"), [(kind, "cifar10") for kind in noise.kinds()])
def test_frequencies_are_the_matrix(kind: str, dataset: str, sampling: str) -> None:
    classes, each = 10, 2_000
    rate = 0 if kind in noise.WITHOUT_RATE else 0.35
    clean = np.random.default_rng(1).permutation(np.repeat(np.arange(classes), each))
    noisy = draw(clean, kind, rate, classes, seed=7, sampling=sampling, dataset=dataset)
    assert noisy.dtype == np.int64
    matrix = noise.transition_matrix(kind, rate, classes, dataset)
    counts = confusion(clean, noisy, classes)
    assert (counts[matrix == 0] == 0).all(), "an impossible label was drawn"
    tolerance = 1 / each if sampling == "exact" else 5 * np.sqrt(matrix * (1 - matrix) / each)
    assert (np.abs(counts / each - matrix) <= tolerance + 1e-12).all()


def test_one_hundred_classes_by_chi_square() -> None:
    clean = np.repeat(np.arange(100), 3_000)
    matrix = noise.transition_matrix("symmetric", 0.6, 100)
    counts = confusion(clean, draw(clean, "symmetric", 0.6, 100), 100)
    chi_square = ((counts - 3_000 * matrix) ** 2 / (3_000 * matrix)).sum()
    degrees = 100 * 99
    assert abs(chi_square - degrees) < 4 * np.sqrt(2 * degrees)


@given(
    labels=st.lists(st.integers(0, 6), max_size=60),
    kind=st.sampled_from(["symmetric", "symmetric-inclusive", "pairflip"]),
    rate=st.floats(0, 1),
    sampling=st.sampled_from(noise.samplings()),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=120, deadline=None)
def test_any_labels(labels: list[int], kind: str, rate: float, sampling: str, seed: int) -> None:
    clean = np.array(labels, dtype=np.int64)
    before = clean.copy()
    noisy = draw(clean, kind, rate, 7, sampling=sampling, seed=seed)
    assert noisy.shape == clean.shape
    assert ((noisy >= 0) & (noisy < 7)).all()
    np.testing.assert_array_equal(clean, before)
    np.testing.assert_array_equal(noisy, draw(clean, kind, rate, 7, sampling=sampling, seed=seed))
    if rate == 0:
        np.testing.assert_array_equal(noisy, clean)
    if rate == 1 and kind != "symmetric-inclusive":
        assert (noisy != clean).all()


@given(sizes=st.lists(st.integers(0, 40), min_size=2, max_size=8), percent=st.integers(0, 100))
@settings(max_examples=80, deadline=None)
def test_exact_changes_exactly_the_rounded_share_of_each_class(sizes: list[int], percent: int) -> None:
    classes = len(sizes)
    clean = np.repeat(np.arange(classes), sizes)
    flips = [round(percent * size / 100) for size in sizes]
    for kind in ("symmetric", "pairflip"):
        counts = confusion(clean, draw(clean, kind, percent / 100, classes, sampling="exact"), classes)
        assert (counts.sum(axis=1) - counts.diagonal()).tolist() == flips
        if kind == "symmetric":
            others = counts[~np.eye(classes, dtype=bool)].reshape(classes, classes - 1)
            assert (np.ptp(others, axis=1) <= 1).all(), "wrong classes must be hit alike"


def test_exact_draws_lots_for_the_remainder() -> None:
    clean = np.zeros(10, dtype=np.int64)
    hit = {int(draw(clean, "symmetric", 0.1, 10, sampling="exact", seed=seed).max()) for seed in range(60)}
    assert hit == set(range(1, 10))


def test_seeds_give_different_labels() -> None:
    clean = np.arange(1_000) % 10
    drawn = [draw(clean, "symmetric", 0.4, 10, seed=seed) for seed in range(3)]
    assert (drawn[0] != drawn[1]).any()
    assert (drawn[1] != drawn[2]).any()


def test_a_prefix_of_the_labels_gets_a_prefix_of_the_noise() -> None:
    clean = np.arange(600_000) % 10  # more than one block
    whole = draw(clean, "symmetric", 0.4, 10)
    np.testing.assert_array_equal(draw(clean[:300_000], "symmetric", 0.4, 10), whole[:300_000])


@pytest.mark.parametrize(
    ("kind", "rate", "key"),
    [("symmetric", 0.4, "noise sym .4"), ("pairflip", 0.45, "noise pair .45")],
)
def test_coteaching_reproduces_the_published_generator(kind: str, rate: float, key: str) -> None:
    drawn = draw(np.arange(20) % 10, kind, rate, 10, sampling="coteaching")
    assert drawn.tolist() == VECTORS[f"{key} C=10 seed 0, y=0..9,0..9"]


@pytest.mark.parametrize(("kind", "key"), [("symmetric", "noise sym .4"), ("pairflip", "noise pair .4")])
def test_coteaching_reproduces_cifar100(kind: str, key: str) -> None:
    clean = np.arange(50_000) // 500
    drawn = draw(clean, kind, 0.4, 100, sampling="coteaching")
    assert (drawn != clean).sum() == VECTORS[f"{key} C=100, y=i//500, seed 0: flipped count"]
    assert drawn[:20].tolist() == VECTORS[f"{key} first 20"]


@pytest.mark.parametrize(
    ("labels", "options", "error", "message"),
    [
        ([0, 1, 10], {}, DataError, "label 10 at index 2 is not in 0 … 9"),
        ([0, -1], {}, DataError, "label -1 at index 1"),
        ([0.5, 1.0], {}, DataError, "integers, not float64"),
        ([[0], [1]], {}, DataError, r"shape \(2, 1\)"),
        ([0, 1], {"seed": -1}, UsageError, "seed -1"),
        ([0, 1], {"seed": 2**32, "sampling": "coteaching"}, UsageError, "seed 4294967296"),
        ([0, 1], {"sampling": "exakt"}, UsageError, r"unknown sampling 'exakt'; did you mean exact\?"),
    ],
)
def test_wrong_input_is_refused(labels: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        draw(labels, "symmetric", 0.4, 10, **options)
