"""Failures of a cell, or of its process, are reported for that cell; the others are trained."""

from __future__ import annotations

import json
import os
import signal
from multiprocessing import forkserver
from pathlib import Path

import pytest
from falling import METHOD

from smkd_cli.train.executors.worker_process import WorkerProcess
from smkd_cli.train.machine import processes

RUNS = Path("runs/tiny")
FALLS, CE, LS = (f"{name}_symmetric-0.4_seed1" for name in ("falls", "ce", "ls"))


@pytest.fixture
def train(smkd, recipe, tmp_path):
    """Train a cell that falls, and two that do not."""
    (tmp_path / "falls.py").write_text(METHOD)

    def run(how="SIGKILL", *more, always="false", jobs=2):
        methods = f'methods=[{{name: "falls.py:Falls", how: {how}, always: {always}}}, CE, LS]'
        return smkd("train", recipe, "--set", methods, "--set", "epochs=2", "--jobs", jobs, *more)

    return run


@pytest.fixture
def whole(train, tmp_path, bits):
    """What comes out where nothing happens, the same command being typed until all is done."""

    def read(how):
        (tmp_path / "fallen").touch()
        assert train(how, "--runs", "whole", jobs=1).code == 0
        (tmp_path / "fallen").unlink()
        return {name: bits(Path("whole/tiny") / name) for name in (FALLS, CE, LS)}

    return read


@pytest.mark.parametrize(
    "how", ["SIGTERM", *(pytest.param(name, marks=pytest.mark.long) for name in ("SIGHUP", "SIGUSR1"))]
)
def test_the_cell_of_a_stopped_worker_goes_on_in_another(train, whole, bits, assert_same, how):
    expected = whole(how)
    result = train(how)
    assert result.code == 0, result.err
    (warning,) = [line for line in result.err.splitlines() if line.startswith("warning")]
    assert FALLS in warning
    assert how in warning
    assert sorted(result.out.splitlines()) == sorted(str(RUNS / name) for name in (FALLS, CE, LS))
    assert json.loads((RUNS / FALLS / "result.json").read_text())["provenance"]["resumed"] == 1
    for name, value in expected.items():
        assert_same(value, bits(RUNS / name))


def test_a_cell_whose_workers_are_stopped_again_and_again_is_reported(train):
    result = train("SIGTERM", always="true")
    assert result.code == 5
    assert "1 of 3 cells failed" in result.err
    assert f"{FALLS}: its process was stopped (SIGTERM), 3 times" in result.err
    assert sorted(result.out.splitlines()) == sorted(str(RUNS / name) for name in (CE, LS))
    assert (RUNS / FALLS / "checkpoint" / "state.safetensors").exists()


@pytest.mark.parametrize("how", ["SIGKILL", pytest.param("SIGSEGV", marks=pytest.mark.long)])
def test_a_killed_worker_costs_its_cell_and_no_other(train, whole, bits, assert_same, how):
    expected = whole(how)
    result = train(how)
    assert result.code == 5
    assert "1 of 3 cells failed" in result.err
    assert f"{FALLS}: its process was killed ({how})" in result.err
    assert ("lower --jobs" in result.err) == (how == "SIGKILL")
    assert sorted(result.out.splitlines()) == sorted(str(RUNS / name) for name in (CE, LS))
    again = train(how)
    assert again.code == 0, again.err
    assert "2 of 3 cells were finished before" in again.err
    for name, value in expected.items():
        assert_same(value, bits(RUNS / name))
    assert not [path for path in RUNS.rglob("*") if path.suffix == ".part" or path.parent.name == "checkpoint"]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "training ended with KeyError: 'nobody foresaw it'"),
        ("memory", "memory ran out (MemoryError); lower --jobs or batch_size"),
        ("exit", "training ended with SystemExit: 0"),
    ],
)
def test_what_nobody_foresaw_costs_its_cell_and_no_other(train, jobs, how, message):
    result = train(how, jobs=jobs)
    assert result.code == 5
    assert f"{FALLS}: {message}" in result.err
    assert "Traceback" not in result.err
    assert sorted(result.out.splitlines()) == sorted(str(RUNS / name) for name in (CE, LS))


@pytest.mark.parametrize("jobs", [1, 2])
def test_files_that_are_wrong_cost_their_cells_and_no_other(train, jobs, tmp_path):
    (tmp_path / "fallen").touch()
    checkpoint = RUNS / FALLS / "checkpoint" / "state.safetensors"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("garbage")
    (RUNS / CE).mkdir()
    (RUNS / CE / "recipe.yaml").write_text("another: recipe\n")
    result = train(jobs=jobs)
    assert result.code == 4
    assert result.out.splitlines() == [str(RUNS / LS)]
    assert "2 of 3 cells failed" in result.err
    assert "state.safetensors" in result.err
    assert "another recipe" in result.err


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failed_training_decides_the_exit_code(train, jobs, tmp_path):
    (RUNS / CE).mkdir(parents=True)
    (RUNS / CE / "result.json").write_text("null")
    result = train("raise", jobs=jobs)
    assert result.code == 5
    first, rest = result.err.split(" cells failed:")
    assert f"warning: {CE} is left out" in first
    assert "KeyError" in rest
    assert "result.json" in rest
    assert result.out.splitlines() == [str(RUNS / LS)]


def test_where_no_cell_can_be_trained_nothing_is_begun(train, monkeypatch):
    for name in (FALLS, CE, LS):
        (RUNS / name).mkdir(parents=True)
        (RUNS / name / "result.json").write_text("null")
    monkeypatch.setattr(processes, "get_ready", lambda: pytest.fail("processes were started"))
    result = train()
    assert result.code == 4
    assert "3 of 3 cells failed" in result.err


@pytest.mark.parametrize(("deaths", "code"), [(2, 0), (1000, 5)])
def test_a_worker_that_dies_before_it_begins(train, monkeypatch, tmp_path, deaths, code):
    (tmp_path / "fallen").touch()
    give, died = WorkerProcess.train, []

    def dies_first(worker, task):
        if len(died) < deaths:
            died.append(task)
            worker._send_signal(signal.SIGKILL)
        give(worker, task)

    monkeypatch.setattr(WorkerProcess, "train", dies_first)
    result = train()
    assert result.code == code
    for name in (FALLS, CE, LS):
        assert (RUNS / name / "result.json").exists() == (code == 0)
    if code:
        assert len(died) == 9
        assert f"{LS}: its process was killed (SIGKILL) before it began, 3 times" in result.err
    else:
        assert result.err.count("before it began; the cell goes on in another") == 2


@pytest.mark.parametrize(("possible", "code"), [(1, 0), (0, 5)])
def test_where_no_further_process_can_start(train, monkeypatch, tmp_path, possible, code):
    (tmp_path / "fallen").touch()
    start, started = processes._start, []

    def limited(work):
        if len(started) == possible:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        started.append(work)
        return start(work)

    monkeypatch.setattr(processes, "_start", limited)
    result = train()
    assert result.code == code
    assert "no further process can be started" in result.err
    assert ("going on with 1 at a time" in result.err) == (code == 0)
    assert len(result.out.splitlines()) == (0 if code else 3)


@pytest.mark.skipif(not processes._FORKS, reason="there is no server")
def test_the_server_that_forks_workers_may_die(train, tmp_path, monkeypatch):
    (tmp_path / "fallen").touch()
    give = WorkerProcess.train

    def kills_the_server(worker, task):
        monkeypatch.setattr(WorkerProcess, "train", give)
        os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
        give(worker, task)

    monkeypatch.setattr(WorkerProcess, "train", kills_the_server)
    result = train()
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) == 3
