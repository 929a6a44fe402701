"""Slots and unfinished runs are found as if each were looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.artifacts.results import Result
from smkd_cli.report.layout import Slot, SlotIndex, fits
from smkd_cli.report.notes import Unfinished

VALUES = st.sampled_from([0, 0.0, 1, 1.0, "LS", "CP", ("LS", "CP"), ("symmetric", 0.4), (0, 1), None])
NAMES = st.sampled_from(["label", "noise", "b2"])


@given(
    wheres=st.lists(st.dictionaries(NAMES, VALUES, max_size=2), max_size=8),
    at=st.dictionaries(NAMES, VALUES, max_size=3),
)
@settings(max_examples=300, deadline=None)
def test_a_result_stands_in_the_slots_that_it_fits(wheres: list[dict[str, Any]], at: dict[str, Any]) -> None:
    slots = [Slot(str(number), where) for number, where in enumerate(wheres)]
    assert SlotIndex(slots).of(at) == [number for number, where in enumerate(wheres) if fits(at, where)]


@given(unfinished=st.lists(st.sampled_from("abcd"), max_size=8), finished=st.lists(st.sampled_from("abcd"), max_size=4))
@settings(max_examples=100, deadline=None)
def test_unfinished_runs_beside_results_are_reported_in_their_order(unfinished: list[str], finished: list[str]) -> None:
    paths = [Path("runs") / folder / f"{number}" for number, folder in enumerate(unfinished)]
    results = [Result("runs", Path("runs", folder, "done"), None, None) for folder in finished]
    expected = [path for path, folder in zip(paths, unfinished, strict=True) if folder in finished]
    assert Unfinished(paths).beside(results) == expected
