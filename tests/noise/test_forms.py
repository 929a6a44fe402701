"""Labels drawn from a form of a transition matrix are, bit for bit, those drawn from the matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli import noise
from smkd_cli.artifacts.manifest import labels_sha256
from smkd_cli.errors import UsageError
from smkd_cli.noise import sampling
from smkd_cli.noise.forms import Dense, Even, Single, Transitions
from smkd_cli.noise.forms.even import sums_without_one

KINDS = ("clean", "given", "pairflip", "symmetric", "symmetric-inclusive")
# Up to 8 and up to 128 numbers NumPy adds in ways of their own; beyond, it halves them.
CLASSES = st.integers(2, 20) | st.integers(120, 140) | st.integers(250, 520)
RATES = st.floats(0, 1) | st.sampled_from([0, 1e-300, 1e-17, 1e-9, 0.2, 0.4, 0.5, 1 - 1e-16, 1])


def form_of(kind: str, rate: float, classes: int) -> Transitions:
    return noise.transitions(kind, 0 if kind in noise.WITHOUT_RATE else rate, classes)


@given(kind=st.sampled_from(KINDS), rate=RATES, classes=CLASSES)
@settings(max_examples=150, deadline=None)
def test_sums_and_bounds_are_those_of_the_matrix(kind: str, rate: float, classes: int) -> None:
    form = form_of(kind, rate, classes)
    assert isinstance(form, Even | Single)
    dense = Dense(form.matrix())
    for name in ("stay", "leave", "rival"):
        np.testing.assert_array_equal(getattr(form, name), getattr(dense, name), err_msg=name)
    for clean in {0, classes // 2, classes - 1}:
        row = np.zeros(classes)
        others, row[others] = form.row(clean)[0], form.row(clean)[1]
        np.testing.assert_array_equal(row, dense.row(clean)[1])
        assert others[-1] == classes - 1
        assert (np.diff(others) > 0).all()


@given(
    kind=st.sampled_from(KINDS),
    rate=RATES,
    classes=CLASSES,
    how=st.sampled_from(noise.samplings()),
    count=st.integers(0, 1_500),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_labels_are_those_drawn_from_the_matrix(
    kind: str, rate: float, classes: int, how: str, count: int, seed: int
) -> None:
    clean = np.random.default_rng(seed).integers(0, classes, count)
    form = form_of(kind, rate, classes)
    draw: Callable[..., np.ndarray] = sampling._SAMPLINGS[how]
    np.testing.assert_array_equal(draw(clean, form, seed), draw(clean, Dense(form.matrix()), seed))


@pytest.mark.parametrize(
    ("kind", "rate", "how", "start"),
    [
        ("symmetric", 0.4, "per-sample", "82bdf85ef4cf740c"),
        ("symmetric", 0.4, "exact", "1dfb582234e0cc14"),
        ("symmetric-inclusive", 0.3, "per-sample", "dcddfb21cb050c2f"),
        ("symmetric-inclusive", 0.3, "exact", "14c8c722d26d8596"),
        ("pairflip", 0.45, "per-sample", "22ff2f9fcfec84e4"),
        ("pairflip", 0.45, "exact", "f840d09fb6e21335"),
    ],
)
def test_labels_stay_what_they_are_in_manifests_of_the_past(kind: str, rate: float, how: str, start: str) -> None:
    clean = np.arange(20_000) * 7919 % 150
    drawn = noise.corrupt_labels(clean, kind=kind, rate=rate, classes=150, seed=1, sampling=how)
    assert labels_sha256(drawn).startswith(start)


@pytest.mark.parametrize(("kind", "rate"), [("symmetric", 0.4), ("symmetric-inclusive", 0.37), ("pairflip", 0.45)])
@pytest.mark.parametrize("how", ["per-sample", "exact"])
def test_two_thousand_classes(kind: str, rate: float, how: str) -> None:
    clean = np.random.default_rng(3).integers(0, 2_000, 60_000)
    form = form_of(kind, rate, 2_000)
    draw: Callable[..., np.ndarray] = sampling._SAMPLINGS[how]
    np.testing.assert_array_equal(draw(clean, form, 5), draw(clean, Dense(form.matrix()), 5))


@given(classes=CLASSES, rate=st.floats(1e-6, 1))
@settings(max_examples=60, deadline=None)
def test_numbers_at_the_edges_between_classes(classes: int, rate: float) -> None:
    form = Even(classes, 1 - rate, rate / (classes - 1))
    edges = np.arange(classes - 1) / (classes - 1)
    near = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1), edges + 1e-13, [1 - 2.0**-32]])
    clean = np.resize([0, classes // 2, classes - 1], len(near))
    np.testing.assert_array_equal(form.wrong(clean, near), Dense(form.matrix()).wrong(clean, near))


@given(
    classes=st.integers(2, 12),
    count=st.integers(1, 60),
    lots=st.lists(st.integers(0, 3), min_size=12, max_size=12),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_shares_are_those_of_the_matrix_even_where_lots_are_equal(
    classes: int, count: int, lots: list[int], data: st.DataObject
) -> None:
    clean = data.draw(st.integers(0, classes - 1))
    drawn = np.array(lots[:classes], dtype=float)
    form = Even(classes, 0.6, 0.4 / (classes - 1))
    shares = form.share_out(clean, count, drawn)
    np.testing.assert_array_equal(shares, Dense(form.matrix()).share_out(clean, count, drawn))
    assert len(shares) == count
    assert clean not in shares


def test_sums_of_ten_thousand_are_those_of_numpy() -> None:
    before = np.setbufsize(1 << 14)  # NumPy before 2.3 adds the sums of pieces of this size
    row = np.full(10_000, 0.4 / 9_999)
    for number, total in list(enumerate(sums_without_one(10_000, 0.4 / 9_999)))[::97]:
        row[number] = 0
        assert row.sum() == total
        row[number] = 0.4 / 9_999
    np.setbufsize(before)


def test_more_classes_than_a_matrix_has_room_for() -> None:
    clean = np.arange(300_000) % 100_000
    drawn = noise.corrupt_labels(clean, kind="symmetric", rate=0.4, classes=100_000, seed=1)
    assert (drawn != clean).mean() == pytest.approx(0.4, abs=0.01)
    assert drawn.min() >= 0
    assert drawn.max() < 100_000
    assert noise.check("symmetric", 0.4, 100_000) == []
    with pytest.raises(UsageError, match="at most 10000"):
        noise.transition_matrix("symmetric", 0.4, 10_001)
