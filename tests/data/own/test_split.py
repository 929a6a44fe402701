"""Which images are for testing, for any labels and groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.data.own.listing import TEST, Listing
from smkd_cli.data.own.split import splits_of


def listing(labels: list[int], groups: list[int] | None = None) -> Listing:
    paths = np.array([f"{index}.jpg" for index in range(len(labels))], object)
    named = None if groups is None else np.array([str(group) for group in groups], object)
    return Listing(paths, np.array(labels, np.int64), tuple("abcde"), groups=named)


LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=80)


@given(labels=LABELS, test=st.floats(0, 0.99), seed=st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_each_class_gives_its_share_and_keeps_one(labels: list[int], test: float, seed: int) -> None:
    made = listing(labels)
    is_test = splits_of(made, test, seed) == TEST
    for label in set(labels):
        count = labels.count(label)
        assert is_test[made.labels == label].sum() == min(round(test * count), count - 1)
    np.testing.assert_array_equal(is_test, splits_of(made, test, seed) == TEST)


@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=80), seed=st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_a_group_stays_together(rows: list[tuple[int, int]], seed: int) -> None:
    labels, groups = [label for label, _ in rows], [group for _, group in rows]
    made = listing(labels, groups)
    is_test = splits_of(made, 0.3, seed) == TEST
    for group in set(groups):
        assert len(set(is_test[np.array(groups) == group])) == 1
    counts = np.bincount(made.labels, minlength=5)
    wanted = np.minimum(np.rint(0.3 * counts), np.maximum(counts - 1, 0))
    drawn = np.bincount(made.labels[is_test], minlength=5)
    assert np.abs(drawn - wanted).sum() <= wanted.sum()  # no worse than drawing none


def test_given_splits_are_kept() -> None:
    made = listing([0, 0, 1, 1])
    made = Listing(
        made.paths, made.labels, made.class_names, np.array(["train", "test", "train", "validation"], object)
    )
    assert splits_of(made, 0.9, 0).tolist() == ["train", "test", "train", "validation"]
