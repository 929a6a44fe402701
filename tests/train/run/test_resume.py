"""An interrupted and resumed run ends with the bits of one that was never interrupted."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from data_sets import DATA
from program import alive, descendants, gone, run_in_process, wait_for
from stop_after import StopAfter

from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA, EARLIER_CHECKPOINT_SCHEMA
from smkd_cli.artifacts.tensors import load_tensors, save_tensors
from smkd_cli.errors import DataError, InterruptedRunError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

STEPS = 3 * 6  # epochs times batches


@pytest.fixture
def train_here(recipe, tmp_path):
    """Train the tiny cell in a folder, stopping after so many steps if that is given."""
    (cell,) = expand(load_recipe(str(recipe), data=DATA))

    def run(folder, stop_after=None, compute=None):
        task = Task(cell, tmp_path / folder, DATA, compute)
        stop = StopRequest() if stop_after is None else StopAfter(stop_after)
        train_cell(task, stop, lambda event: None)
        return task.directory

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


@pytest.mark.parametrize(
    "compute",
    [
        ComputeConfig("cpu", 2, "float32", "channels_last", "in_turn", "eager"),
        ComputeConfig("cpu", 2, "float32", "channels_last", "side_by_side", "eager"),
        ComputeConfig("cpu", 2, "bfloat16", "contiguous", "side_by_side", "eager"),
        *(
            pytest.param(
                ComputeConfig("cuda", 1, precision, "channels_last", peers, step, deterministic=True),
                marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
            )
            for precision in ("bfloat16", "tf32", "float32")
            for peers in ("in_turn", "side_by_side")
            for step in ("eager", "captured")
        ),
    ],
    ids=lambda compute: f"{compute.device}-{compute.precision}-{compute.peers}-{compute.step}",
)
def test_however_the_machine_is_used(train_here, bits, assert_same, compute):
    whole = train_here("whole", compute=compute)
    for steps in (4, 5, 2):
        with pytest.raises(InterruptedRunError):
            train_here("parts", steps, compute)
    assert_same(bits(whole), bits(train_here("parts", compute=compute)))


def test_a_checkpoint_of_the_earlier_version_goes_on(train_here, tmp_path, bits, assert_same):
    """It called the compute configuration ``setup``."""
    begun = ComputeConfig("cpu", 1, "float32", "contiguous", "in_turn", "eager")
    whole = train_here("whole", compute=begun)
    with pytest.raises(InterruptedRunError):
        train_here("parts", 8, begun)
    path = tmp_path / "parts" / "checkpoint" / "state.safetensors"
    tensors, facts = load_tensors(path, CHECKPOINT_SCHEMA)
    facts["setup"] = facts.pop("compute")
    save_tensors(path, tensors, EARLIER_CHECKPOINT_SCHEMA, facts)
    assert_same(bits(whole), bits(train_here("parts")))
    result = json.loads((tmp_path / "parts" / "result.json").read_text())
    assert result["provenance"]["memory_format"] == "contiguous"


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
    checkpoint.write_bytes(whole.replace(CHECKPOINT_SCHEMA.encode(), b"smkd/checkpoint/9"))
    with pytest.raises(DataError, match="schema"):
        train_here("run")


def _largest(tensors):
    return max(tensors, key=lambda name: tensors[name].numel())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        # One number, which torch would broadcast over a larger tensor.
        (lambda t: {_largest(t): torch.zeros(1, dtype=t[_largest(t)].dtype)}, "has the shape (1,), not"),
        (lambda t: {_largest(t): t[_largest(t)].double()}, "is of type float64, not float32"),
        (lambda t: {"b.memory.r": None}, "b.memory.r is missing"),
        (lambda t: {"a.weights.more": torch.zeros(1)}, "a.weights.more does not belong there"),
        (lambda t: {"random.cpu": t["random.cpu"][:-1].clone()}, "random.cpu has the shape"),
        (lambda t: {"random.cpu": t["random.cpu"] * 0 + 7}, "the state of a random generator is not valid"),
    ],
)
def test_a_checkpoint_of_other_tensors_is_refused(train_here, tmp_path, change, words):
    with pytest.raises(InterruptedRunError):
        train_here("run", 8)
    path = tmp_path / "run" / "checkpoint" / "state.safetensors"
    tensors, facts = load_tensors(path, CHECKPOINT_SCHEMA)
    changed = {name: value for name, value in (tensors | change(tensors)).items() if value is not None}
    save_tensors(path, changed, CHECKPOINT_SCHEMA, facts)
    with pytest.raises(DataError, match=re.escape(words)) as refused:
        train_here("run")
    assert str(path) in str(refused.value)
    assert "remove it to start again" in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("progress", None, "progress"),
        ("progress", {"epoch": 0}, "progress.epoch"),
        ("progress", {"epoch": 1.5}, "progress.epoch"),
        ("progress", {"epoch": 2, "step": 99, "stage": 0}, "beyond"),
        ("progress", {"epoch": 1, "step": 1, "stage": -1, "rows": []}, "is in stage 0"),
        ("progress", {"stage": 5}, "is in stage 0"),
        ("progress", {"rows": []}, "the rows are not those of the epochs before 2"),
        ("progress", {"rows": [{"epoch": 1}]}, "the row of epoch 1 is not one of metrics.csv"),
        ("compute", {"threads": 0}, "compute.threads"),
        ("compute", {"memory_format": "sideways"}, "compute.memory_format"),
        ("recipe_sha256", 3, "recipe_sha256"),
        ("method_files", ["a"], "method_files"),
    ],
)
def test_a_checkpoint_that_has_invalid_facts_is_refused(train_here, tmp_path, key, value, words):
    with pytest.raises(InterruptedRunError):
        train_here("run", 8)
    path = tmp_path / "run" / "checkpoint" / "state.safetensors"
    tensors, facts = load_tensors(path, CHECKPOINT_SCHEMA)
    facts[key] = facts[key] | value if isinstance(value, dict) else value
    save_tensors(path, tensors, CHECKPOINT_SCHEMA, facts)
    with pytest.raises(DataError, match=re.escape(words)):
        train_here("run")


def test_two_runs_of_the_same_bits_give_the_same_files(train_here):
    one, other = train_here("one"), train_here("other")
    for peer in ("peer_a.safetensors", "peer_b.safetensors"):
        assert (one / peer).read_bytes() == (other / peer).read_bytes()


def test_what_killed_writers_left_goes_when_the_cell_is_trained(train_here, tmp_path):
    with pytest.raises(InterruptedRunError):
        train_here("run", 4)
    run = tmp_path / "run"
    left = [run / ".tmpAb3xY9", run / "checkpoint" / ".tmpQQ11zz", run / ".peer_a.safetensors.x.part"]
    ours = [run / ".tmp", run / ".notes", run / ".tmpAb3xY9.txt"]
    for file in (*left, *ours):
        file.write_text("half")
    train_here("run")
    assert not [file for file in left if file.exists()]
    assert all(file.exists() for file in ours)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_checkpoint_goes_last(train_here, tmp_path, monkeypatch):
    """Whatever a power cut leaves, it is a checkpoint or all of the result."""
    events = []
    fsync, replace, rmtree = os.fsync, os.replace, shutil.rmtree

    def note(kind, path):
        events.append((kind, str(Path(path).relative_to(tmp_path / "run"))))

    def sync(handle):
        note("sync", Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    def rename(source, target, **options):
        note("rename", target)
        replace(source, target, **options)

    def remove(path, **options):
        note("remove", path)
        rmtree(path, **options)

    with pytest.raises(InterruptedRunError):
        train_here("run", 8)
    for module, name, function in ((os, "fsync", sync), (os, "replace", rename), (shutil, "rmtree", remove)):
        monkeypatch.setattr(module, name, function)
    train_here("run")
    published = events.index(("rename", "result.json"))
    assert ("sync", "metrics.csv") in events[:published]
    peers = [events.index(("rename", f"peer_{peer}.safetensors")) for peer in "ab"]
    assert max(peers) < published
    assert events[published + 1 :] == [("sync", "."), ("remove", "checkpoint")]


def test_the_checkpoint_of_another_cell_is_refused(train_here, tmp_path, recipe):
    with pytest.raises(InterruptedRunError):
        train_here("run", 4)
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 4"))
    (cell,) = expand(load_recipe(str(recipe), data=DATA))
    (tmp_path / "run" / "recipe.yaml").unlink()
    with pytest.raises(DataError, match="another cell"):
        train_cell(Task(cell, tmp_path / "run", DATA), StopRequest(), lambda event: None)


def training(recipe: Path, folder: Path, *more: object) -> list[object]:
    return ["train", recipe, "--runs", folder, "--device", "cpu", *more]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that hold torch")
@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.long)])
def test_killed_at_random_moments(recipe, tmp_path, bits, assert_same, kills):
    name = "smkd-p+mylc_symmetric-0.4_seed1"

    def begin(folder):
        command = training(recipe, tmp_path / folder, "--jobs", 1)
        return run_in_process(command, tmp_path / "words", saving_pause=0.1)

    def end(folder):
        process = begin(folder)
        process.join(300)
        assert process.exitcode == 0, (tmp_path / "words").read_text()
        return json.loads((tmp_path / folder / "tiny" / name / "result.json").read_text())["provenance"]

    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 10"))
    seconds = end("speed")["seconds"]
    # Kills that are a fifth of a second apart find it training even if the machine is four times as fast then.
    recipe.write_text(recipe.read_text().replace("epochs: 10", f"epochs: {round(10 * kills / seconds)}"))
    end("whole")
    moments = random.Random(20260)
    cell = tmp_path / "parts" / "tiny" / name
    checkpoint = cell / "checkpoint" / "state.safetensors"
    for _ in range(kills):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        process = begin("parts")
        wait_for(checkpoint, before)
        time.sleep(moments.uniform(0.0, 0.2))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it had finished: nothing was left to kill"
    assert end("parts")["resumed"] == kills
    assert_same(bits(tmp_path / "whole" / "tiny" / cell.name), bits(cell))
    assert not list(cell.rglob("*.part"))


def pair_of(recipe: str) -> str:
    """Two cells of the tiny recipe, long enough to be interrupted."""
    return recipe.replace("epochs: 3", "epochs: 12").replace("seeds: [1]", "seeds: [1, 2]")


@pytest.fixture(scope="module")
def whole_pair(tmp_path_factory, tiny):
    """Two cells that were never interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.yaml").write_text(pair_of(tiny))
    for cell in expand(load_recipe(str(folder / "tiny.yaml"), data=DATA)):
        train_cell(Task(cell, folder / cell.slug, DATA), StopRequest(), lambda event: None)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that hold torch")
