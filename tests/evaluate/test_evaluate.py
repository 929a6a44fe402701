"""``smkd eval``: records of run directories and lone files, on test and on training images."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import DATA, pixels_of
from safetensors.torch import load_file

from smkd_cli import networks
from smkd_cli.artifacts.manifest import read_manifest
from smkd_cli.artifacts.run_directory import PEER_SCHEMA
from smkd_cli.artifacts.tensors import load_tensors, save_tensors
from smkd_cli.data import find

RECIPE = """\
schema: smkd/recipe/1
name: small
dataset: digits
networks: small_resnet
methods: [SMKD-S+MyLC]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [3]
epochs: 6
augmentation: {crop_padding: 1, flip: false}
compute: {threads: 1, precision: float32, memory_format: channels_last}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run directory, trained once."""
    from smkd_cli.app import main

    folder = tmp_path_factory.mktemp("trained")
    (folder / "small.yaml").write_text(RECIPE)
    with pytest.raises(SystemExit) as stop:
        main(["train", str(folder / "small.yaml"), "--runs", str(folder / "runs"), "--jobs", "1", "--quiet"])
    assert not stop.value.code
    return folder / "runs" / "small" / "smkd-s+mylc_symmetric-0.4_seed3"


def plain_predictions(trained, split):
    """Probabilities of both peers by the shortest way there is: a plain network and its weights."""
    dataset = find("digits", DATA)
    images = torch.from_numpy(pixels_of(dataset.images(split))).permute(0, 3, 1, 2).float() / 255
    images = (images - torch.tensor(dataset.mean).view(1, -1, 1, 1)) / torch.tensor(dataset.std).view(1, -1, 1, 1)
    for peer in "ab":
        network = networks.build("small_resnet", classes=10, channels=1).eval()
        network.load_state_dict(load_file(trained / f"peer_{peer}.safetensors"), strict=True)
        with torch.no_grad():
            yield network(images).softmax(1).numpy()


def test_a_run_directory_gives_one_record(smkd, trained):
    result = smkd("eval", trained)
    assert result.code == 0, result.err
    (line,) = result.out.splitlines()
    record = json.loads(line)
    assert record["schema"] == "smkd/scores/1"
    assert record["split"] == "test"
    assert record["images"] == 360
    assert record["labels"] is None
    stored = json.loads((trained / "result.json").read_text())
    assert record["cell"] == stored["cell"]
    assert record["epochs"] == stored["scores"]
    last = stored["scores"]["last"]
    assert record["networks"]["a"]["top1"] == pytest.approx(last["a"])
    assert record["networks"]["b"]["top1"] == pytest.approx(last["b"])
    assert record["mean"]["top1"] == pytest.approx(last["mean"])
    assert record["ensemble"]["top1"] == pytest.approx(last["ensemble"])


def test_the_numbers_are_those_of_the_plain_networks(smkd, trained):
    record = json.loads(smkd("eval", trained).out)
    labels = find("digits", DATA).labels("test").labels
    probabilities = list(plain_predictions(trained, "test"))
    for peer, probs in zip("ab", probabilities, strict=True):
        got = record["networks"][peer]
        assert got["top1"] == pytest.approx(100 * (probs.argmax(1) == labels).mean())
        assert got["nll"] == pytest.approx(-np.log(probs[np.arange(360), labels]).mean(), rel=1e-4)
        best = np.argsort(-probs, axis=1)[:, :5]
        assert got["top5"] == pytest.approx(100 * (best == labels[:, None]).any(1).mean())
        assert len(got["per_class"]) == 10
    together = (probabilities[0] + probabilities[1]) / 2
    assert record["ensemble"]["nll"] == pytest.approx(-np.log(together[np.arange(360), labels]).mean(), rel=1e-4)


def test_scores_on_training_images_report_the_wrong_labels(smkd, trained):
    record = json.loads(smkd("eval", trained, "--split", "train").out)
    manifest = read_manifest(trained / "manifest.csv")
    wrong = manifest.noisy_labels != manifest.clean_labels
    assert record["images"] == 1437
    for peer, probs in zip("ab", plain_predictions(trained, "train"), strict=True):
        got = record["labels"][peer]
        prediction = probs.argmax(1)
        assert got["wrong"] == wrong.sum()
        assert got["memorised"] == pytest.approx((prediction == manifest.noisy_labels)[wrong].mean())
        assert got["corrected"] == pytest.approx((prediction == manifest.clean_labels)[wrong].mean())
        # The refined label by Eq. 7 and 8, with the r that the last epoch ended with.
        certainty = 1 + (probs * np.log(probs)).sum(1) / np.log(10)
        _, facts = load_tensors(trained / f"peer_{peer}.safetensors", PEER_SCHEMA)
        r = facts["memory"]["r"]
        assert 0.2 < r < 1
        trust = certainty / (1 + np.exp(-(r - 0.5) * record["cell"]["options"]["b1"]))
        refined = (1 - trust)[:, None] * np.eye(10)[manifest.noisy_labels] + trust[:, None] * probs
        expected = (refined.argmax(1) == manifest.clean_labels)[wrong].mean()
        assert got["refined_corrected"] == pytest.approx(expected, abs=2 / wrong.sum())


def test_a_lone_file_and_paths_on_stdin(smkd, trained):
    lone = json.loads(smkd("eval", trained / "peer_b.safetensors").out)
    assert list(lone["networks"]) == ["b"]
    assert lone["epochs"] is None
    piped = smkd("eval", "-", stdin=f"{trained}\n{trained / 'peer_a.safetensors'}\n")
    assert [json.loads(line)["checkpoint"] for line in piped.out.splitlines()] == [
        str(trained),
        str(trained / "peer_a.safetensors"),
    ]


def test_records_go_to_a_file(smkd, trained):
    result = smkd("eval", trained, "-o", "scores.jsonl")
    assert result.out == ""
    assert json.loads(Path("scores.jsonl").read_text())["split"] == "test"


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "copy")


def test_damaged_weights_are_refused(smkd, copy):
    path = copy / "peer_a.safetensors"
    whole = path.read_bytes()
    for damaged in (whole[:-100], whole[:40], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(damaged)
        result = smkd("eval", copy)
        assert result.code == 4
        assert "peer_a.safetensors" in result.err
        assert "Traceback" not in result.err


def changed(path, facts=None, weights=None):
    """Change what a peer's file says, its checksum being right."""
    had, about = load_tensors(path, PEER_SCHEMA)
    save_tensors(path, had | (weights or {}), PEER_SCHEMA, about | (facts or {}))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"cell": None}, "cell"),
        ({"cell": {"dataset": "digits"}}, "cell.recipe"),
        ({"network": "resnet999"}, "is of a network 'resnet999', which is not known"),
        ({"network": 3}, "network"),
        ({"peer": "c"}, "peer"),
        ({"peer": "b"}, "not of one pair"),
        ({"memory": {"r": []}}, "memory.r"),
        ({"written_by": {}}, "written_by.precision"),
    ],
)
def test_a_peer_that_has_invalid_facts_is_refused(smkd, copy, facts, words):
    changed(copy / "peer_a.safetensors", facts)
    result = smkd("eval", copy)
    assert result.code == 4, result.err
    assert words in result.err
    assert len(result.err) < 500


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ({"dataset": "../digits"}, "is of a data set '../digits', which is not known"),
        ({"source": {"path": "a\0b"}}, "which holds no null character"),
        ({"validation_fraction": 1.0}, "cell.validation_fraction"),
        ({"seed": -1}, "cell.seed"),
        ({"method": "nosuch"}, "cannot be made again"),
        ({"options": {"b1": "steep"}}, "cannot be made again"),
        ({"method": "SMKD-S"}, "not of one pair"),
    ],
)
def test_a_peer_of_a_cell_that_cannot_be_is_refused(smkd, copy, cell, words):
    for peer in "ab" if "pair" not in words else "a":
        path = copy / f"peer_{peer}.safetensors"
        changed(path, {"cell": load_tensors(path, PEER_SCHEMA)[1]["cell"] | cell})
    result = smkd("eval", copy, "--split", "train")
    assert result.code == 4, result.err
    assert words in result.err


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"more": torch.zeros(1)}, "more does not belong there"),
        ({"classifier.bias": torch.zeros(1)}, "has the shape (1,), not (10,)"),
        ({"classifier.bias": torch.zeros(10, dtype=torch.float64)}, "is of type float64, not float32"),
        ({"classifier.bias": torch.full((10,), float("nan"))}, "classifier.bias is not finite"),
        # Torch would take the first of several for a single number.
        ({"stages.0.0.bn1.num_batches_tracked": torch.zeros(3, dtype=torch.int64)}, "has the shape (3,), not ()"),
        ({"classifier.bias": torch.tensor([3e38] + [-3e38] * 9)}, "scores are not finite"),
        ({"stages.0.0.bn1.running_var": torch.full((32,), -1.0)}, "the predictions of peer a are not finite"),
    ],
)
def test_weights_of_another_kind_are_refused(smkd, copy, weights, words):
    changed(copy / "peer_a.safetensors", weights=weights)
    result = smkd("eval", copy)
    assert result.code == 4, result.err
    assert words in result.err


