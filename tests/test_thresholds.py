"""The decision about SMKD-P's threshold follows the rule that was written down before the runs."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
COMPUTE = "compute={threads: 1, precision: float32, memory_format: channels_last, peers: in_turn}"


@pytest.fixture(scope="module")
def thresholds():
    spec = importlib.util.spec_from_file_location("thresholds", ROOT / "benchmarks" / "thresholds.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def made_up(thresholds):
    """A table of runs in which one setting of an exchange leads over all others by so many points on average."""

    def make(exchange, leader, points, noise):
        random = np.random.default_rng(0)
        lines = []
        for setting in thresholds.settings(exchange):
            for target, epochs in itertools.product(thresholds.TARGETS, thresholds.EPOCHS):
                for seed in thresholds.CHOOSING:
                    last = 80 + seed + points * (setting == leader) + random.normal(0, noise)
                    lines.append([exchange, target, *setting, epochs, seed, last])
        return pd.DataFrame(lines, columns=[*thresholds.KEY, "last"])

    return make


@pytest.mark.parametrize(("exchange", "leader"), [("SMKD-P", (6, -1)), ("SMKD-S", (2, 0))])
def test_a_setting_that_leads_beyond_chance_is_taken(thresholds, made_up, exchange, leader):
    runs = thresholds.Runs(made_up(exchange, leader, 2.0, 0.5), thresholds.CHOOSING)
    chosen, leads = thresholds.decide(runs, exchange)
    assert chosen == leader
    [(mean, low, high)] = [lead[1:4] for lead in leads if lead[0] == leader]
    assert low < mean < high
    assert mean == pytest.approx(2.0, abs=0.5)


def test_a_lead_within_chance_leaves_the_favourite(thresholds, made_up):
    runs = thresholds.Runs(made_up("SMKD-P", (6, -1), 0.5, 5.0), thresholds.CHOOSING)
    assert thresholds.decide(runs, "SMKD-P")[0] == thresholds.FAVOURITE["SMKD-P"]


def test_the_interval_is_students_and_wider_for_many_comparisons(thresholds):
    values = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    mean, low, high = thresholds.interval(values)
    assert (mean, low, high) == pytest.approx((3.5, 1.5366, 5.4634), abs=1e-4)  # t(0.975, 5) = 2.5706
    assert thresholds.interval(values, comparisons=11)[1] < low


def test_nothing_is_decided_before_every_seed_is_there(thresholds, made_up, tmp_path):
    table = pd.concat([made_up("SMKD-P", (6, -1), 2.0, 0.5), made_up("SMKD-S", (2, 0), 2.0, 0.5)])
    for moment in thresholds.MOMENTS:
        table[[f"sent_{moment}", f"precision_{moment}"]] = 1.0
    for seeds, words in ((12, "Taken: SMKD-P, η = 6, b2 = −1."), (5, "Not decided: 5 of 12 seeds.")):
        table[table.seed < 13 + seeds].to_csv(tmp_path / "table.csv", index=False)
        assert words in "\n".join(thresholds.report(tmp_path / "table.csv"))


def test_a_seed_without_all_six_cases_does_not_count(thresholds, made_up):
    table = made_up("SMKD-P", (6, -1), 2.0, 0.5)
    gap = (table.seed == 13) & (table.epochs == 80) & (table.eta == 4) & (table.b2 == -2)
    runs = thresholds.Runs(table[~gap], thresholds.CHOOSING)
    assert list(runs.overall("SMKD-P", (4, -2)).index) == list(range(14, 25))


def test_collecting_twice_adds_nothing_and_other_numbers_are_refused(thresholds, smkd, tmp_path):
    settings = ["seeds=[13]", "epochs=4", "methods=[{name: SMKD-P+CE, eta: 2}, All+CE]", "batch_size=512", COMPUTE]
    words = [word for setting in settings for word in ("--set", setting)]
    assert smkd("train", "quickstart", *words, "--quiet").code == 0
    runs, file = tmp_path / "runs", tmp_path / "table.csv"
    thresholds.collect(runs, file)
    once = file.read_text()
    thresholds.collect(runs, file)
    assert file.read_text() == once
    table = pd.read_csv(file)
    assert list(table.target) == ["CE", "CE"]
    assert table.set_index("exchange").sent_end["All"] == 1437
    table.assign(last=50.0).to_csv(file, index=False)
    with pytest.raises(SystemExit, match="other numbers"):
        thresholds.collect(runs, file)


def test_the_tables_of_the_page_are_those_of_the_committed_runs(thresholds):
    page = (ROOT / "docs" / "defaults.md").read_text(encoding="utf-8")
    section = page.split("### The choice")[1].split("## The transfer term")[0]
    printed = set(thresholds.report(ROOT / "benchmarks" / "results" / "thresholds-digits.csv"))
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert len(rows) > 80
    assert [row for row in rows if row not in printed] == []
