"""`smkd report --against`: what a method gains over another, seed by seed."""

from __future__ import annotations

import csv
import io
import json
import re

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
    output = smkd("report", "runs", "--format", "markdown", "--against", "CE").out
    heading = "### Table II: methods under five kinds of label noise: gain over CE, symmetric 40%"
    assert "| MyLC   |  +2.00 | −0.48 to +4.48 |   3 |" in output.split(heading)[1]
    assert "Student" in output


def test_only_seeds_that_both_have_count(smkd, three_seeds, make_run):
    make_run(10.0, "CE", seed=4)
    make_run(61.0, "LS", seed=3)
    gain = gains(smkd, "--against", "CE")
    assert gain["table2", "MyLC"]["n"] == "3"
    line = gain["table2", "LS"]
    assert (float(line["mean"]), line["sd"], line["n"]) == (pytest.approx(1), "", "1")
    output = smkd("report", "runs", "--format", "markdown", "--against", "CE").out
    assert "|  +1.00 |              — |   1 |" in output


def test_the_same_seed_on_other_labels_is_no_pair(smkd, make_run):
    make_run(40.0, "CE")
    noise = {"kind": "symmetric", "rate": 0.4, "sampling": "per-sample", "seed": 7, "realised_rate": 0.4}
    make_run(42.0, "MyLC", noise=noise)
    make_run(43.0, "LS", kind="pairflip")
    assert gains(smkd, "--against", "CE") == {}
    assert "Nothing here is set against CE" in smkd("report", "runs", "--format", "markdown", "--against", "CE").out


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
    output = smkd("report", "runs", "--against", "CE", "--against", "MyLC").out
    assert "gain over CE" in output
    assert "gain over MyLC" in output


@pytest.mark.parametrize("name", ["MyLX", "SMKD-P+MyLC", ""])
def test_a_baseline_without_results_is_an_error(smkd, three_seeds, name):
    result = smkd("report", "runs", "--against", name)
    assert result.code == 2
    assert result.out == ""
    assert "There are: CE, MyLC" in result.err
    assert ("did you mean MyLC?" in result.err) == (name == "MyLX")


def test_before_there_are_results_there_is_no_baseline(smkd):
    result = smkd("report", "--against", "CE")
    assert result.code == 2
    assert "no finished results yet" in result.err


def test_case_does_not_matter(smkd, three_seeds):
    assert gains(smkd, "--against", "zero+ce")["table2", "MyLC"]["metric"] == "gain over CE"


def test_of_several_variations_one_has_to_be_named(smkd, make_run):
    make_run(50.0, "MyLC", recipe="mine", tables=[], label="MyLC b1=8", options={"b1": 8.0})
    make_run(52.0, "CE", recipe="mine", tables=[])
    assert gains(smkd, "--against", "MyLC")["mine", "CE"]["metric"] == "gain over MyLC b1=8"
    make_run(53.0, "MyLC", recipe="mine", tables=[], label="MyLC b1=16", options={"b1": 16.0}, finished=1)
    result = smkd("report", "runs", "--against", "MyLC")
    assert result.code == 2
    assert "MyLC b1=8, MyLC b1=16" in result.err


def test_a_baseline_may_be_trained_seed_by_seed_in_recipes_of_their_own(smkd, make_run):
    for seed in (1, 2, 3):
        make_run(40.0 + seed, "CE", seed=seed, recipe=f"part{seed}", tables=[])
        make_run(45.0 + seed, "MyLC", seed=seed, recipe="whole", tables=[])
    line = gains(smkd, "--against", "CE")["whole", "MyLC"]
    assert (float(line["mean"]), line["n"]) == (pytest.approx(5), "3")


def test_of_baselines_that_differ_in_options_the_one_with_most_seeds_counts_and_is_named(smkd, make_run):
    make_run(30.0, "MyLC", recipe="one", tables=[], options={"b1": 8.0})
    for seed in (1, 2):
        make_run(50.0, "MyLC", seed=seed, recipe="two", tables=[], options={"b1": 16.0})
        make_run(53.0, "CE", seed=seed, recipe="three", tables=[])
    assert float(gains(smkd, "--against", "MyLC")["three", "CE"]["mean"]) == pytest.approx(3)
    assert "differ in options" in smkd("report", "runs", "--against", "MyLC").err


def test_a_peer_is_set_against_the_same_peer_and_never_against_a_mean(smkd, make_run):
    different = {"recipe": "table4", "tables": ["IV"], "networks": ["resnet18", "shufflenet_v2"]}
    make_run(60.0, "CE", **different)  # the peers: 59.5 and 60.5
    make_run(62.0, "MyLC", **different)
    make_run(65.0, "LS", **different)  # has no row in Table IV
    result = smkd("report", "runs", "--format", "csv", "--against", "CE")
    found = [line for line in csv.DictReader(io.StringIO(result.out)) if line["metric"] == "gain over CE"]
    assert [(line["label"], float(line["mean"])) for line in found] == [("MyLC", 2.0), ("MyLC", 2.0)]


def test_checkpoints_of_nobody_knows_what_are_never_paired(smkd, make_run, score_record, tmp_path):
    make_run(40.0, "CE")
    records = [json.loads(score_record(mean)) | {"cell": None, "checkpoint": f"{mean}.pt"} for mean in (50.0, 60.0)]
    (tmp_path / "scores.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert smkd("report", "runs", "scores.jsonl").code == 0
    assert smkd("report", "runs", "scores.jsonl", "--against", "50.0.pt").code == 2


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv", "json"])
def test_every_format_has_the_interval(smkd, three_seeds, form):
    output = smkd("report", "runs", "--format", form, "--against", "CE").out
    low = {"csv": "-0.484", "json": "-0.484", "latex": "$-$0.48"}.get(form, "−0.48")
    assert low in output
    if form == "latex":
        assert len(set(re.findall(r"\\label\{(.*)\}", output))) == output.count(r"\begin{table}") == 3
