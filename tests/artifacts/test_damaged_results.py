"""Results that are not ours, that are cut, or that hold what no result of ours does: the others are reported."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import record, scored

from smkd_cli.artifacts.result_records import DamagedError, ForeignError, ResultRecord, ScoreRecord, read_record
from smkd_cli.artifacts.results import read_results, write_result

RESULT = {"schema": "smkd/result/1"}
Changed = Callable[..., str]


def changed(path: str, value: Any) -> str:
    """A record's text with one value in another way: ``changed("cell.noise.rate", None)``."""
    made = {**RESULT, **json.loads(json.dumps(record()))}
    *way, last = path.split(".")
    inner: Any = made
    for step in way:
        inner = inner[step]
    inner[last] = value
    return json.dumps(made)


@pytest.fixture
def beside(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Put a ``result.json`` of this content beside one of ours."""

    def put(content: str | bytes) -> Path:
        write_result(tmp_path / "runs" / "a" / "result.json", record())
        path = tmp_path / "runs" / "b" / "result.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
        return path

    return put


@pytest.mark.parametrize(
    "content", ["", "[]", "7", "\x00", "\udcff", '{"accuracy": 0.9}', '{"schema": "other/1"}', '{"a":' * 999, "x" * 99]
)
def test_what_is_not_ours_is_passed_over_with_a_notice(content, beside, smkd):
    path = beside(content)
    result = smkd("report", "runs", "--format", "json")
    assert result.code == 0
    assert result.err == "passed over what is not of smkd (1): runs/b/result.json\n"
    assert "not of smkd" not in smkd("report", "runs", "--quiet").err
    alone = smkd("report", "runs/b")
    assert (alone.code, alone.out) == (4, "")
    assert "runs/b/result.json is not of smkd" in alone.err
    assert "delete" not in alone.err
    assert path.exists()


def test_runs_below_a_foreign_result_are_found(tmp_path, smkd):
    write_result(tmp_path / "runs" / "ours" / "result.json", record())
    (tmp_path / "runs" / "result.json").write_text('{"best": 3}')
    assert "Sources: runs (1 result)." in smkd("report", "runs").out
    assert "Sources: runs (1 result)." in smkd("report").out


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_a_result_that_is_no_regular_file(kind, tmp_path, smkd):
    write_result(tmp_path / "runs" / "a" / "result.json", record())
    odd = tmp_path / "runs" / "b" / "result.json"
    odd.parent.mkdir()
    {"folder": odd.mkdir, "pipe": lambda: os.mkfifo(odd), "device": lambda: odd.symlink_to("/dev/zero")}[kind]()
    result = smkd("report", "runs")
    assert result.code == 0
    assert "passed over what is not of smkd (1): runs/b/result.json" in result.err


@pytest.mark.parametrize("source", ["/dev/zero", "zero.json"])
def test_endless_input_is_refused(source, tmp_path, smkd):
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    result = smkd("report", source)
    assert (result.code, len(result.err) < 300) == (4, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema": "smkd/result/1", "sta', "Invalid JSON: EOF"),
        ('{"schema": "smkd/result/9"}', "schema 'smkd/result/9' is not known"),
        ('{"schema": "smkd/result/1"}', "status: Field required"),
        (changed("scores", None), "a finished cell has scores"),
        (changed("scores.last.mean", -1.0), "scores.last.mean"),
        (changed("cell.options.eta", 10**400), "cell.options.eta: is too large a number"),
        (changed("cell.options.eta", float("inf")), "cell.options.eta: should be a finite number"),
        (changed("cell.options.eta", float("nan")), "cell.options.eta: should be a finite number"),
        (changed("cell.options.eta", [1, {"a": float("inf")}]), "cell.options.eta: should be a finite number"),
        (changed("cell.options", []), "cell.options"),
        (changed("cell.epochs", -1), "cell.epochs"),
        (changed("cell.epochs", 10**400), "cell.epochs"),
        (changed("cell.seed", 0.5), "cell.seed"),
        (changed("cell.networks", ["a", "b", "c"]), "cell.networks"),
        (changed("cell.label", ["x"]), "cell.label"),
        (changed("cell.own_protocol", {"epochs": []}), "cell.own_protocol.epochs"),
        (changed("cell.own_protocol", {"optimizer": 3}), "cell.own_protocol.optimizer"),
        (changed("cell.own_protocol", {"optimizer": {}}), "cell.own_protocol.optimizer.name"),
        (changed("cell.noise.rate", "0.4"), "cell.noise.rate"),
        (changed("scores.last.mean", 0).replace('"mean": 0', '"mean": 1e999'), "scores.last.mean"),
    ],
)
def test_a_record_of_ours_that_cannot_be_used_is_named_and_the_others_are_reported(content, message, beside, smkd):
    beside(content)
    result = smkd("report", "runs")
    assert result.code == 0
    assert "warning: passed over what cannot be used (1): runs/b/result.json: damaged: " in result.err
    assert message in result.err
    assert "1 record cannot be used: runs/b/result.json" in " ".join(result.out.split())
    alone = smkd("report", "runs/b")
    assert (alone.code, alone.out) == (4, "")
    assert f"no results that can be used: {Path('runs/b/result.json')}" in alone.err
    assert "delete" not in alone.err


def test_of_many_damaged_records_some_are_named(tmp_path, smkd):
    write_result(tmp_path / "runs" / "a" / "result.json", record())
    for number in range(20):
        folder = tmp_path / "runs" / f"cut{number:02}"
        folder.mkdir()
        (folder / "result.json").write_text('{"schema": "smkd/result/1", "x')
    assert "(20): runs/cut00/" in (errors := smkd("report", "runs").err)
    assert "and 17 more" in errors
    assert len(errors) < 1000


def test_a_folder_below_that_cannot_be_read(tmp_path, smkd, monkeypatch):
    write_result(tmp_path / "runs" / "a" / "result.json", record())
    (tmp_path / "runs" / "shut").mkdir()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = smkd("report", "runs")
    assert (result.code, "runs/shut: cannot be read: Permission denied" in result.err) == (0, True)


@pytest.mark.parametrize("target", ["odd", "../a/result.json/x", "x" * 300])
def test_a_link_that_leads_nowhere_is_passed_over(tmp_path, smkd, target):
    write_result(tmp_path / "runs" / "a" / "result.json", record())
    (tmp_path / "runs" / "b").mkdir()
    (tmp_path / "runs" / "b" / "odd").symlink_to(target)
    result = smkd("report", "runs")
    assert (result.code, "61.00" in result.out) == (0, True)
    assert "runs/b/odd: cannot be read: " in result.err


def test_folders_nested_deeper_than_a_program_can_call(tmp_path):
    write_result(tmp_path / "runs" / Path(*["d"] * 300) / "result.json", record())
    depth = sum(1 for _ in traceback.walk_stack(sys._getframe()))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 290)
    try:
        found = read_results(str(tmp_path / "runs"))
    finally:
        sys.setrecursionlimit(limit)
    assert len(found.results) == 1


ODD = [None, True, 0, -3, 1.5, 10**30, "x", "", [], [1, [2]], {}, {"a": {"b": None}}, ["oracle"]]


@pytest.mark.parametrize("name", ["eta", "b2", "peer", "epoch", "rate", "label", "dataset", "exchange", "noise", "odd"])
@pytest.mark.parametrize("form", ["terminal", "csv", "json"])
def test_options_of_any_type_have_their_place_or_none(name, form, smkd):
    def text(number: int, value: Any) -> str:
        cell = record()["cell"] | {"tables": ["II", "V", "figure2", "figure3", "figure4"], "seed": number}
        cell |= {"method": "SMKD-P+MyLC", "options": {"eta": 2.0, "b2": 1.0, name: value}}
        cell["noise"] |= {"rate": [0.4, 0.6, None][number % 3]}
        return json.dumps(scored(cell=cell))

    lines = "\n".join(text(number, value) for number, value in enumerate(ODD))
    result = smkd("report", "-", "--format", form, "--against", "CE", stdin=f"{lines}\n{json.dumps(scored())}")
    assert result.code == 0, result.err


def test_a_peer_whose_last_epoch_is_not_known(smkd):
    score = {"mean": 61.0, "a": None, "b": 62.0}
    cell = record()["cell"] | {"tables": ["IV"], "networks": ["resnet18", "shufflenet_v2"]}
    lines = [json.dumps(scored(cell=cell, epochs={"last": score, "selected": {"mean": 61.0, "a": 60.0}}))] * 2
    assert smkd("report", "-", stdin="\n".join(lines)).code == 0


def test_a_record_with_a_key_twice_counts_once(smkd):
    line = json.dumps(scored()).replace('"split": "test"', '"split": "train", "split": "test"')
    assert smkd("report", "-", stdin=line).code == 0


@pytest.mark.parametrize(
    "checkpoint", ["", "x\0y", "a" * 5000, "a/" * 3000, "loop", "loop/x", "\n", "/dev/zero", "~", "."]
)
def test_a_checkpoint_that_is_no_path_here(checkpoint, tmp_path, smkd):
    (tmp_path / "runs" / "begun").mkdir(parents=True)
    for name in ("recipe.yaml", "metrics.csv"):
        (tmp_path / "runs" / "begun" / name).touch()
    (tmp_path / "loop").symlink_to("loop")
    cell = record()["cell"] | {"tables": ["figure2"], "method": "SMKD-S+MyLC", "options": {"eta": 2}}
    lines = [json.dumps(scored(checkpoint=checkpoint, **facts)) for facts in ({}, {"cell": cell}, {"cell": None})]
    (tmp_path / "scores").write_text("\n".join([*lines, json.dumps(scored())]))
    result = smkd("report", "runs", "scores")
    assert result.code == 0, result.err


SINGLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SINGLE | st.sampled_from([10**400, -(10**400)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.sampled_from(
    ["status", "error", "cell", "scores", "provenance", "scores.last", "scores.best", "scores.last.a", "cell.noise"]
    + [f"cell.{name}" for name in record()["cell"]]
    + [f"cell.noise.{name}" for name in record()["cell"]["noise"]]
    + ["cell.own_protocol", "cell.options.b2", "scores.selected.by", "provenance.finished"]
)


FORMATS = st.sampled_from(["terminal", "markdown", "latex", "csv", "json"])
START = json.dumps({**RESULT, **record()}).encode()


@given(changes=st.lists(st.tuples(PATHS, VALUES), max_size=3), form=FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_record_it_is_reported_or_passed_over(changes, form, smkd):
    made: dict[str, Any] = {**RESULT, **record()}
    for path, value in changes:
        inner: Any = made
        *way, last = path.split(".")
        for step in way:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[last] = value
    result = smkd("report", "-", "--format", form, stdin=f"{json.dumps(made)}\n{json.dumps(scored())}")
    assert result.code == 0, result.err
    assert all(letter.isprintable() or letter == "\n" for letter in result.out + result.err)


@given(
    st.binary(max_size=200) | st.builds(lambda at, more: START[:at] + more, st.integers(0, 999), st.binary(max_size=9))
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_record_or_are_refused(content):
    try:
        read = read_record(content)
    except (DamagedError, ForeignError) as error:
        read = str(error)
    assert read.isprintable() if isinstance(read, str) else isinstance(read, ResultRecord | ScoreRecord)
