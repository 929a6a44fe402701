"""``samples.safetensors``: what training noticed of every sample, against the metrics and against closed forms."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from data_sets import DATA

from smkd_cli.artifacts.manifest import read_manifest, write_manifest
from smkd_cli.artifacts.metrics import read_metrics
from smkd_cli.artifacts.samples import SAMPLES_SCHEMA, read_samples
from smkd_cli.artifacts.tensors import load_tensors, save_tensors
from smkd_cli.data.hold_out import hold_out
from smkd_cli.errors import DataError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

N, EPOCHS, HELD_OUT = 1437, 3, 0.5


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny):
    """Train one method; gives the run directory."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(tiny)

    def train(method, epochs=EPOCHS, **options):
        run_directory = tmp_path_factory.mktemp("run") / "cell"
        entry = json.dumps({"name": method, **options}, ensure_ascii=False)
        settings = [f"methods=[{entry}]", f"epochs={epochs}", f"validation.fraction={HELD_OUT}"]
        (cell,) = expand(load_recipe(str(path), settings, data=DATA))
        train_cell(Task(cell, run_directory, DATA), StopRequest(), lambda event: None)
        return run_directory

    return train


@pytest.fixture(scope="module")
def trained(run):
    return run("SMKD-S+MyLC", eta=1.05)


def test_samples_stand_in_the_order_of_the_manifest(trained):
    a, b, facts = read_samples(trained / "samples.safetensors")
    manifest = read_manifest(trained / "manifest.csv")
    assert (facts.samples, facts.classes) == (len(manifest.noisy_labels), 10) == (N, 10)
    assert facts.manifest_sha256 == hashlib.sha256((trained / "manifest.csv").read_bytes()).hexdigest()
    train_indices, held_out = hold_out(N, HELD_OUT, 1)
    for peer in (a, b):
        assert (peer.seen[train_indices] == EPOCHS).all()
        assert (peer.seen[held_out] == 0).all()
        for never in (peer.margin, peer.probability, peer.refined_mass):
            assert np.isnan(never[held_out]).all()
            assert np.isfinite(never[train_indices]).all()
        assert (peer.refined_class[held_out] == -1).all()
        assert not peer.sent[held_out].any()


def test_counts_are_those_of_the_metrics(trained):
    both = read_samples(trained / "samples.safetensors")[:2]
    columns = (
        "train_accuracy_a",
        "train_accuracy_b",
        "sent_a_to_b",
        "sent_b_to_a",
        "precision_a_to_b",
        "precision_b_to_a",
    )
    rows = np.array(read_metrics(trained, *columns))
    for at, peer in enumerate(both):
        samples = (peer.seen > 0).sum()
        assert peer.predicted.sum() / samples / EPOCHS == pytest.approx(rows[:, at].mean() / 100)
        assert peer.sent.sum() == rows[:, 2 + at].sum() > 0
        assert peer.sent.max() <= EPOCHS


def test_in_one_epoch_the_margin_is_positive_where_the_label_is_predicted(run):
    for peer in read_samples(run("CE", epochs=1) / "samples.safetensors")[:2]:
        seen = peer.seen > 0
        assert ((peer.margin[seen] > 0) == (peer.predicted[seen] == 1)).all()
        assert (peer.probability[seen] > 0).all()
        assert (peer.probability[seen] < 1).all()
        # A probability above one half is a margin above zero, and log-odds bound the margin from below.
        sure = peer.probability[seen] > 0.5
        assert (peer.margin[seen][sure] > 0).all()
        odds = np.log(peer.probability[seen] / (1 - peer.probability[seen]))
        assert (peer.margin[seen] >= odds - 1e-3).all()
        assert (peer.margin[seen] <= odds + math.log(9) + 1e-3).all()


@pytest.mark.parametrize(("method", "options", "mass"), [("CE", {}, 1.0), ("LS", {"epsilon": 0.4}, 0.64)])
def test_refined_labels_are_those_of_the_method(run, method, options, mass):
    run_directory = run(method, **options)
    labels = read_manifest(run_directory / "manifest.csv").noisy_labels
    for peer in read_samples(run_directory / "samples.safetensors")[:2]:
        seen = peer.seen > 0
        assert peer.refined_mass[seen] == pytest.approx(mass)
        assert (peer.refined_class[seen] == labels[seen]).all()
        assert not peer.sent.any()


def test_a_network_that_began_anew_has_only_its_own_epochs(run):
    for peer in read_samples(run("Joint", retrain_share=0.34) / "samples.safetensors")[:2]:
        assert set(peer.seen.tolist()) == {0, 1}


