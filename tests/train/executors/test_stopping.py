"""A signal saves and ends, a second one ends at once, and no process that does not answer is waited for without end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from falling import METHOD
from program import descendants, gone, run_in_process, state_of

from smkd_cli.train.events import Skipped
from smkd_cli.train.executors import worker_process
from smkd_cli.train.machine import processes, signals
from smkd_cli.train.machine.signals import StopRequest

FALLS, CE = (f"{name}_symmetric-0.4_seed1" for name in ("falls", "ce"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks processes that hold torch, and looks into /proc")


@pytest.fixture
def command(recipe, tmp_path, monkeypatch):
    """The command line that trains a cell which falls, and one that does not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "falls.py").write_text(METHOD)

    def line(how, runs, jobs):
        methods = f'methods=[{{name: "falls.py:Falls", how: {how}}}, CE]'
        return ["train", recipe, "--set", methods, "--jobs", jobs, "--runs", runs, "--device", "cpu"]

    return line


@pytest.fixture
def assert_goes_on(command, smkd, bits, assert_same):
    """That the same command ends with the bits of one that was never interrupted."""

    def check(how, jobs):
        assert Path("fallen").exists()
        for runs, at_a_time in (("parts", jobs), ("whole", 1)):
            result = smkd(*command(how, runs, at_a_time))
            assert result.code == 0, result.err
        for name in (FALLS, CE):
            assert_same(bits(Path("whole/tiny") / name), bits(Path("parts/tiny") / name))
        assert not list(Path("parts").rglob("*.part"))

    return check


def until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped_children(pid):
    return [child for child in descendants(pid) if state_of(child) == "T"]


def test_a_worker_that_does_not_answer_is_not_waited_for_without_end(command, assert_goes_on, tmp_path):
    process = run_in_process(command("SIGSTOP", "parts", 2), tmp_path / "words", silence=4.0)
    until(lambda: stopped_children(process.pid))
    began = descendants(process.pid)
    os.kill(process.pid, signal.SIGTERM)
    process.join(60)
    words = (tmp_path / "words").read_text()
    assert process.exitcode == 128 + signal.SIGTERM, words
    assert "press again to end now" in words
    assert f"stopped; {FALLS}: did not answer" in words
    assert gone(began)
    assert_goes_on("SIGSTOP", 2)


@pytest.mark.parametrize(
    ("how", "jobs", "first", "second"),
    [
        pytest.param("SIGSTOP", 2, signal.SIGTERM, signal.SIGTERM, marks=pytest.mark.long),
        ("SIGSTOP", 2, signal.SIGUSR1, signal.SIGINT),
        ("hang", 1, signal.SIGINT, signal.SIGINT),
    ],
)
def test_a_second_signal_ends_at_once(command, assert_goes_on, tmp_path, how, jobs, first, second):
    words = tmp_path / "words"
    process = run_in_process(command(how, "parts", jobs), words)
    until((tmp_path / "fallen").exists if jobs == 1 else lambda: stopped_children(process.pid))
    began = descendants(process.pid)
    os.kill(process.pid, first)
    until(lambda: "press again to end now" in words.read_text())
    os.kill(process.pid, second)
    process.join(30)
    assert process.exitcode == 128 + first, words.read_text()
    assert "ended at once" in words.read_text()
    assert "Traceback" not in words.read_text()
    assert gone(began)
    assert_goes_on(how, jobs)


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.long), 2])
def test_nohup(command, tmp_path, jobs):
    program = ["nohup", sys.executable, "-m", "smkd_cli", *map(str, command("hang up", "runs", jobs))]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    process = subprocess.Popen(program, **pipes, text=True, start_new_session=True)
    _, words = process.communicate(timeout=300)
    assert process.returncode == 0, words
    assert Path("fallen").exists()
    for name in (FALLS, CE):
        assert json.loads(Path("runs/tiny", name, "result.json").read_text())["provenance"]["resumed"] == 0


def test_the_same_stop_sent_twice_in_one_breath_is_one(monkeypatch):
    stop = StopRequest()
    monkeypatch.setattr(signals, "time", SimpleNamespace(sleep=lambda _: signal.raise_signal(signal.SIGHUP)))
    with stop.listening(*signals.SIGNALS):
        signal.raise_signal(signal.SIGTERM)
    assert stop.signal_number == signal.SIGTERM


@pytest.mark.parametrize(("before", "limit"), [(0.0, 60.0), (45.0, 90.0), (10_000.0, 600.0)])
def test_how_long_a_worker_may_be_silent_depends_on_how_long_it_was(monkeypatch, before, limit):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(worker_process, "time", SimpleNamespace(monotonic=lambda: clock.now))
    link = SimpleNamespace(recv=Skipped, send=lambda task: None)
    monkeypatch.setattr(processes, "start", lambda work: (SimpleNamespace(pid=os.getpid()), link))
    monkeypatch.setattr(worker_process.WorkerProcess, "_send_signal", lambda worker, number: None)
    worker = worker_process.WorkerProcess()
    worker.train("task")
    clock.now = before
    worker.receive()
    worker.request_stop()
    clock.now = before + limit
    assert not worker.is_stuck()
    clock.now += 1
    assert worker.is_stuck()
