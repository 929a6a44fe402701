"""What stands in a table: the right results, their statistics, and the paper's value where it can be compared."""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.report.tables import summarise, threshold_of_best_two
from smkd_cli.report.view import spread

Lines = list[dict[str, str]]


@pytest.fixture
def lines(smkd: Any) -> Callable[..., Lines]:
    """The report as its CSV lines."""

    def read(*sources: object, **where: str) -> Lines:
        result = smkd("report", *(sources or ["runs"]), "--format", "csv")
        assert result.code == 0, result.err
        everything = csv.DictReader(io.StringIO(result.out))
        return [line for line in everything if all(line[name] == value for name, value in where.items())]

    return read


def test_mean_sd_n_and_difference(make_run, lines):
    values = [68.0, 69.5, 70.1]
    for seed, value in enumerate(values):
        make_run(value, "SMKD-P+MyLC", seed=seed)
    [line] = lines(row="SMKD-P+MyLC", column="Symmetric 40%", metric="last")
    assert float(line["mean"]) == pytest.approx(statistics.mean(values))
    assert float(line["sd"]) == pytest.approx(statistics.stdev(values))
    assert (line["n"], line["paper"]) == ("3", "69.09")
    assert float(line["difference"]) == pytest.approx(statistics.mean(values) - 69.09)


def test_one_seed_has_no_sd(make_run, lines):
    make_run(50.0)
    [line] = lines(row="CE", column="Symmetric 40%", metric="last")
    assert (line["n"], line["sd"]) == ("1", "")


def test_last_selected_best_and_ensemble_are_apart(make_run, lines):
    make_run(50.0, selected=51.0, best=52.0)
    found = {line["metric"]: float(line["mean"]) for line in lines(row="CE", column="Symmetric 40%")}
    assert found == {"last": 50.0, "selected": 51.0, "best": 52.0, "ensemble": 50.5}


def test_missing_cells_are_there_with_the_papers_value(make_run, lines):
    make_run(50.0)
    missing = [line for line in lines(table="table2") if line["n"] == "0"]
    assert len(missing) == 49
    assert all(line["mean"] == "" and line["paper"] for line in missing)


def test_no_paper_values_beside_other_data(make_run, lines, smkd):
    make_run(95.0, dataset="digits", networks=["resnet-tiny", "resnet-tiny"], profile="embedded")
    assert all(line["paper"] == line["difference"] == "" for line in lines())
    assert "The paper's values are left out" in smkd("report", "runs").out


def test_no_paper_values_beside_one_other_network(make_run, lines):
    make_run(50.0, networks=["resnet34", "resnet18"])
    assert all(line["paper"] == "" for line in lines())


def test_fewer_epochs_are_named(make_run, smkd):
    make_run(50.0, epochs=2)
    assert "The paper trained for 100 epochs, these results for 2" in " ".join(smkd("report", "runs").out.split())


def test_table_1_takes_results_of_table_2_under_the_same_protocol(make_run, lines):
    make_run(60.0, "All+LS", recipe="table1", tables=["I"])
    make_run(51.0, "LS")
    make_run(52.0, "LS", seed=2, protocol="another")
    [line] = lines(table="table1", row="Zero", column="LS", metric="last")
    assert (line["mean"], line["n"], line["method"]) == ("51.0", "1", "LS")


def test_twins_with_different_scores_are_named(make_run, score_record, smkd):
    make_run(60.0, "LS")
    result = smkd("report", "runs", "-", stdin=score_record(61.0, "LS"))
    assert "seed 1 is there twice with different scores" in result.err
    assert "n=2" not in result.out


def test_zero_ls_and_ls_of_one_seed_count_once(make_run, lines):
    make_run(60.0, "Zero+LS", recipe="table1", tables=["I"])
    make_run(60.0, "LS")
    make_run(62.0, "LS", seed=2)
    [line] = lines(table="table1", row="Zero", column="LS", metric="last")
    assert (line["mean"], line["n"]) == ("61.0", "2")


def test_others_of_several_options_leave_a_cell_empty_and_are_named(make_run, smkd, lines):
    make_run(60.0, "All+LS", recipe="table1", tables=["I"])
    for eta in (1, 2):
        make_run(
            50.0 + eta, "SMKD-S+ProSelfLC", label=f"S eta={eta}", recipe="table5", tables=["V"], options={"eta": eta}
        )
    [line] = lines(table="table1", row="SMKD-S", column="ProSelfLC")
    assert line["n"] == "0"
    assert "table1, SMKD-S / ProSelfLC: left empty" in smkd("report", "runs").err


def test_options_that_differ_between_seeds_are_not_pooled(make_run, smkd, lines):
    make_run(60.0, "SMKD-S+MyLC", seed=1, options={"eta": 2.0})
    make_run(62.0, "SMKD-S+MyLC", seed=2, options={"eta": 2})
    make_run(90.0, "SMKD-S+MyLC", seed=3, options={"eta": 4.0})
    [line] = lines(table="table2", row="SMKD-S+MyLC", column="Symmetric 40%", metric="last")
    assert (line["mean"], line["n"]) == ("61.0", "2")
    assert "options differ between results (eta=2.0; eta=4.0)" in smkd("report", "runs").err
    assert [line["mean"] for line in lines(row="SMKD-S+MyLC", column="symmetric 40%", metric="last")] == ["90.0"]


