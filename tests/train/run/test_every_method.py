"""What every method does, whatever it is: it trains, learns, lowers its loss, and resumes bit-equal in each stage."""

from __future__ import annotations

import json
import signal

import few_digits
import pytest
from data_sets import DATA
from pairs import DIVIDE, all_methods

from smkd_cli import methods
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import InterruptedRunError
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task
from smkd_cli.train.step.stages import StageSchedule

# Chance is 10 % on digits.
ABOVE_CHANCE = 25.0
EPOCHS, STEPS = 4, 9
RECIPE = [
    f"dataset={few_digits.__file__}:few-digits",
    "noise=[{kind: symmetric, rate: 0.2}]",
    "seeds=[1]",
    f"epochs={EPOCHS}",
    "batch_size=32",
    "validation.fraction=0.1",  # 287 training images
    "optimizer.lr=0.05",
    "options={}",
    "compute={threads: 1, precision: float32, memory_format: channels_last}",
]


def kinds():
    """Each rule once: target rules alone, exchange rules over MyLC, the others as they are."""
    for name in methods.names():
        rule = methods.rule(name)
        if issubclass(rule, ExchangeRule):
            yield f"{name}+MyLC"
        else:
            yield name


class StopAt(StopRequest):
    """Asks to stop after some of the steps."""

    def __init__(self, steps: list[int]) -> None:
        super().__init__()
        self._steps, self._taken = steps, 0

    def __bool__(self) -> bool:
        self._taken += 1
        self.signal_number = signal.SIGTERM if self._taken in self._steps else 0
        return self.signal_number != 0


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A network that was trained on the same labels."""
    run_directory = tmp_path_factory.mktemp("teacher") / "run"
    (cell,) = expand(load_recipe("quickstart", ["methods=[CE]", *RECIPE], data=DATA))
    train_cell(Task(cell, run_directory, DATA), StopRequest(), lambda event: None)
    return str(run_directory)


# Options that lead along another way through the loop.
VARIANTS = {
    "DMI": {"dmi_rate": 1e-2},  # at the authors' rate nothing moves in so few epochs
    "GCE truncated": {"truncated": True, "prune_from": 0.4, "refresh": 1},
    "Co-teaching estimated": {"noise_rate": "estimated"},
    "Forward oracle": {"transition": "oracle"},
    "KDCL general": {"variant": "general"},
    "S2E searching": {"trials": 4, "trials_per_round": 4},
}


@pytest.fixture
def cell_of(teacher):
    def make(label):
        name = DIVIDE if label == "Divide" else label.split(" ")[0]
        needs_teacher = any("teacher" in rule.model_fields for rule in methods.rules_of(name))
        options = VARIANTS.get(label, {}) | ({"teacher": teacher} if needs_teacher else {})
        entry = json.dumps({"name": name, **options}, ensure_ascii=False)
        (cell,) = expand(load_recipe("quickstart", [f"methods=[{entry}]", *RECIPE], data=DATA))
        return cell

    return make


@pytest.mark.parametrize("name", list(dict.fromkeys([*kinds(), *VARIANTS, "Divide"])))
def test_a_method_trains_learns_and_resumes(name, cell_of, tmp_path, bits, assert_same):
    cell = cell_of(name)
    train_cell(Task(cell, tmp_path / "whole", DATA), StopRequest(), lambda event: None)
    result = RunDirectory(tmp_path / "whole").finished()
    assert result is not None
    assert result.scores is not None
    assert result.scores.last.mean > ABOVE_CHANCE
    _, *lines = (tmp_path / "whole" / "metrics.csv").read_text().splitlines()
    header = (tmp_path / "whole" / "metrics.csv").read_text().splitlines()[0].split(",")
    rows = [dict(zip(header, line.split(","), strict=True)) for line in lines]
    last = [row for row in rows if row["stage"] == rows[-1]["stage"]]
    assert float(last[-1]["loss_a"]) + float(last[-1]["loss_b"]) < float(last[0]["loss_a"]) + float(last[0]["loss_b"])
    _interrupt_in_every_stage(cell, tmp_path)
    assert_same(bits(tmp_path / "whole"), bits(tmp_path / "parts"))


def _interrupt_in_every_stage(cell, folder):
    """In the middle of each stage, and at the last step before each."""
    schedule = StageSchedule(methods.build(cell.method, cell.options), EPOCHS)
    steps, before = [], 0
    for stage in schedule.stages:
        steps += [before + stage.epochs * STEPS // 2 + 1, before + stage.epochs * STEPS]
        before += stage.epochs * STEPS
    pauses = [later - earlier for earlier, later in zip([0, *steps], steps, strict=False)]
    for pause in pauses[:-1]:
        with pytest.raises(InterruptedRunError):
            train_cell(Task(cell, folder / "parts", DATA), StopAt([pause]), lambda event: None)
    train_cell(Task(cell, folder / "parts", DATA), StopRequest(), lambda event: None)


def test_every_rule_is_a_part_of_some_method():
    rules = {rule.name for name in all_methods() for rule in methods.rules_of(name)}
    assert rules == set(methods.names())
    assert all(issubclass(methods.rule(name), ExchangeRule | TargetRule | methods.Method) for name in rules)
