"""Accuracies averaged over the classes, and of every class by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAMES = ["cat", "=cmd|' /C'", "\u202eשלום"]
PER_CLASS = {"a": [90.0, 10.0, None], "b": [70.0, 30.0, None]}


def with_classes(path: Path, macro: float | None = 50.0, *, names: list[str] = NAMES) -> Path:
    """A made-up run whose result knows its classes."""
    record = json.loads((path / "result.json").read_text())
    if macro is not None:
        for score in record["scores"].values():
            score |= {"macro_a": macro - 2, "macro_b": macro + 2, "macro_mean": macro, "macro_ensemble": macro + 1}
    record["classes"] = {"names": names, "test_images": [9, 1, 0]}
    record["classes"] |= {f"accuracy_{peer}": values for peer, values in PER_CLASS.items()}
    (path / "result.json").write_text(json.dumps(record))
    return path


def test_the_headline_may_be_the_macro_average(smkd: Callable[..., Any], make_run: Callable[..., Path]) -> None:
    with_classes(make_run(69.0, "CE"), 50.0)
    with_classes(make_run(68.0, "SMKD-P+MyLC"), 60.0)
    make_run(70.0, "LS")  # of an earlier version
    result = smkd("report", "runs", "--metric", "macro_accuracy", "--against", "CE", "--format", "markdown")
    assert result.code == 0, result.err
    assert "written before there was macro_accuracy; smkd eval scores its networks again" in result.err
    assert "**50.00 ± —** n=1" in result.out
    assert "**60.00 ± —** n=1" in result.out
    assert "the mean of the accuracies of all classes" in result.out
    assert "paper 4" not in result.out
    assert "+10.00" in result.out
    both = smkd("report", "runs", "--format", "csv")
    lines = [line.split(",") for line in both.out.splitlines()]
    assert {line[8] for line in lines if line[7] == "macro_accuracy"} == {"50.0", "60.0"}
    assert {line[8] for line in lines if line[7] == "macro_selected"} == {"50.0", "60.0"}
    assert smkd("report", "runs", "--metric", "macro").code == 2


def test_every_class_by_its_name(smkd: Callable[..., Any], make_run: Callable[..., Path]) -> None:
    with_classes(make_run(69.0, "CE"))
    with_classes(make_run(69.0, "CE", seed=2))
    result = smkd("report", "runs", "--per-class", "--format", "csv")
    assert result.code == 0, result.err
    lines = [line for line in result.out.splitlines() if "class_accuracy" in line]
    assert len(lines) == 2, "a class without test images has no accuracy"
    assert lines[0].startswith('"table2, symmetric 40%, classes",cat,CE,CE')
    assert "class_accuracy,80.0,0.0,2" in lines[0]
    assert "'=cmd|' /C'" in lines[1]
    shown = smkd("report", "runs", "--per-class")
    assert "accuracy of each class" in shown.out
    assert "\u202e" not in shown.out


def test_scores_of_networks_know_their_classes(smkd: Callable[..., Any], score_record: Callable[..., str]) -> None:
    record = json.loads(score_record(60.0))
    for peer, values in PER_CLASS.items():
        record["networks"][peer] |= {"per_class": values, "macro": 50.0}
    record["mean"]["macro"] = 50.0
    record["class_names"] = NAMES
    result = smkd("report", "-", "--per-class", "--format", "csv", stdin=json.dumps(record) + "\n")
    assert result.code == 0, result.err
    assert "cat,CE,CE,CE,symmetric,0.4,class_accuracy,80.0" in result.out
    assert ",macro_accuracy,50.0" in result.out
    bare = smkd("report", "-", "--per-class", stdin=score_record(60.0) + "\n")
    assert "has no accuracies of classes; smkd eval scores its networks again" in bare.err
    assert bare.code == 0


def test_an_earlier_result_gets_its_macro_average_from_scoring(
    smkd: Callable[..., Any], score_record: Callable[..., str]
) -> None:
    record = json.loads(score_record(60.0))
    record["epochs"] = {"last": {"epoch": 3, "a": 59.5, "b": 60.5, "mean": 60.0, "ensemble": 61.0}}
    record["mean"]["macro"] = 41.0
    result = smkd("report", "-", "--metric", "macro_accuracy", stdin=json.dumps(record) + "\n")
    assert "41.00" in result.out, result.err


@pytest.mark.parametrize("change", [{"names": [1, 2]}, {"accuracy_a": ["x"]}, {"accuracy_b": [101.0]}])
def test_classes_that_are_damaged(
    smkd: Callable[..., Any], make_run: Callable[..., Path], change: dict[str, Any]
) -> None:
    path = with_classes(make_run(69.0, "CE"))
    record = json.loads((path / "result.json").read_text())
    record["classes"] |= change
    (path / "result.json").write_text(json.dumps(record))
    result = smkd("report", "runs")
    assert result.code == 4
    assert "damaged: classes." in result.err