def test_protocols_stand_in_tables_of_their_own(make_run, lines):
    make_run(60.0)
    make_run(70.0, "LS", protocol="cafe", epochs=2)
    assert {line["table"] for line in lines()} == {"table2@3f0c", "table2@cafe"}


def test_table_5_by_eta_and_the_papers_values(make_run, lines):
    for eta in (1, 2, 3, 4):
        make_run(
            50.0 + eta, "SMKD-S+ProSelfLC", label=f"eta={eta}", rate=0.6, tables=["V"], options={"eta": float(eta)}
        )
    found = lines(table="table5", column="Symmetric 60%", metric="last")
    assert [(line["row"], line["mean"], line["paper"]) for line in found] == [
        ("η = 1", "51.0", "36.18"),
        ("η = 2", "52.0", "46.15"),
        ("η = 3", "53.0", "51.34"),
        ("η = 4", "54.0", "54.34"),
    ]


def test_what_a_table_has_no_place_for_is_shown_apart(make_run, lines):
    make_run(50.0)
    make_run(40.0, "GCE")
    [line] = lines(method="GCE", metric="last")
    assert (line["row"], line["column"], line["mean"]) == ("GCE", "symmetric 40%", "40.0")


def test_a_recipe_of_no_table_is_a_table_in_the_order_of_the_recipe(make_run, lines):
    for finished, method in enumerate(["SMKD-P+MyLC", "CE", "All+LS"]):
        make_run(90.0, method, recipe="quickstart", tables=[], finished=finished)
    assert [line["row"] for line in lines(table="quickstart", metric="last")] == ["SMKD-P+MyLC", "CE", "All+LS"]


def test_results_that_have_nothing_in_common_are_no_table(score_record, smkd):
    def odd(count):
        return "\n".join(
            score_record(50.0, "CE", label=f"m{number}", recipe="mine", tables=[], rate=number / count)
            for number in range(count)
        )

    many = smkd("report", "-", "--format", "csv", stdin=odd(200))
    assert (many.code, many.out) == (4, "")
    assert "mine: a table of 200 rows and 200 columns would be nearly empty" in many.err
    assert smkd("report", "-", "--format", "csv", stdin=odd(50)).code == 0


def test_failed_and_unfinished_runs_are_counted(make_run, smkd, lines):
    make_run(50.0, seed=1)
    make_run(None, seed=2)
    make_run(None, "LS", seed=3)
    unfinished = make_run(51.0, "LS", seed=9)
    (unfinished / "result.json").rename(unfinished / "recipe.yaml")
    (unfinished / "metrics.csv").touch()
    out = " ".join(smkd("report", "runs").out.split())
    assert "2 runs failed: CE, symmetric 40%, seed 2: the loss is not finite at epoch 3" in out
    assert "1 run unfinished: runs/table2/ls_symmetric-0.4_seed9." in out
    [line] = lines(row="CE", column="Symmetric 40%", metric="last")
    assert line["n"] == "1"


def test_figures_over_b2(make_run, lines):
    for b2 in (-8.0, 0.0, 4.0):
        name = "SMKD-P+MyLC" if b2 else "SMKD-S+MyLC"
        options = {"eta": 2.0, "b2": b2} if b2 else {"eta": 2.0}
        make_run(60.0 - b2, name, label=f"b2={b2:g}", rate=0.6, tables=["figure3", "figure4"], options=options)
    for table, column in (("figure3", "60%"), ("figure4", "η = 2")):
        found = lines(table=table, column=column, metric="last")
        assert [(line["row"], line["mean"]) for line in found] == [("-8", "68.0"), ("0", "60.0"), ("4", "56.0")]


def test_figure_2_adds_both_directions(make_run, lines, smkd):
    for seed, more in ((1, 0), (2, 10)):
        run = make_run(60.0, "SMKD-P+MyLC", seed=seed, tables=["figure2"], options={"eta": 2.0, "b2": -8.0}, epoch=12)
        epochs = "".join(f"{epoch},{epoch},{100 + more}\n" for epoch in range(1, 13))
        (run / "metrics.csv").write_text("epoch,sent_a_to_b,sent_b_to_a\n" + epochs)
    found = lines(table="figure2", metric="sent")
    assert [float(line["mean"]) for line in found] == [105.0 + epoch for epoch in range(1, 13)]
    printed = smkd("report", "runs").out
    assert re.findall(r"^(\d+) +(.*)$", printed, flags=re.MULTILINE) == [
        ("1", "106 ± 7 n=2"),
        ("10", "115 ± 7 n=2"),
        ("12", "117 ± 7 n=2"),
    ]
    assert "Sources: runs (2 results)." in printed


def sent(*moments: tuple[float, float | None]) -> dict[str, object]:
    return {
        name: {"epoch": 1, "share": share, "precision": precision}
        for name, (share, precision) in zip(("quarter", "half", "end"), moments, strict=True)
    }


