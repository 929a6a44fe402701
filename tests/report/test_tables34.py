"""Table III, with methods in two recipes each, and Table IV, whose columns are of different protocols."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from smkd_cli.report.paper_values import comparable, paper_values

Lines = list[dict[str, str]]

RESNET50 = {"recipe": "table3", "tables": ["III"], "networks": ["resnet50", "resnet50"]}
OWN = {
    "epochs": 150,
    "optimizer": {"name": "sgd", "lr": 0.01},
    "schedule": {"name": "multistep"},
    "augmentation": {"flip": False},
}
DIFFERENT = ["resnet18", "shufflenet_v2"]
TABLE4: dict[str, Any] = {"recipe": "table4", "tables": ["IV"]}


@pytest.fixture
def lines(smkd: Any) -> Callable[..., Lines]:
    """The report as its CSV lines."""

    def read(**where: str) -> Lines:
        result = smkd("report", "runs", "--format", "csv")
        assert result.code == 0, result.err
        everything = csv.DictReader(io.StringIO(result.out))
        return [line for line in everything if all(line[name] == value for name, value in where.items())]

    return read


@pytest.fixture
def text(smkd: Any) -> Callable[..., str]:
    """The report for people, with its lines joined."""
    return lambda *sources: " ".join(smkd("report", *(sources or ["runs"])).out.split())


@pytest.fixture
def make_pairs(make_run: Any) -> Callable[..., None]:
    """Runs of both variants: different networks around 60 (peers at 59.5 and 60.5), the same ones at 50."""

    def make(method: str = "CE", **facts: Any) -> None:
        for networks, protocol, epochs, mean in (
            (DIFFERENT, "d1ff", 200, 60.0),
            (["resnet34", "resnet34"], "5a3e", 100, 50.0),
        ):
            variant = {"networks": networks, "protocol": protocol, "epochs": epochs, "label": method}
            make_run(mean, method, runs=f"runs/{protocol}", **{**TABLE4, **variant, **facts})

    return make


def test_a_method_stands_twice_in_one_table(make_run, lines):
    make_run(55.0, "GCE", **RESNET50)
    make_run(57.0, "GCE", label="GCE (own recipe)", own_protocol=OWN, **RESNET50)
    found = {line["row"]: line for line in lines(table="table3", column="Symmetric 40%", metric="last", method="GCE")}
    assert {row: (line["mean"], line["n"], line["paper"]) for row, line in found.items() if line["n"] != "0"} == {
        "GCE": ("55.0", "1", "57.97"),
        "GCE (own recipe)": ("57.0", "1", "57.97"),
    }


def test_what_is_held_out_is_noted_beside_the_differences(make_run, text):
    make_run(55.0, "CE", **RESNET50)
    assert "trained without" not in text()
    make_run(61.0, "SMKD-P+MyLC", **RESNET50, validation_fraction=0.1)
    assert "We trained without the 10% of the training images, by which an epoch is selected. The paper" in text()


def test_nothing_is_noted_of_held_out_images_where_the_paper_is_not_compared_with(make_run, text):
    make_run(95.0, **{**RESNET50, "dataset": "digits", "networks": ["small_resnet"] * 2}, validation_fraction=0.1)
    assert "trained without" not in text()


def test_own_recipes_are_described_by_their_facts(make_run, text):
    make_run(55.0, "GCE", **RESNET50)
    assert "as the authors of the method do" not in text()
    make_run(57.0, "GCE", label="GCE (own recipe)", own_protocol=OWN, **RESNET50)
    assert (
        "Not trained as in the title but as the authors of the method do: GCE (own recipe): 150 epochs, sgd, "
        "lr 0.01, multistep schedule, augmentation of its own."
    ) in text()


def test_a_method_in_its_own_recipe_has_no_place_where_no_row_asks_for_it(make_run, lines):
    make_run(50.0, "CE")
    make_run(70.0, "CE", label="CE (own recipe)", own_protocol=OWN)
    [line] = lines(table="table2", row="CE", column="Symmetric 40%", metric="last")
    assert (line["mean"], line["n"]) == ("50.0", "1")
    [apart] = lines(row="CE (own recipe)", metric="last")
    assert (apart["table"], apart["mean"]) == ("table2-further", "70.0")


def test_seeds_of_different_own_recipes_are_not_pooled(make_run, lines, smkd):
    for seed, epochs in ((1, 150), (2, 150), (3, 120)):
        own = {**OWN, "epochs": epochs}
        make_run(50.0 + seed, "GCE", seed=seed, label="GCE (own recipe)", own_protocol=own, **RESNET50)
    [line] = lines(table="table3", row="GCE (own recipe)", column="Symmetric 40%", metric="last")
    assert (line["mean"], line["n"]) == ("51.5", "2")
    assert "options differ between results (own_protocol=" in smkd("report", "runs").err


def test_who_knows_the_noise_is_marked(make_run, text, smkd):
    make_run(60.0, "CDR", options={"noise_rate": 0.4}, **RESNET50)
    assert "†" not in text()
    make_run(61.0, "Co-teaching", options={"noise_rate": "oracle", "ramp": 0.05}, **RESNET50)
    assert "† uses the true noise rate or transition matrix." in text()
    printed = smkd("report", "runs", "--format", "markdown").out
    assert "61.00 ± —†" in printed
    assert "60.00 ± —†" not in printed
    assert "| Co-teaching† |" in printed
    table = next(
        t for t in json.loads(smkd("report", "runs", "--format", "json").out)["tables"] if t["name"] == "table3"
    )
    oracles = {row["label"] for row in table["rows"] for cell in row["cells"] if cell["oracle"]}
    assert oracles == {"Co-teaching"}
    assert r"$\dagger$" in smkd("report", "runs", "--format", "latex").out


def test_columns_of_other_data_show_the_paper_s_values_and_say_why(make_run, lines, text):
    make_run(55.0, **RESNET50)
    for column, paper in (("Food-101", "84.03"), ("WebVision (mini)", "57.34")):
        [line] = lines(table="table3", row="CE", column=column)
        assert (line["n"], line["paper"], line["difference"]) == ("0", paper, "")
    assert "No results yet in Food-101 and WebVision (mini): this program has neither these data sets" in text()
    # 28 rows of four columns that can be filled, one of which is.
    assert "111 of 112 cells are missing." in text()


def test_columns_of_other_data_show_the_paper_s_values_beside_digits_too(make_run, lines, text):
    make_run(95.0, **{**RESNET50, "dataset": "digits", "networks": ["small_resnet"] * 2, "profile": "embedded"})
    assert {line["column"] for line in lines(table="table3", row="CE") if line["paper"]} == {
        "Food-101",
        "WebVision (mini)",
    }
    assert "The paper's values are left out: they are of another data set or other networks." in text()


def test_every_row_of_the_paper_is_in_the_layouts(lines, smkd):
    everything = list(csv.DictReader(io.StringIO(smkd("report", "--format", "csv").out)))
    for number, table in (("III", "table3"), ("IV", "table4")):
        theirs = sorted(one.accuracy for one in paper_values() if one.table == number)
        ours = sorted(
            float(line["paper"])
            for line in everything
            if line["table"] == table and not line["row"].endswith("(own recipe)")
        )
        assert ours == theirs


def test_without_results_the_empty_columns_are_explained(smkd):
    out = " ".join(smkd("report").out.split())
    assert "No results yet in Food-101 and WebVision (mini)" in out


def test_both_variants_stand_in_one_table(make_pairs, lines, text):
    make_pairs()
    make_pairs("SMKD-P+MyLC")
    found = {(line["row"], line["column"]): line for line in lines(table="table4", metric="last") if line["n"] == "1"}
    assert {at: (line["mean"], line["paper"]) for at, line in found.items()} == {
        ("CE", "Difference ResNet-18 (peer of ShuffleNetV2)"): ("59.5", "50.63"),
        ("CE", "Difference ShuffleNetV2 (peer of ResNet-18)"): ("60.5", "44.06"),
        ("CE", "Same ResNet-34 (both)"): ("50.0", "47.2"),
        ("SMKD-P+MyLC", "Difference ResNet-18 (peer of ShuffleNetV2)"): ("59.5", "68.1"),
        ("SMKD-P+MyLC", "Difference ShuffleNetV2 (peer of ResNet-18)"): ("60.5", "64.37"),
        ("SMKD-P+MyLC", "Same ResNet-34 (both)"): ("50.0", "69.09"),
    }
    assert lines() == lines(table="table4")
    assert "cifar100, resnet18 and shufflenet_v2, 200 epochs; cifar100, two resnet34, 100 epochs" in text()
    assert "the differences mean little" not in text()


def test_epochs_are_compared_variant_by_variant(make_pairs, text):
    make_pairs(epochs=100)
    assert "The paper trained for 200 epochs, these results for 100" in text()
    assert "The paper trained for 100 epochs" not in text()


def test_each_network_has_its_line_of_last_selected_and_best(make_pairs, smkd):
    make_pairs()
    out = smkd("report", "runs", "--format", "markdown").out
    [second] = [block for block in out.split("###") if "last, selected and best" in block]
    assert "ResNet-18 (peer of ShuffleNetV2)" in second
    assert "Same ResNet-34 (both)" in second


def test_the_best_of_one_network_of_two_is_its_own_and_of_both_that_of_their_mean(make_pairs, lines):
    make_pairs()
    found = {line["column"]: line["mean"] for line in lines(table="table4", row="CE", metric="best")}
    assert found == {
        "Difference ResNet-18 (peer of ShuffleNetV2)": "61.5",
        "Difference ShuffleNetV2 (peer of ResNet-18)": "62.5",
        "Same ResNet-34 (both)": "50.0",
    }


def test_the_same_networks_take_results_of_other_tables_under_their_protocol(make_pairs, make_run, lines):
    make_pairs()
    make_run(47.0, "MyLC", protocol="5a3e")
    make_run(48.0, "ProSelfLC", protocol="another")
    found = {line["row"]: line["mean"] for line in lines(table="table4", column="Same ResNet-34 (both)", metric="last")}
    assert found["MyLC"] == "47.0"
    assert found["ProSelfLC"] == ""
    [line] = lines(table="table2@5a3e", row="MyLC", column="Symmetric 40%", metric="last")
    assert line["mean"] == "47.0"


def test_tables_of_two_recipes_stay_apart(make_pairs, lines):
    make_pairs()
    small = {"recipe": "table4-embedded", "profile": "embedded", "dataset": "digits"}
    make_pairs(**small, protocol="e3be", networks=["small_resnet", "small_resnet"])
    names = {line["table"] for line in lines()}
    assert names == {"table4@d1ff+5a3", "table4@e3be"}
    assert all(line["paper"] == "" for line in lines(table="table4@e3be"))


def test_two_protocols_of_one_variant_are_not_pooled(make_pairs, make_run, lines, smkd):
    make_pairs()
    make_run(70.0, "CE", seed=2, networks=DIFFERENT, protocol="0dd", epochs=200, **TABLE4)
    make_run(71.0, "CE", seed=3, networks=DIFFERENT, protocol="0dd", epochs=200, **TABLE4)
    [line] = lines(row="CE", column="Difference ResNet-18 (peer of ShuffleNetV2)", metric="last")
    assert (line["mean"], line["n"]) == ("70.0", "2")
    assert "protocol=" in smkd("report", "runs").err


def test_published_numbers_know_their_networks():
    assert {number.networks for number in paper_values() if number.table == "IV"} == {
        tuple(DIFFERENT),
        ("resnet34",) * 2,
    }
    assert len(comparable("IV", "cifar100", DIFFERENT)) == 14
    assert comparable("IV", "cifar100", ["shufflenet_v2", "resnet18"]) == []
    assert len(comparable("III", "cifar100", ["resnet50", "resnet50"])) == 64