def test_what_the_method_remembered_must_be_there(smkd, copy):
    for peer in "ab":
        changed(copy / f"peer_{peer}.safetensors", {"memory": {}})
    assert smkd("eval", copy).code == 0
    result = smkd("eval", copy, "--split", "train")
    assert result.code == 4, result.err
    assert "what SMKD-S+MyLC remembered is not in its file" in result.err


@pytest.mark.parametrize("what", ["nothing", "folder"])
def test_something_that_is_no_checkpoint(smkd, tmp_path, what):
    if what == "folder":
        (tmp_path / what).mkdir()
    result = smkd("eval", tmp_path / what)
    assert result.code == 4
    assert what in result.err


def test_no_path_on_stdin_is_an_error(smkd):
    assert smkd("eval", "-", stdin="\n").code == 4


def test_a_tampered_manifest_is_refused_on_training_images(smkd, copy):
    manifest = copy / "manifest.csv"
    head, row = manifest.read_text().rstrip("\n").rsplit("\n", 1)
    label = int(row.rsplit(",", 1)[1])
    manifest.write_text(f"{head}\n{row.rsplit(',', 1)[0]},{(label + 1) % 10}\n")
    result = smkd("eval", copy, "--split", "train")
    assert result.code == 4
    assert "noisy_labels_sha256" in result.err