@pytest.mark.parametrize(
    ("number", "jobs", "group"),
    [
        (signal.SIGINT, 2, True),  # what Ctrl-C in a terminal does
        (signal.SIGTERM, 1, False),  # what service managers do
        pytest.param(signal.SIGINT, 1, False, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, 2, True, marks=pytest.mark.long),
        pytest.param(signal.SIGUSR1, 2, True, marks=pytest.mark.long),  # what SLURM does before the time is over
        pytest.param(signal.SIGHUP, 2, True, marks=pytest.mark.long),  # what a terminal does that is closed
        pytest.param(signal.SIGUSR1, 1, False, marks=pytest.mark.long),
    ],
)
def test_a_signal_saves_and_the_same_command_goes_on(
    recipe, tmp_path, whole_pair, bits, assert_same, number, jobs, group
):
    recipe.write_text(pair_of(recipe.read_text()))
    command, output = training(recipe, tmp_path / "parts", "--jobs", jobs), tmp_path / "words"
    process = run_in_process(command, output, new_session=True)
    cell = tmp_path / "parts" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1"
    wait_for(cell / "metrics.csv")
    if group:
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    process.join(60)
    words = output.read_text()
    assert process.exitcode == 128 + number, words
    assert "stopping: saving" in words
    assert "press again to end now" in words
    assert "goes on" in words
    assert "Traceback" not in words
    assert (cell / "checkpoint" / "state.safetensors").exists()
    again = run_in_process(command, output)
    again.join(300)
    assert again.exitcode == 0, output.read_text()
    assert json.loads((cell / "result.json").read_text())["provenance"]["resumed"] == 1
    for seed in (1, 2):
        name = f"smkd-p+mylc_symmetric-0.4_seed{seed}"
        assert_same(bits(whole_pair / name), bits(cell.parent / name))


