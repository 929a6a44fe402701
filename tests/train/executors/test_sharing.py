"""Several commands, one grid: each cell is trained once, and a command that ends well has seen all of it finished."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import warm
from falling import METHOD

from smkd_cli.artifacts.run_directory import LockedError, RunDirectory
from smkd_cli.train import rounds

RUNS = Path("runs/tiny")
CE, LS, CP = (f"{name}_symmetric-0.4_seed1" for name in ("ce", "ls", "cp"))
PASSED_OVER = f"{CE}: passed over, another process is training it"
STILL = f"left undone: 1 cell that is being trained by another process: {CE}"


@pytest.fixture
def train(smkd, recipe, monkeypatch):
    """Train three cells, with little patience."""
    monkeypatch.setattr(rounds, "_GRACE_SECONDS", 0.3)
    return lambda *more: smkd("train", recipe, "--set", "methods=[CE, LS, CP]", "--set", "epochs=1", *more)


def paths(*names):
    return sorted(str(RUNS / name) for name in names)


@contextmanager
def held_until_the_others_are_done(before_letting_go=lambda: None):
    """CE's directory, held by somebody else until the other two cells are finished."""
    taken, over = threading.Event(), threading.Event()

    def hold():
        with RunDirectory(RUNS / CE).locked():
            taken.set()
            while not over.is_set() and not all((RUNS / name / "result.json").exists() for name in (LS, CP)):
                time.sleep(0.02)
            before_letting_go()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_another_process_trains_is_passed_over(train, jobs):
    with RunDirectory(RUNS / CE).locked():
        result = train("--jobs", jobs, "--no-wait")
    assert (result.code, sorted(result.out.splitlines())) == (75, paths(LS, CP))
    assert PASSED_OVER in result.err
    assert result.err.splitlines()[-1] == f"{STILL}; the same command looks at them again"
    again = train("--jobs", jobs)
    assert (again.code, sorted(again.out.splitlines())) == (0, paths(CE, LS, CP))
    assert "2 of 3 cells were finished before" in again.err


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_other_left_is_trained(train, jobs):
    with held_until_the_others_are_done(lambda: time.sleep(2)):
        result = train("--jobs", jobs)
    assert result.err.count("waiting for 1 cell that is being trained by another process") == 1
    assert (result.code, sorted(result.out.splitlines())) == (0, paths(CE, LS, CP)), result.err
    assert PASSED_OVER in result.err
    assert "A " in next(line for line in result.err.splitlines() if line.startswith(f"[3/3] {CE}"))


def test_what_the_other_has_finished_is_not_trained_again(train):
    assert train("--runs", "elsewhere", "--jobs", 1).code == 0

    def finish():
        for file in (Path("elsewhere/tiny") / CE).glob("[a-z]*"):
            shutil.copy2(file, RUNS / CE / file.name)

    with held_until_the_others_are_done(finish):
        result = train("--jobs", 1)
    assert (result.code, sorted(result.out.splitlines())) == (0, paths(CE, LS, CP)), result.err
    assert f"[3/3] {CE}: finished before" in result.err
    assert (RUNS / CE / "result.json").read_bytes() == (Path("elsewhere/tiny") / CE / "result.json").read_bytes()


def test_a_failure_is_reported_before_what_is_left(train, tmp_path):
    (tmp_path / "falls.py").write_text(METHOD)
    falls = 'methods=[CE, {name: "falls.py:Falls", how: raise}]'
    with RunDirectory(RUNS / CE).locked():
        result = train("--jobs", 1, "--set", falls, "--set", "epochs=2", "--no-wait")
    assert (result.code, result.out) == (5, "")
    assert f"warning: {STILL}" in result.err
    assert "1 of 2 cells failed" in result.err


def test_nobody_waits_to_pass_a_cell_over(tmp_path):
    directory = RunDirectory(tmp_path)
    assert not directory.is_held()
    with directory.locked():
        assert directory.is_held()
        began = time.monotonic()
        with pytest.raises(LockedError, match="another process is training this cell"), directory.locked():
            pass
        assert time.monotonic() - began < 1
    assert not directory.is_held()


def test_two_commands_share_a_grid(recipe, tmp_path):
    command = [warm.program(), "train", str(recipe), "--device", "cpu", "--jobs", "1"]
    command += ["--set", "methods=[CE, LS, CP, MyLC]", "--set", "seeds=[1, 2]", "--set", "epochs=1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes, cwd=tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    results = sorted((tmp_path / RUNS).glob("*/result.json"))
    assert len(results) == 8
    for path in results:
        # Whoever trains a cell tells its accuracies.
        assert sum(f"{path.parent.name}: A " in err for _, err in outputs) == 1, outputs
        assert json.loads(path.read_text())["provenance"]["resumed"] == 0
        assert len((path.parent / "metrics.csv").read_text().splitlines()) == 1 + 1
    everything = [str(path.parent.relative_to(tmp_path)) for path in results]
    for out, err in outputs:
        assert sorted(out.splitlines()) == everything
        assert "error" not in err


@pytest.mark.parametrize(("garbage", "code"), [(False, 5), (True, 4)])
def test_a_cell_that_fails_wherever_it_is_trained_is_tried_once_by_each(recipe, tmp_path, garbage, code):
    (tmp_path / "falls.py").write_text(METHOD.replace("fallen.touch()", 'fallen.open("a").write(f"{os.getpid()}\\n")'))
    if garbage:
        checkpoint = tmp_path / RUNS / "falls_symmetric-0.4_seed1" / "checkpoint" / "state.safetensors"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_text("garbage")
    command = [warm.program(), "train", str(recipe), "--device", "cpu", "--jobs", "1"]
    command += ["--set", 'methods=[{name: "falls.py:Falls", how: raise, always: true}, CE]']
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes, cwd=tmp_path) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=300)
        assert process.returncode == code, err
        assert out.splitlines() == paths(CE)
        assert "1 of 2 cells failed:\n" in err
        assert err.count("state.safetensors" if garbage else "KeyError") == 2, err
        assert "trained by another process" not in err.partition("1 of 2 cells failed:")[2]
    if not garbage:
        tried = (tmp_path / "fallen").read_text().split()
        assert len(set(tried)) == len(tried) == 2
