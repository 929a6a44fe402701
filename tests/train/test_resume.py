"""An interrupted and resumed run ends with the bits of one that was never interrupted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smkd_cli.errors import DataError, InterruptedRunError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.cell import Place, train_cell
from smkd_cli.train.stopping import StopRequest

STEPS = 3 * 6  # epochs times batches


class StopAfter(StopRequest):
    """Asks to stop when it has been looked at so many times: once a step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def __bool__(self) -> bool:
        self.left -= 1
        self.signal_number = signal.SIGTERM if self.left <= 0 else 0
        return self.left <= 0


@pytest.fixture
def train_here(recipe, tmp_path):
    """Train the tiny cell in a folder, stopping after so many steps if that is given."""
    (cell,) = expand(load_recipe(str(recipe)))

    def run(folder, stop_after=None):
        place = Place(tmp_path / folder, None, "cpu")
        stop = StopRequest() if stop_after is None else StopAfter(stop_after)
        train_cell(cell, place, stop, lambda event: None)
        return place.directory

    return run


@pytest.mark.parametrize("steps", [1, 5, 6, 7, 12, STEPS - 1])
def test_stopped_after_any_number_of_steps(train_here, bits, assert_same, steps):
    whole = train_here("whole")
    with pytest.raises(InterruptedRunError) as stopped:
        train_here("parts", steps)
    assert stopped.value.exit_code == 143
    assert_same(bits(whole), bits(train_here("parts")))


def test_stopped_at_every_single_step(train_here, bits, assert_same):
    whole = train_here("whole")
    for _ in range(STEPS):
        with pytest.raises(InterruptedRunError):
            train_here("parts", 1)
    assert_same(bits(whole), bits(train_here("parts")))


def test_a_damaged_checkpoint_is_refused(train_here, tmp_path):
    with pytest.raises(InterruptedRunError):
        train_here("run", 4)
    checkpoint = tmp_path / "run" / "checkpoint" / "state.safetensors"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="truncated or damaged"):
        train_here("run")
    altered = bytearray(whole)
    altered[-5] ^= 1
    checkpoint.write_bytes(altered)
    with pytest.raises(DataError, match="checksum"):
        train_here("run")
    checkpoint.write_bytes(whole.replace(b"smkd/checkpoint/1", b"smkd/checkpoint/9"))
    with pytest.raises(DataError, match="schema"):
        train_here("run")


def start(recipe: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "smkd_cli", "train", str(recipe), "--runs", str(folder), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    """Let a command run to its end, which must be a good one."""
    _, words = process.communicate(timeout=300)
    assert process.returncode == 0, words


@pytest.mark.slow
def test_killed_at_ten_random_moments(recipe, tmp_path, bits, assert_same):
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 60"))
    finish(start(recipe, tmp_path / "whole"))
    moments = random.Random(20260)
    kills = 0
    cell = tmp_path / "parts" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1"
    while kills < 10:
        process = start(recipe, tmp_path / "parts")
        deadline = time.monotonic() + 120
        while not (cell / "metrics.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(moments.uniform(0.5, 4.0))
        process.kill()
        process.communicate()
        kills += 1
        if process.returncode == 0:  # it was faster than we: the cell has finished, and nothing is left to kill
            break
    finish(start(recipe, tmp_path / "parts"))
    assert_same(bits(tmp_path / "whole" / "tiny" / cell.name), bits(cell))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_signal_saves_and_the_same_command_goes_on(recipe, tmp_path, bits, assert_same, number, jobs):
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 25").replace("seeds: [1]", "seeds: [1, 2]"))
    process = start(recipe, tmp_path / "parts", "--jobs", jobs)
    cell = tmp_path / "parts" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1"
    deadline = time.monotonic() + 120
    while not (cell / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(number)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 128 + number, words
    assert "goes on" in words
    assert "Traceback" not in words
    assert (cell / "checkpoint" / "state.safetensors").exists()
    finish(start(recipe, tmp_path / "parts", "--jobs", jobs))
    finish(start(recipe, tmp_path / "whole"))
    for seed in (1, 2):
        name = f"smkd-p+mylc_symmetric-0.4_seed{seed}"
        assert_same(bits(tmp_path / "whole" / "tiny" / name), bits(tmp_path / "parts" / "tiny" / name))


def test_workers_die_with_their_parent(recipe, tmp_path):
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 500").replace("seeds: [1]", "seeds: [1, 2]"))
    process = start(recipe, tmp_path / "runs", "--jobs", "2")
    cell = tmp_path / "runs" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1"
    deadline = time.monotonic() + 120
    while not (cell / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while any(_alive(int(child)) for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children
    assert not any(_alive(int(child)) for child in children)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return state != "Z"
