"""Results as files: written checked, read checked, found in folders."""

from __future__ import annotations

import gzip
import json
import math
import os
import re

import pytest
from records import record, scored

from smkd_cli.artifacts import metrics
from smkd_cli.artifacts.metrics import read_metrics
from smkd_cli.artifacts.results import read_results, write_result
from smkd_cli.errors import DataError


def test_what_is_written_is_read(tmp_path):
    write_result(tmp_path / "run" / "result.json", record())
    [result] = read_results(str(tmp_path)).results
    assert result.path == tmp_path / "run"
    assert result.cell is not None
    assert result.scores is not None
    assert (result.cell.method, result.cell.options, result.cell.noise.rate) == ("CE", {"eta": 2.0}, 0.4)
    assert (result.scores.last.mean, result.scores.last.ensemble) == (61.0, 63.0)
    assert result.scores.selected is not None
    assert result.scores.selected.by == "last epoch"
    assert json.loads((tmp_path / "run" / "result.json").read_text())["provenance"]["smkd"] == "0.1.0"


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "done"},
        {"scores": None},
        {"status": "failed"},
        {"cell": {"recipe": "r"}},
        {"scores": {"last": {"mean": 101.0}}},
        {"scores": {"last": {"mean": math.nan}}},
        {"scores": {"last": {"mean": "61"}}},
    ],
)
def test_a_wrong_record_is_not_written(wrong, tmp_path):
    with pytest.raises(ValueError, match=r"."):
        write_result(tmp_path / "result.json", record(**wrong))
    assert list(tmp_path.iterdir()) == []


def test_run_directories_are_found_below_and_through_links(tmp_path):
    write_result(tmp_path / "far" / "deep" / "run" / "result.json", record())
    (tmp_path / "far" / "deep" / "run" / "checkpoint").mkdir()
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "link").symlink_to(tmp_path / "far")
    (runs / "loop").symlink_to(runs)
    for name in ("unfinished", "no-run"):
        (runs / name).mkdir()
        (runs / name / "recipe.yaml").touch()
    (runs / "unfinished" / "metrics.csv").touch()
    found = read_results(str(runs))
    assert [result.path for result in found.results] == [runs / "link" / "deep" / "run"]
    assert found.unfinished == [runs / "unfinished"]


def test_score_records_and_paths_in_one_file(tmp_path):
    write_result(tmp_path / "run" / "result.json", record())
    lines = [json.dumps(scored()), "", str(tmp_path / "run"), json.dumps(scored(split="train", mean={"top1": 1.0}))]
    (tmp_path / "scores.jsonl").write_text("\n".join(lines))
    found = read_results(str(tmp_path / "scores.jsonl"))
    assert [result.scores and result.scores.last.mean for result in found.results] == [61.0, 61.0]
    assert found.train_split == 1


def test_the_last_epoch_of_a_score_record(tmp_path):
    other = {"last": {"epoch": 3, "mean": 59.0}, "selected": None, "best": None}
    (tmp_path / "s.jsonl").write_text(json.dumps(scored()) + "\n" + json.dumps(scored(epochs=other)))
    first, second = read_results(str(tmp_path / "s.jsonl")).results
    assert first.scores is not None
    assert second.scores is not None
    assert (first.scores.last.a, first.scores.last.b, first.scores.last.mean, first.scores.last.ensemble) == (
        60,
        62,
        61,
        63,
    )
    assert second.scores.last.mean == 59.0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"schema": "smkd/scores/1"}', "stdin, line 2: damaged: checkpoint: Field required"),
        ("{", "stdin, line 2: damaged"),
        ('{"schema": "other/1"}', "stdin, line 2: damaged: schema 'other/1' is not one of smkd"),
    ],
)
def test_a_damaged_line_is_named_and_the_others_are_reported(line, message, smkd):
    result = smkd("report", "-", stdin=f"{json.dumps(scored())}\n{line}\n")
    assert (result.code, message in result.err, "61.00" in result.out) == (0, True, True)
    alone = smkd("report", "-", stdin=f"\n{line}\n")
    assert (alone.code, alone.out, message in alone.err) == (4, "", True)


def test_a_line_that_is_neither_record_nor_folder(smkd):
    result = smkd("report", "-", stdin=f"{json.dumps(scored())}\nnowhere\n")
    assert (result.code, result.out) == (4, "")
    assert "stdin, line 2: 'nowhere' is neither a score record nor a run directory" in result.err


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"[\n{}\n]\n", "of a JSON array, each record must stand on a line of its own"),
        (json.dumps([scored()]).encode(), "of a JSON array"),
        (json.dumps(scored()).encode("utf-16"), "text in UTF-16 must be saved as UTF-8"),
        (b'"schema": "smkd/result/1",\n', "a record must stand on one line"),
        (gzip.compress(json.dumps(scored()).encode(), mtime=0), "unpack it first (gunzip)"),
        (b"\x1b[31m" * 10_000, "is neither a score record nor a run directory"),
    ],
)
def test_what_is_no_file_of_records_is_reported_in_short(content, hint, tmp_path, smkd):
    (tmp_path / "s.jsonl").write_bytes(content)
    result = smkd("report", "s.jsonl")
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("error: s.jsonl, line 1: ")
    assert hint in result.err
    assert len(result.err) < 400