def test_what_was_sent_stands_beneath_with_its_precision(make_run, lines, smkd):
    make_run(60.0, "SMKD-P+MyLC", seed=1, sent=sent((0, None), (0.5, 0.8), (0.9, 0.7)))
    make_run(62.0, "SMKD-P+MyLC", seed=2, sent=sent((0, None), (0.7, 0.6), (1, 0.9)))
    make_run(50.0, "CE")
    table = smkd("report", "runs", "--format", "markdown").out.split("knowledge sent, symmetric 40%")[1]
    rows = [line.split() for line in table.splitlines() if line.startswith("| ")]
    assert [row[1] for row in rows[1:]] == ["-----------", "SMKD-P+MyLC"]
    assert " ".join(rows[-1]) == "| SMKD-P+MyLC | 0 % (—) | 60 % (70 %) | 95 % (80 %) | 2 |"
    numbers = {line["metric"]: line["mean"] for line in lines() if line["method"] == "SMKD-P+MyLC"}
    assert float(numbers["sent_half"]) == pytest.approx(60)
    assert "precision_quarter" not in numbers


def test_figure_2_needs_the_run_directory_but_loses_no_result(score_record, smkd):
    facts = {"tables": ["figure2"], "recipe": "figure2", "options": {"eta": 2.0, "b2": -8.0}}
    result = smkd("report", "-", stdin=score_record(60.0, "SMKD-P+MyLC", **facts))
    assert result.code == 0
    assert "figure2: further results" in result.out
    assert "60.00 ± —* n=1" in result.out


HEADER = "epoch,sent_a_to_b,sent_b_to_a\n"


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}1,2,many\n",
        f"{HEADER}1,2,3\n2,4",
        f"{HEADER}1,2,3\n2,4\n",
        f"{HEADER}1,2,3\n2,4,5",
        f"{HEADER}1,2,3\n2,4,5,6\n",
        f"{HEADER}1,2,3\n1,4,5\n",
        f"{HEADER}1,2,3\n3,4,5\n",
        f"{HEADER}inf,2,3\n",
        f"{HEADER},2,3\n",
        f"{HEADER}1,inf,3\n",
        f"{HEADER}1,1e308,1e308\n",
        f"{HEADER}1,nan,3\n",
        f"{HEADER}1,2,{'9' * 70_000}\n",
        f"{HEADER}1,2,{'x' * 140_000}\n",
        f"{HEADER}\n",
        f"{HEADER}1,2,\udcff\n",
        f"{HEADER}1,\x00,3\n",
        "\x00" * 1000,
        "epoch\n1\n",
        "",
    ],
)
@pytest.mark.parametrize("form", ["terminal", "json"])
def test_a_run_with_damaged_metrics_is_left_out_of_the_figure_and_named(content, form, make_run, smkd):
    options = {"eta": 2.0, "b2": -8.0}
    good = make_run(60.0, "SMKD-P+MyLC", tables=["figure2"], options=options, epoch=2)
    (good / "metrics.csv").write_text(f"{HEADER}1,2,3\n2,4,5\n")
    bad = make_run(60.0, "SMKD-P+MyLC", tables=["figure2"], options=options, seed=2)
    (bad / "metrics.csv").write_bytes(content.encode(errors="surrogateescape"))
    result = smkd("report", "runs", "--format", form)
    assert (result.code, "Infinity" in result.out, len(result.err) < 3000) == (0, False, True)
    assert f"figure2: left out (1): {bad.relative_to(bad.parents[2])}/metrics.csv: " in result.err
    if form == "json":
        figure, rest = json.loads(result.out)["tables"]
        assert [row["cells"][0]["scores"]["sent"]["n"] for row in figure["rows"]] == [1, 1]
        assert rest["rows"][0]["cells"][0]["scores"]["last"]["n"] == 1


def test_a_figure_without_readable_metrics_still_names_them(make_run, smkd):
    run = make_run(60.0, "SMKD-P+MyLC", tables=["figure2"], options={"eta": 2.0, "b2": -8.0})
    (run / "metrics.csv").write_text(f"{HEADER}1,2,many\n")
    result = smkd("report", "runs")
    assert (result.code, "metrics.csv: line 2" in result.err) == (0, True)
    (run / "metrics.csv").write_text(f"{HEADER}1,2,3\n")
    result = smkd("report", "runs")
    assert (result.code, "ends in epoch 1, but the run in 100" in result.err) == (0, True)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=9))
@settings(max_examples=50)
def test_statistics_keep_every_value(values):
    summary = summarise(values)
    assert summary is not None
    assert summary.n == len(values)
    assert summary.mean == pytest.approx(sum(values) / len(values))
    assert (summary.sd is None) == (len(values) == 1)
    assert spread(summary, 2).split(" ± ")[0] == f"{summary.mean:.2f}"


@given(st.lists(st.integers(0, 9), min_size=2, max_size=9))
@settings(max_examples=50)
def test_at_least_two_are_best_and_all_others_are_worse(values):
    threshold = threshold_of_best_two(values, 2)
    best = [value for value in values if value >= threshold]
    assert len(best) >= 2
    assert sum(value > threshold for value in values) <= 1
