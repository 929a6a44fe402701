"""A command opens a data set once, and reads each split of it once, however many cells and recipes ask for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from picture_folder import write_pictures

from smkd_cli import api, data

Smkd = Callable[..., Any]
HELPERS = Path(__file__).parents[1] / "helpers"
# Notes what is asked of the source, with the process that asks.
SOURCE = """\
import os
import sys

sys.path.insert(0, {helpers!r})
from picture_folder import PictureFolder, Pictures


def note(what):
    with open("asked.txt", "a") as stream:
        stream.write(f"{{os.getpid()}} {{what}}\\n")


class Noting(Pictures):
    def read(self, indices):
        for index in indices.tolist():
            note(f"picture {{self._files[index]}}")
        return super().read(indices)


class Own(PictureFolder):
    name = "own"

    def __init__(self, root):
        note("open")
        super().__init__(root)

    def labels(self, split):
        note(f"labels {{split}}")
        return super().labels(split)

    def images(self, split):
        note(f"images {{split}}")
        return Noting(self._files[split])
"""
RECIPE = """\
schema: smkd/recipe/1
name: counted
dataset: own.py:own
networks: small_resnet
methods: [CE, LS]
noise: [{kind: symmetric, rate: 0.4}, {manifest: labels.csv}]
seeds: [1]
epochs: 1
batch_size: 16
augmentation: {crop_padding: 1, flip: true}
compute: {threads: 1, precision: float32, memory_format: channels_last}
"""
ONCE = ["open", "labels train", "images train", "labels test", "images test"]


@pytest.fixture
def asked(tmp_path: Path, smkd: Smkd) -> Callable[[], list[tuple[str, str]]]:
    """What was asked of the source since the last call, with the process."""
    write_pictures(tmp_path)
    Path("own.py").write_text(SOURCE.format(helpers=str(HELPERS)))
    assert smkd("corrupt", "--dataset", "own.py:own", "--data", ".", "--seed", 9, "-o", "labels.csv").code == 0
    notes = Path("asked.txt")

    def read() -> list[tuple[str, str]]:
        lines = [line.split(" ", 1) for line in notes.read_text().splitlines()]
        notes.unlink()
        return [(pid, what) for pid, what in lines]

    assert sorted(what for _, what in read()) == ["labels train", "open"]
    return read


def _pictures(asked: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    return [note for note in asked if "picture" not in note[1]], [note for note in asked if "picture" in note[1]]


@pytest.mark.parametrize("jobs", [1, 2])
def test_training_a_grid(smkd: Smkd, asked: Callable[[], list[tuple[str, str]]], jobs: int) -> None:
    Path("counted.yaml").write_text(RECIPE)
    trained = smkd("train", "counted.yaml", "--data", ".", "--jobs", jobs)
    assert trained.code == 0, trained.err
    assert len(trained.out.splitlines()) == 4
    rest, pictures = _pictures(asked())
    assert len(set(rest)) == len(rest)
    assert {what for _, what in rest} == set(ONCE)
    assert len({pid for pid, _ in pictures}) == jobs
    # The first of a split is read before, to learn the images' shape.
    assert len(pictures) == (72 + 2) * jobs


def test_checking_recipes(smkd: Smkd, asked: Callable[[], list[tuple[str, str]]]) -> None:
    for name in ("one", "two"):
        Path(f"{name}.yaml").write_text(RECIPE)
    checked = smkd("recipes", "validate", "one.yaml", "two.yaml", "--data", ".")
    assert checked.code == 0, checked.err
    assert [what for _, what in asked()] == ["open", "labels train", "labels test"]
    assert smkd("train", "one.yaml", "--dry-run", "--data", ".").code == 0
    assert [what for _, what in asked()] == ["open", "labels train"]


def test_scoring_runs(smkd: Smkd, asked: Callable[[], list[tuple[str, str]]]) -> None:
    Path("counted.yaml").write_text(RECIPE.replace(", LS", ""))
    runs = smkd("train", "counted.yaml", "--data", ".", "--jobs", 1).out.split()
    asked()
    assert smkd("eval", *runs, "--data", ".", "--trust-code").code == 0
    rest, _ = _pictures(asked())
    assert sorted(what for _, what in rest) == ["images test", "labels test", "open"]


def test_outside_of_a_command_files_are_seen_as_they_are(tmp_path: Path, smkd: Smkd, asked: Any) -> None:
    def size() -> int:
        return api.dataset("own.py:own", tmp_path).train_size

    before = size()
    folder = tmp_path / "pictures" / "train" / "cat"
    (folder / "more.npy").write_bytes((folder / "0.npy").read_bytes())
    assert size() == before + 1
    with data.opened_once():
        assert size() == before + 1
        (folder / "more.npy").unlink()
        assert size() == before + 1
    assert size() == before
