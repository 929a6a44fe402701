"""`smkd report --against`: what a method gains over another, seed by seed."""

from __future__ import annotations

import csv
import io
import json

import pytest


def gains(smkd, *options):
    result = smkd("report", "runs", "--format", "csv", *options)
    assert result.code == 0, result.err
    lines = csv.DictReader(io.StringIO(result.out))
    return {(line["table"], line["label"]): line for line in lines if line["metric"].startswith("gain over")}


@pytest.fixture
def three_seeds(make_run):
    """Two methods whose spread over seeds is large, and whose difference is always near 2."""
    for seed, (ce, mylc) in enumerate([(40.0, 42.0), (50.0, 51.0), (60.0, 63.0)], start=1):
        make_run(ce, "CE", seed=seed)
        make_run(mylc, "MyLC", seed=seed)


def test_mean_and_spread_of_the_differences_of_each_seed(smkd, three_seeds):
    gain = gains(smkd, "--against", "CE")
    assert list(gain) == [("table2", "MyLC")]
    line = gain["table2", "MyLC"]
    assert line["metric"] == "gain over CE"
    assert (float(line["mean"]), float(line["sd"]), line["n"]) == (pytest.approx(2), pytest.approx(1), "3")


def test_people_see_the_interval_of_student(smkd, three_seeds):
    # 4.302653 is the 97.5 % point of Student's t with two degrees of freedom: 2 ± 4.302653 / √3.
    said = smkd("report", "runs", "--format", "markdown", "--against", "CE").out
    heading = "### Table II: methods under five kinds of label noise: gain over CE, symmetric 40%"
    assert "| MyLC   |  +2.00 | −0.48 to +4.48 |   3 |" in said.split(heading)[1]
    assert "Student" in said


def test_only_seeds_that_both_have_count(smkd, three_seeds, make_run):
    make_run(10.0, "CE", seed=4)
    make_run(61.0, "LS", seed=3)
    gain = gains(smkd, "--against", "CE")
    assert gain["table2", "MyLC"]["n"] == "3"
    line = gain["table2", "LS"]
    assert (float(line["mean"]), line["sd"], line["n"]) == (pytest.approx(1), "", "1")
    said = smkd("report", "runs", "--format", "markdown", "--against", "CE").out
    assert "|  +1.00 |              — |   1 |" in said


def test_the_same_seed_on_other_labels_is_no_pair(smkd, make_run):
    make_run(40.0, "CE")
    noise = {"kind": "symmetric", "rate": 0.4, "sampling": "per-sample", "seed": 7, "realised_rate": 0.4}
    make_run(42.0, "MyLC", noise=noise)
    make_run(43.0, "LS", kind="pairflip")
    assert gains(smkd, "--against", "CE") == {}


def test_each_noise_has_its_own_baseline(smkd, make_run):
    for kind, ce in (("symmetric", 40.0), ("pairflip", 50.0)):
        make_run(ce, "CE", kind=kind)
        make_run(52.0, "MyLC", kind=kind)
    document = json.loads(smkd("report", "runs", "--format", "json", "--against", "CE").out)
    (table,) = document["tables"]
    found = {
        (each["noise"]["kind"], each["scores"]["gain over CE"]["mean"])
        for row in table["rows"]
        for each in row["cells"]
        if "gain over CE" in each["scores"]
    }
    assert found == {("symmetric", 12.0), ("pairflip", 2.0)}


def test_the_baseline_may_stand_in_another_table_of_the_protocol(smkd, make_run):
    make_run(50.0, "Zero+MyLC", recipe="table1", tables=["I"])
    make_run(53.0, "MyLC", recipe="mine", tables=[], label="MyLC detach=true", options={"detach": True})
    make_run(60.0, "MyLC", recipe="other", tables=[], label="MyLC longer", protocol="77aa", epochs=200)
    for name in ("Zero+MyLC", "MyLC"):
        gain = gains(smkd, "--against", name)
        assert float(gain["mine", "MyLC detach=true"]["mean"]) == pytest.approx(3)
        assert ("other", "MyLC longer") not in gain


def test_of_several_rows_of_a_method_the_label_says_which(smkd, make_run):
    make_run(50.0, "MyLC", recipe="mine", tables=[], label="MyLC b1=8", options={"b1": 8.0})
    make_run(53.0, "MyLC", recipe="mine", tables=[], label="MyLC b1=16", options={"b1": 16.0})
    gain = gains(smkd, "--against", "MyLC b1=16")
    assert {label: float(line["mean"]) for (_, label), line in gain.items()} == {"MyLC b1=8": pytest.approx(-3)}


def test_several_baselines(smkd, three_seeds):
    said = smkd("report", "runs", "--against", "CE", "--against", "MyLC").out
    assert "gain over CE" in said
    assert "gain over MyLC" in said


@pytest.mark.parametrize("name", ["MyLX", "SMKD-P+MyLC", ""])
def test_a_baseline_without_results_is_an_error(smkd, three_seeds, name):
    result = smkd("report", "runs", "--against", name)
    assert result.code == 2
    assert result.out == ""
    assert "CE, MyLC" in result.err
