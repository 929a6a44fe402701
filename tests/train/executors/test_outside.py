"""Executors of other packages: they train the same results as ours, and their errors are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from smkd_cli.train.calibrate import bench

RUNS = Path("runs/tiny")
NAMES = [f"{name}_symmetric-0.4_seed1" for name in ("ce", "ls")]
GRID = ("--set", "methods=[CE, LS]", "--set", "epochs=2")
OWN = """
from functools import partial

from smkd_cli.errors import DataError
from smkd_cli.train.executors import Ended, Executor, train_task


class Mine(Executor):
    name = "mine"

    def run(self, tasks, report, stop):
        print("words")
        for task in tasks:
            assert task.compute is None
            {body}
"""
TRAINS = "report(task.cell, train_task(task, partial(report, task.cell), stop))"


@pytest.fixture
def train(smkd, recipe, tmp_path):
    """Train two cells with an executor whose loop over the tasks does this."""

    def run(body, *more):
        file = f"own{len(list(tmp_path.glob('own*')))}.py"  # a file is run once in a process
        (tmp_path / file).write_text(OWN.format(body=body))
        return smkd("train", recipe, *GRID, "--executor", f"{file}:mine", *more)

    return run


def test_the_same_bits_as_ours(train, smkd, recipe, bits, assert_same):
    result = train(TRAINS, "--runs", "theirs")
    assert (result.code, result.out.splitlines()) == (0, [f"theirs/tiny/{name}" for name in NAMES]), result.err
    assert "words" in result.err
    assert smkd("train", recipe, *GRID, "--jobs", 1).code == 0
    for name in NAMES:
        assert_same(bits(Path("theirs/tiny") / name), bits(RUNS / name))


def test_the_machine_is_measured_where_a_cell_is_trained(train, monkeypatch, tmp_path):
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))

    def never(*_arguments):
        raise AssertionError("measured")

    monkeypatch.setattr(bench.Bench, "measure", never)
    untrained = train("report(task.cell, Ended())", "--set", "compute={threads: auto}")
    assert (untrained.code, "measured" in untrained.err) == (5, False)
    result = train(TRAINS, "--set", "compute={threads: auto}")
    assert (result.code, "training ended with AssertionError: measured" in result.err) == (5, True)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("pass", 5, f"{NAMES[1]}: the executor did not report how it ended"),
        ("report(task.cell, Ended(DataError('the queue is full')))", 4, f"{NAMES[1]}: the queue is full"),
        ("raise DataError('no queue here')", 4, "error: no queue here"),
        ("nobody.foresaw(it)", 2, "the executor own0.py:mine cannot be used: run: NameError"),
        ("exit()", 2, "the executor own0.py:mine cannot be used: run: SystemExit"),
    ],
)
def test_what_can_be_wrong(body, code, message, train):
    result = train(body)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_cell_that_is_reported_twice_is_printed_once(train):
    result = train(f"{TRAINS}; report(task.cell, Ended())")
    assert (result.code, result.out.splitlines()) == (0, [str(RUNS / name) for name in NAMES])


def test_a_signal_is_handled_between_two_cells(train):
    result = train(f"{TRAINS}; import os; os.kill(os.getpid(), 15)")
    assert (result.code, result.out.splitlines()) == (143, [str(RUNS / NAMES[0])])
    assert "stopped between two cells" in result.err
    assert train(TRAINS).out.splitlines() == [str(RUNS / name) for name in NAMES]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_unknown_name_is_reported_at_once(more, smkd, recipe):
    result = smkd("train", recipe, "--executor", "locl", *more)
    assert (result.code, result.out) == (2, "")
    assert "unknown executor 'locl'; did you mean local?" in result.err
    result = smkd("train", recipe, "--executor", "absent.py:x", *more)
    assert (result.code, "absent.py: no such file of executors" in result.err) == (2, True)
