"""Transition matrices of all kinds, and what may be asked of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli import noise
from smkd_cli.data.pickles import read_arrays
from smkd_cli.errors import UsageError

RATES = st.floats(0, 1)
CLASSES = st.integers(2, 40)


def test_kinds_are_found_by_their_files() -> None:
    assert noise.kinds() == ("asymmetric", "clean", "given", "pairflip", "symmetric", "symmetric-inclusive")


@given(kind=st.sampled_from(["symmetric", "symmetric-inclusive", "pairflip"]), rate=RATES, classes=CLASSES)
@settings(max_examples=60, deadline=None)
def test_rows_are_distributions(kind: str, rate: float, classes: int) -> None:
    matrix = noise.transition_matrix(kind, rate, classes)
    assert matrix.shape == (classes, classes)
    assert matrix.dtype == np.float64
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)


@given(rate=RATES, classes=CLASSES)
@settings(max_examples=40, deadline=None)
def test_closed_forms(rate: float, classes: int) -> None:
    off = ~np.eye(classes, dtype=bool)
    symmetric = noise.transition_matrix("symmetric", rate, classes)
    np.testing.assert_allclose(symmetric[off], rate / (classes - 1))
    np.testing.assert_allclose(symmetric.diagonal(), 1 - rate)
    inclusive = noise.transition_matrix("symmetric-inclusive", rate, classes)
    np.testing.assert_allclose(inclusive[off], rate / classes)
    pairflip = noise.transition_matrix("pairflip", rate, classes)
    np.testing.assert_array_equal([pairflip[i, (i + 1) % classes] for i in range(classes)], rate)
    np.testing.assert_array_equal(noise.transition_matrix("clean", 0, classes), np.eye(classes))


def test_asymmetric_cifar10_is_the_map_of_patrini() -> None:
    matrix = noise.transition_matrix("asymmetric", 0.3, 10, "cifar10")
    flips = {(int(clean), int(noisy)) for clean, noisy in np.argwhere(matrix == 0.3)}
    assert flips == {(9, 1), (2, 0), (3, 5), (5, 3), (4, 7)}
    np.testing.assert_array_equal(matrix.diagonal(), [1, 1, 0.7, 0.7, 0.7, 0.7, 1, 1, 1, 0.7])


def test_asymmetric_cifar100_rotates_the_true_superclasses() -> None:
    flips = noise.transition_matrix("asymmetric", 1, 100, "cifar100").argmax(axis=1)
    assert sorted(flips) == list(range(100))
    # beaver -> dolphin -> otter -> seal -> whale -> beaver, the aquatic mammals
    assert [int(flips[fine]) for fine in (4, 30, 55, 72, 95)] == [30, 55, 72, 95, 4]
    five_times = np.arange(100)
    for _ in range(5):
        five_times = flips[five_times]
    assert (five_times == np.arange(100)).all()


def test_asymmetric_cifar100_agrees_with_the_data_set(real_data: Path) -> None:
    batch = read_arrays(real_data / "cifar-100-python" / "train")
    superclass = dict(zip(batch["fine_labels"], batch["coarse_labels"], strict=True))
    flips = noise.transition_matrix("asymmetric", 1, 100, "cifar100").argmax(axis=1)
    assert all(superclass[fine] == superclass[int(flips[fine])] and fine != flips[fine] for fine in range(100))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("symetric", 0.4, 10), "did you mean symmetric?"),
        (("nonsense", 0.4, 10), "there are asymmetric, clean"),
        (("symmetric", 1.1, 10), "1.1 is not in"),
        (("symmetric", -0.1, 10), "-0.1 is not in"),
        (("pairflip", float("nan"), 10), "nan is not in"),
        (("pairflip", 0.4, 1), "at least 2 classes, not 1"),
        (("symmetric", 0.4, 1_000_000), "too many"),
        (("clean", 0.1, 10), "noise rate 0, not 0.1"),
        (("asymmetric", 0.3, 10, "digits"), "cifar10 and cifar100, not of digits"),
        (("asymmetric", 0.3, 10), "cifar10 and cifar100, not of others"),
        (("asymmetric", 0.3, 9, "cifar10"), "its 10 classes, not 9"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, float, int], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        noise.transition_matrix(*arguments)
    with pytest.raises(UsageError):
        noise.check(*arguments)


@pytest.mark.parametrize(
    ("kind", "limit", "classes", "dataset"),
    [
        ("pairflip", 0.5, 10, None),
        ("symmetric", 0.9, 10, None),
        ("symmetric", 0.99, 100, None),
        ("symmetric-inclusive", 1.0, 7, None),
        ("asymmetric", 0.5, 10, "cifar10"),
        ("asymmetric", 0.5, 100, "cifar100"),
    ],
)
def test_warns_from_the_rate_on_at_which_noise_is_not_identifiable(
    kind: str, limit: float, classes: int, dataset: str | None
) -> None:
    (warning,) = noise.check(kind, limit, classes, dataset)
    assert f"{kind} noise of rate {limit:g} is not identifiable" in warning
    assert noise.check(kind, limit - 0.001, classes, dataset) == []