@pytest.mark.skipif(sys.platform != "linux", reason="forks processes that hold torch")
def test_workers_die_with_their_parent(recipe, tmp_path):
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 500").replace("seeds: [1]", "seeds: [1, 2]"))
    process = run_in_process(training(recipe, tmp_path / "runs", "--jobs", 2), tmp_path / "words")
    cell = tmp_path / "runs" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1"
    wait_for(cell / "metrics.csv")
    began = descendants(process.pid)
    process.kill()
    process.join()
    assert len(began) >= 3  # two workers, and what forks them
    assert gone(began)


# What a process does stands in a module: of the script that starts it, nothing is there.
WORK = """
import os, time
from smkd_cli.train.machine import processes

def work(link):
    processes.end_with_parent()
    link.send(os.getpid())
    time.sleep(600)
"""
ORPHAN = """
import time
from orphan_work import work
from smkd_cli.train.machine import processes

if __name__ == "__main__":
    process, link = processes.start(work)
    print(link.recv(), flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_process_that_exchanges_no_messages_ends_with_its_parent(tmp_path):
    (tmp_path / "orphan.py").write_text(ORPHAN)
    (tmp_path / "orphan_work.py").write_text(WORK)
    parent = subprocess.Popen([sys.executable, tmp_path / "orphan.py"], stdout=subprocess.PIPE, text=True)
    with parent.stdout:  # an orphan would hold it open, so nobody waits for its end
        child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.wait()
    assert gone([child])