def test_a_manifest_of_other_classes_is_refused(smkd, copy):
    manifest = copy / "manifest.csv"
    lines = manifest.read_text().replace("# classes: 10", "# classes: 12").splitlines(True)
    manifest.write_text("".join(line for line in lines if not line.startswith("# class ")))
    result = smkd("eval", copy, "--split", "train")
    assert result.code == 4, result.err
    assert "has 12 classes, but the networks have 10" in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_no_pipe_is_waited_for_in_the_place_of_a_manifest(smkd, copy):
    (copy / "manifest.csv").unlink()
    os.mkfifo(copy / "manifest.csv")
    result = smkd("eval", copy, "--split", "train")
    assert result.code == 4, result.err
    assert "manifest.csv: is no file" in result.err


def test_unfinished_runs_are_passed_over(smkd, trained, copy):
    (copy / "result.json").unlink()
    result = smkd("eval", trained, copy)
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    assert "has not finished" in result.err
    assert smkd("eval", copy).code == 4


@pytest.mark.parametrize("value", ["many", [1], None, True])
def test_an_option_of_another_type_is_named(smkd, trained, tmp_path, value):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    for peer in "ab":
        path = copy / f"peer_{peer}.safetensors"
        cell = load_tensors(path, PEER_SCHEMA)[1]["cell"]
        changed(path, {"cell": cell | {"options": cell["options"] | {"eta": value}}})
    result = smkd("eval", copy, "--split", "train")
    assert result.code == 4
    assert f"copy: its method cannot be made again: its option eta is {str(value)!r}: Input should be" in result.err
    assert len(result.err.splitlines()) == 1