def test_a_byte_order_mark_is_no_content(tmp_path, smkd):
    (tmp_path / "s.jsonl").write_text(f"{json.dumps(scored())}\n", encoding="utf-8-sig")
    (tmp_path / "result.json").write_text(json.dumps({"schema": "smkd/result/1", **record()}), encoding="utf-8-sig")
    for source in ("s.jsonl", "result.json", "."):
        assert "61.00" in smkd("report", source).out


def test_train_split_scores_are_no_results(smkd):
    both = json.dumps(scored()) + "\n" + json.dumps(scored(split="train")) + "\n"
    assert "1 score record of training images left out" in smkd("report", "-", stdin=both).out
    only = smkd("report", "-", stdin=json.dumps(scored(split="train")))
    assert (only.code, "without --split train" in only.err) == (4, True)


def test_a_lone_checkpoint_is_shown_by_its_path(smkd):
    out = smkd("report", "-", stdin=json.dumps(scored(cell=None, checkpoint="nets/a.safetensors"))).out
    assert "nets/a.safetensors" in out
    assert "61.00 ± — " in out


def test_a_peer_scored_alone_is_no_result_of_the_pair(smkd):
    alone = scored(networks={"b": {"top1": 62.0}}, mean={"top1": 62.0})
    out = smkd("report", "-", "--format", "csv", stdin=json.dumps(scored()) + "\n" + json.dumps(alone)).out
    assert 'single networks,"CE, peer b",symmetric 40%' in out
    assert ",last,62.0,,1,," in out
    assert ",last,61.0,,1,," in out


def test_metrics(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,x,y,z\n1,2.5,-1,\n2,3,4,\n")
    assert read_metrics(tmp_path, "epoch", "x", "y") == [(1.0, 2.5, -1.0), (2.0, 3.0, 4.0)]
    assert math.isnan(read_metrics(tmp_path, "z")[0][0])
    (tmp_path / "metrics.csv").write_text("epoch,x\n")
    assert read_metrics(tmp_path, "x") == []
    with pytest.raises(DataError, match=r"metrics\.csv: line 1: there is no column 'z'"):
        read_metrics(tmp_path, "z")
    with pytest.raises(DataError, match="cannot be read"):
        read_metrics(tmp_path / "absent", "x")


WHOLE = "epoch,x,y\n1,2.5,7\n2,3.5,8\n3,4.5,9\n"


@pytest.mark.parametrize("cut", range(1, len(WHOLE)))
def test_metrics_that_were_cut_anywhere_are_refused_or_whole_rows(tmp_path, cut):
    (tmp_path / "metrics.csv").write_text(WHOLE[:cut])
    if WHOLE[cut - 1] == "\n":
        assert read_metrics(tmp_path, "x", "y") == [(2.5, 7), (3.5, 8), (4.5, 9)][: WHOLE[:cut].count("\n") - 1]
    else:
        with pytest.raises(DataError, match=r"metrics\.csv: line \d"):
            read_metrics(tmp_path, "x", "y")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3.5", "inf", "line 3: x is inf"),
        ("3.5", "nan", "line 3: x is nan"),
        ("3.5", "-1e300", "line 3: x is -1e"),
        ("3.5", "many", "line 3: x is many"),
        ("\n2,", "\ninf,", "line 3: it is not the row of epoch 2"),
        ("\n2,3.5,8", "", "line 3: it is not the row of epoch 2"),
        ("2,3.5,8", "2,3.5,8\n2,3.5,8", "line 4: it is not the row of epoch 3"),
        ("3.5,8", "3.5", "line 3: it has 2 fields, but the header has 3"),
        ("3.5,8", '"3.5,8', "line 3"),
        ("3.5,8", "3.5,8,9", "line 3: it has 4 fields, but the header has 3"),
        ("3.5", "\0", "line 3"),
        ("3.5", "9" * 200_000, "line 3"),
    ],
)
def test_metrics_that_cannot_be_believed_are_refused(tmp_path, old, new, message):
    (tmp_path / "metrics.csv").write_text(WHOLE.replace(old, new, 1))
    with pytest.raises(DataError, match=re.escape(f"metrics.csv: {message}")):
        read_metrics(tmp_path, "x", "y")


@pytest.mark.parametrize("source", ["/dev/zero", "pipe"])
def test_metrics_that_are_no_file_are_refused(tmp_path, source):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "metrics.csv").symlink_to(source)
    with pytest.raises(DataError, match=r"metrics\.csv: cannot be read: it is no regular file"):
        read_metrics(tmp_path, "x")


def test_metrics_of_more_epochs_than_there_can_be_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "_MOST_ROWS", 1000)
    rows = "".join(f"{epoch}\n" for epoch in range(1, 1002))
    (tmp_path / "metrics.csv").write_text(f"epoch\n{rows}")
    with pytest.raises(DataError, match=r"metrics\.csv: line 1002: no training has so many epochs"):
        read_metrics(tmp_path, "epoch")


def test_options_that_are_no_json_are_refused(tmp_path):
    path = tmp_path / "run" / "result.json"
    write_result(path, record())
    path.write_text(path.read_text().replace('"eta": 2.0', '"eta": Infinity'))
    found = read_results(str(tmp_path))
    assert not found.results
    assert "options" in found.damaged[0]