def test_of_mixed_images_the_labels_before_mixing_are_kept(run):
    run_directory = run("M-DYR", warmup_share=0.3)
    labels = read_manifest(run_directory / "manifest.csv").noisy_labels
    for peer in read_samples(run_directory / "samples.safetensors")[:2]:
        seen = peer.seen > 0
        # (1 − B) q + B ẑ is all on the noisy label where that is the prediction, and 1 − B otherwise.
        kept = peer.refined_mass[seen]
        assert ((kept > 0) & (kept <= 1)).all()
        assert len(np.unique(kept.round(4))) > 5
        assert (peer.refined_class[seen] == labels[seen])[kept > 0.5].all()


def spoil(run_directory, folder, change):
    """A copy of the file with other tensors, or other facts, and a checksum that fits."""
    tensors, facts = load_tensors(run_directory / "samples.safetensors", SAMPLES_SCHEMA)
    change(tensors, facts)
    save_tensors(folder / "samples.safetensors", tensors, SAMPLES_SCHEMA, facts)
    return folder / "samples.safetensors"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors, facts: tensors.pop("a.margin"), "a.margin is not what 1,437 samples have"),
        (lambda tensors, facts: tensors.update({"c.seen": tensors["a.seen"]}), "c.seen is not what"),
        (lambda tensors, facts: tensors.update({"a.seen": tensors["a.seen"][1:]}), "a.seen is not what"),
        (lambda tensors, facts: tensors.update({"b.sent": tensors["b.sent"].long()}), "b.sent is not what"),
        (lambda tensors, facts: tensors["a.sent"].fill_(99), "a.sent has counts"),
        (lambda tensors, facts: tensors["b.predicted"].fill_(-1), "b.predicted has counts"),
        (lambda tensors, facts: tensors["a.refined_class"].fill_(10), "a.refined_class is not one of 10"),
        (lambda tensors, facts: facts.update(samples=7), "is not what 7 samples have"),
        (lambda tensors, facts: facts.update(classes="ten"), "classes"),
        (lambda tensors, facts: facts.pop("manifest_sha256"), "manifest_sha256"),
    ],
)
def test_a_file_that_is_none_of_samples(trained, tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        read_samples(spoil(trained, tmp_path, change))


def test_a_damaged_file(trained, tmp_path):
    whole = (trained / "samples.safetensors").read_bytes()
    for name, content in (("cut", whole[:-3]), ("other", whole[:-1] + bytes([whole[-1] ^ 1])), ("none", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            read_samples(tmp_path / name)
    with pytest.raises(DataError, match="no such file"):
        read_samples(tmp_path / "missing")
    with pytest.raises(DataError, match="schema"):
        read_samples(trained / "peer_a.safetensors")


def test_the_same_run_gives_the_same_bytes(run, trained):
    again = run("SMKD-S+MyLC", eta=1.05)
    assert (again / "samples.safetensors").read_bytes() == (trained / "samples.safetensors").read_bytes()
    assert torch.is_tensor(load_tensors(again / "samples.safetensors", SAMPLES_SCHEMA)[0]["a.seen"])


def test_of_a_manifest_in_an_order_of_its_own_samples_stand_in_that_order(run, tiny, tmp_path):
    """The same labels with the images shuffled: what is kept is shuffled with them."""
    plain = run("CE", epochs=1)
    manifest = read_manifest(plain / "manifest.csv")
    order = np.random.default_rng(5).permutation(N)
    parts = {name: getattr(manifest, name) for name in ("noisy_labels", "clean_labels", "image")}
    write_manifest(tmp_path / "shuffled.csv", replace(manifest, **{name: part[order] for name, part in parts.items()}))
    (tmp_path / "tiny.yaml").write_text(tiny)
    settings = [
        "methods=[CE]",
        "epochs=1",
        f"validation.fraction={HELD_OUT}",
        f"noise=[{{manifest: {tmp_path}/shuffled.csv}}]",
    ]
    (cell,) = expand(load_recipe(str(tmp_path / "tiny.yaml"), settings, data=DATA))
    train_cell(Task(cell, tmp_path / "cell", DATA), StopRequest(), lambda event: None)
    ours, theirs = (read_samples(run_directory / "samples.safetensors") for run_directory in (tmp_path / "cell", plain))
    for one, other in zip(ours[:2], theirs[:2], strict=True):
        for name in ("seen", "margin", "probability", "predicted", "refined_class"):
            assert np.array_equal(
                getattr(one, name), getattr(other, name)[order], equal_nan=name in ("margin", "probability")
            )
    published = tmp_path / "cell" / "manifest.csv"
    assert ours[2].manifest_sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    assert np.array_equal(read_manifest(published).noisy_labels, manifest.noisy_labels[order])
