"""Files of earlier versions are read: results and metrics whose columns were called otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smkd_cli.artifacts.metrics import read_metrics
from smkd_cli.artifacts.result_records import read_result

COMMITTED = sorted((Path(__file__).parents[2] / "benchmarks" / "results").rglob("result.json"))


def test_the_committed_results_are_of_the_first_version_and_are_read():
    versions = set()
    for path in COMMITTED:
        written = json.loads(path.read_bytes())
        versions.add(written["schema"])
        record = read_result(path)
        best = written["scores"]["best"]
        assert record.scores.best.max_a == best.get("most_a", best.get("max_a"))
        assert record.scores.best.max_b == best.get("most_b", best.get("max_b"))
    assert "smkd/result/1" in versions


def test_a_record_of_this_version_names_the_maxima(tmp_path):
    written = json.loads(COMMITTED[0].read_bytes())
    written["schema"] = "smkd/result/2"
    written["scores"]["best"] |= {"max_a": 70.5, "max_b": 71.5}
    (tmp_path / "result.json").write_text(json.dumps(written))
    best = read_result(tmp_path / "result.json").scores.best
    assert (best.max_a, best.max_b) == (70.5, 71.5)


@pytest.mark.parametrize("column", ["precision", "right"])
def test_the_precision_of_the_selection_by_both_names(column, tmp_path):
    (tmp_path / "metrics.csv").write_text(f"epoch,{column}_a_to_b,{column}_b_to_a\n1,0.5,\n2,0.75,1.0\n")
    rows = read_metrics(tmp_path, "precision_a_to_b", "precision_b_to_a")
    assert rows[1] == (0.75, 1.0)
    assert rows[0][0] == 0.5
    assert rows[0][1] != rows[0][1]
