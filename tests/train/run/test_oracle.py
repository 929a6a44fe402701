"""What a method is given before training, and the error where it is not known."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from data_sets import DATA

from smkd_cli import methods
from smkd_cli.train.run.oracle import facts_for

# What the file of a teacher says of itself; "seven" is no data set, but a teacher may be of any.
CELL = {"recipe": "r", "protocol": "p", "label": "CE", "method": "CE", "dataset": "seven", "networks": ["small_resnet"]}
CELL |= {"epochs": 1, "noise": {"kind": "clean"}, "seed": 1, "validation_fraction": 0.0}
ABOUT = {"network": "small_resnet", "peer": "a", "epoch": 1, "cell": CELL, "memory": {}}
ABOUT |= {"written_by": {"precision": "float32"}}
ROW = ["--set", "options={}", "--set", "epochs=1", "--set", "seeds=[1]"]


def facts(name, noisy, clean, **options):
    labels = SimpleNamespace(clean_labels=clean)
    return facts_for(methods.build(name, options), labels, 3, torch.tensor(noisy))


def test_the_noise_is_counted_where_it_is_needed():
    noisy, clean = [0, 1, 1, 2, 0], np.array([0, 0, 1, 1, 0])
    assert facts("Co-teaching", noisy, clean).noise_rate == pytest.approx(0.4)
    matrix = facts("Forward", noisy, clean, transition="oracle").transition_matrix
    # Nothing has the clean class 2, so nothing of it is wrong.
    want = torch.tensor([[2 / 3, 1 / 3, 0], [0, 1 / 2, 1 / 2], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(matrix, want)


def test_a_method_without_needs_gets_nothing():
    known = facts("CE", [0, 1], np.array([0, 2]))
    assert known.noise_rate is None
    assert known.transition_matrix is None


def test_an_oracle_needs_clean_labels(smkd, tmp_path):
    assert smkd("corrupt", "--rate", "0.4", "-o", "noisy.csv").code == 0
    header, *rows = (tmp_path / "noisy.csv").read_text().splitlines()
    text = "\n".join([header, *rows])
    columns = next(line for line in rows if not line.startswith("#"))
    column = columns.split(",").index("clean_label")
    lines = []
    for line in text.splitlines():
        fields = line.split(",")
        if not line.startswith("#") and line != columns:
            fields[column] = ""
        lines.append(",".join(fields))
    kept = [line for line in lines if not line.startswith(("# clean", "# realised"))]
    (tmp_path / "unknown.csv").write_text("\n".join(kept) + "\n")
    options = ["--manifest", "unknown.csv", "--set", "methods=[Co-teaching]", *ROW]
    result = smkd("train", "quickstart", *options)
    assert result.code == 4, result.err
    assert "noise_rate" in result.err


def test_a_teacher_of_other_classes_is_refused(smkd, tmp_path):
    from smkd_cli import networks
    from smkd_cli.artifacts.run_directory import PEER_SCHEMA
    from smkd_cli.artifacts.tensors import save_tensors

    network = networks.build("small_resnet", classes=7, channels=1)
    save_tensors(tmp_path / "teacher.safetensors", network.state_dict(), PEER_SCHEMA, ABOUT)
    entry = json.dumps({"name": "T2S-KD", "teacher": "teacher.safetensors"})
    result = smkd("train", "quickstart", "--set", f"methods=[{entry}]", *ROW)
    assert result.code == 4, result.err
    assert "is no teacher for digits (10 classes): it was trained on seven" in result.err


@pytest.mark.parametrize(
    ("facts", "bias", "words"),
    [
        ({}, torch.zeros(10, dtype=torch.float64), "classifier.bias is of type float64"),
        ({}, torch.full((10,), float("inf")), "classifier.bias is not finite"),
        ({"network": "nosuch"}, torch.zeros(10), "is of a network 'nosuch'"),
        ({"cell": {"dataset": "digits"}}, torch.zeros(10), "cell.recipe"),
    ],
)
def test_a_teacher_that_is_none_is_refused(smkd, tmp_path, facts, bias, words):
    from smkd_cli import networks
    from smkd_cli.artifacts.run_directory import PEER_SCHEMA
    from smkd_cli.artifacts.tensors import save_tensors

    weights = networks.build("small_resnet", classes=10, channels=1).state_dict() | {"classifier.bias": bias}
    save_tensors(tmp_path / "teacher.safetensors", weights, PEER_SCHEMA, ABOUT | facts)
    entry = json.dumps({"name": "T2S-KD", "teacher": "teacher.safetensors"})
    result = smkd("train", "quickstart", "--jobs", 1, "--set", f"methods=[{entry}]", *ROW)
    assert result.code == 4, result.err
    assert words in result.err


def test_a_teacher_that_is_not_there(smkd):
    entry = json.dumps({"name": "T2S-KD", "teacher": "nowhere.safetensors"})
    result = smkd("train", "quickstart", "--set", f"methods=[{entry}]", *ROW)
    assert result.code == 4
    assert "nowhere.safetensors" in result.err


def test_training_does_not_go_on_with_another_teacher(tmp_path, monkeypatch):
    from smkd_cli import networks
    from smkd_cli.artifacts.run_directory import PEER_SCHEMA
    from smkd_cli.artifacts.tensors import save_tensors
    from smkd_cli.errors import DataError, InterruptedRunError
    from smkd_cli.recipe import expand, load_recipe
    from smkd_cli.train.machine.signals import StopRequest
    from smkd_cli.train.run.loop import train_cell
    from smkd_cli.train.run.task import Task

    class AtOnce(StopRequest):
        def __bool__(self) -> bool:
            self.signal_number = 15
            return True

    def teacher(seed):
        torch.manual_seed(seed)
        weights = networks.build("small_resnet", classes=10, channels=1).state_dict()
        save_tensors(tmp_path / "teacher.safetensors", weights, PEER_SCHEMA, ABOUT)

    monkeypatch.chdir(tmp_path)
    teacher(1)
    first = (tmp_path / "teacher.safetensors").read_bytes()
    entry = json.dumps({"name": "T2S-KD", "teacher": "teacher.safetensors"})
    (cell,) = expand(
        load_recipe("quickstart", [f"methods=[{entry}]", "options={}", "epochs=1", "seeds=[1]"], data=DATA)
    )
    task = Task(cell, tmp_path / "run", DATA)
    with pytest.raises(InterruptedRunError):
        train_cell(task, AtOnce(), lambda event: None)
    teacher(2)
    with pytest.raises(DataError, match=r"teacher\.safetensors has changed since"):
        train_cell(task, StopRequest(), lambda event: None)
    (tmp_path / "teacher.safetensors").write_bytes(first)
    train_cell(task, StopRequest(), lambda event: None)
    record = json.loads((tmp_path / "run" / "result.json").read_text())
    assert list(record["provenance"]["method_files"]) == ["teacher.safetensors"]
