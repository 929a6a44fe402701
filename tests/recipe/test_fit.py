"""A manifest or a teacher that cannot fit is found before the first cell, by every command that reads the recipe."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import DATA

from smkd_cli.artifacts.manifest import Manifest, write_manifest
from smkd_cli.artifacts.run_directory import PEER_SCHEMA
from smkd_cli.data import find
from smkd_cli.data.sources.arrays import Split
from smkd_cli.data.sources.cifar100 import Cifar100

NOISE = "  - {kind: symmetric, rate: 0.4}"
COMMANDS = [["recipes", "validate"], ["train", "--dry-run"], ["train", "--jobs", "1"]]


def labels(path: str, *, dataset: str = "digits", **changed: Any) -> str:
    """Write a manifest that fits a data set but for what is changed."""
    found = find(dataset, DATA)
    given = np.arange(found.train_size) % found.classes
    whole: dict[str, Any] = {"dataset": dataset, "split": "train", "classes": found.classes, "kind": "given"}
    whole |= dict.fromkeys(("rate", "seed", "sampling", "transition_matrix"))
    write_manifest(Path(path), Manifest(**(whole | {"noisy_labels": given, "clean_labels": given} | changed)))
    return path


def digits_ids() -> np.ndarray:
    return find("digits", DATA).labels("train").image_ids


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_manifest_that_does_not_fit_is_reported_before_anything_is_trained(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], command: list[str]
) -> None:
    labels("good.csv", image=digits_ids())
    labels("few.csv", noisy_labels=np.arange(9) % 3, clean_labels=None, classes=3)
    labels("test.csv", split="test")
    labels("others.csv", image=np.array([f"{row}.png" for row in range(1437)]))
    labels("pinned.csv")
    Path("damaged.csv").write_text(Path("good.csv").read_text()[:-20])
    names = ("good", "few", "missing", "test", "others", "damaged")
    entries = "".join(f"\n  - {{manifest: {name}.csv}}" for name in names)
    recipe = recipe_file((NOISE, f"{NOISE}{entries}\n  - {{manifest: pinned.csv, sha256: {'0' * 64}}}"))
    result = smkd(*command, recipe)
    assert result.code == 4
    assert result.out == ""
    assert not Path("runs").exists()
    lines = result.err.removeprefix("error: ").splitlines()
    wanted = [
        ("few.csv", "has 3 classes but digits has 10"),
        ("few.csv", "has labels of 9 images, but digits has 1437"),
        ("missing.csv", "cannot be read"),
        ("test.csv", "has the labels of test images"),
        ("others.csv", "belongs to another data set: it has none of the 1437 images"),
        ("damaged.csv", "damaged.csv"),
        ("pinned.csv", "its sha256 is another"),
    ]
    assert len(lines) == len(wanted), result.err
    for line, (name, what) in zip(lines, wanted, strict=True):
        assert name in line
        assert what in line


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
@pytest.mark.parametrize("piped", [False, True])
def test_the_manifest_of_the_command_line_is_checked_and_the_recipe_s_own_is_not(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], command: list[str], piped: bool
) -> None:
    labels("few.csv", noisy_labels=np.arange(9) % 3, clean_labels=None, classes=3)
    recipe = recipe_file((NOISE, "  - {manifest: missing.csv}"))
    text = Path("few.csv").read_text()
    result = smkd(*command, recipe, "--manifest", "-" if piped else "few.csv", stdin=text if piped else "")
    assert result.code == 4
    assert f"{'stdin' if piped else 'few.csv'}: has 3 classes but digits has 10" in result.err
    assert "missing.csv" not in result.err


def test_manifests_that_fit_are_right(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    labels("plain.csv")
    order = np.random.default_rng(0).permutation(1437)
    labels("named.csv", image=digits_ids()[order], noisy_labels=(np.arange(1437) % 10)[order])
    recipe = recipe_file((NOISE, "  - {manifest: plain.csv}\n  - {manifest: named.csv}"))
    assert smkd("recipes", "validate", recipe).out == f"{recipe}: ok, 12 cells\n"
    assert len(smkd("train", "--dry-run", recipe).out.splitlines()) == 12


def test_a_manifest_given_to_a_shipped_recipe_is_looked_for_here(smkd: Callable[..., Any]) -> None:
    result = smkd("recipes", "validate", "quickstart", "--set", f"noise=[{{manifest: {labels('plain.csv')}}}]")
    assert (result.code, result.out) == (0, "quickstart: ok, 72 cells\n")


def test_recipes_that_are_wrong_and_files_that_are_missing_are_reported_together(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path]
) -> None:
    wrong = recipe_file(("epochs: 2", "epochs: x"), name="wrong.yaml")
    lost = recipe_file((NOISE, "  - {manifest: missing.csv}"), name="lost.yaml")
    right = recipe_file(name="right.yaml")
    assert smkd("recipes", "validate", lost, right).code == 4
    result = smkd("recipes", "validate", lost, wrong, right)
    assert result.code == 3
    assert result.out == f"{right}: ok, 6 cells\n"
    assert "missing.csv: cannot be read" in result.err
    assert "wrong.yaml:8:9: epochs" in result.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_methods_that_need_clean_labels_are_reported_for_a_manifest_without(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], command: list[str]
) -> None:
    labels("noisy.csv", clean_labels=None)
    needy = (
        "methods: [Co-teaching, {name: Co-teaching, noise_rate: 0.4, label: x}, {name: Forward, transition: oracle}]"
    )
    recipe = recipe_file(("methods: [CE, SMKD-P+MyLC]", needy), (NOISE, "  - {manifest: noisy.csv}"))
    result = smkd(*command, recipe)
    assert result.code == 4
    first, second = result.err.splitlines()
    assert "noisy.csv: holds no clean labels, and Co-teaching needs noise_rate" in first
    assert "Forward needs transition_matrix" in second
    estimated = "methods=[{name: Co-teaching, noise_rate: estimated}, Forward]"
    assert smkd("recipes", "validate", recipe, "--set", estimated).code == 0


def teacher(path: Path, header: dict[str, str]) -> None:
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(3, np.float32)}, path, header)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_teachers_that_cannot_teach_are_reported(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path, command: list[str]
) -> None:
    def facts(**cell: object) -> dict[str, str]:
        run = {"recipe": "r", "protocol": "p", "label": "CE", "method": "CE", "networks": ["resnet18"], "epochs": 1}
        run |= {"noise": {"kind": "clean"}, "seed": 1, "validation_fraction": 0.0, **cell}
        about = {"network": "resnet18", "peer": "a", "cell": run, "memory": {}, "written_by": {"precision": "float32"}}
        return {"schema": PEER_SCHEMA, "facts": json.dumps(about)}

    headers = {
        "seven": facts(dataset="seven", classes=7),
        "colour": facts(dataset="cifar100-10", classes=10),
        "foreign": {"format": "pt"},
        "list": {"schema": PEER_SCHEMA, "facts": '{"cell": []}'},
        "number": facts(dataset=1),
        "deep": {"schema": PEER_SCHEMA, "facts": "[" * 100_000},
    }
    for name, header in headers.items():
        teacher(tmp_path / f"{name}.safetensors", header)
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "empty").mkdir()
    paths = [*(f"{name}.safetensors" for name in (*headers, "text", "nowhere")), "empty"]
    entries = ", ".join(f"{{name: T2S-KD, label: t{number}, teacher: {path}}}" for number, path in enumerate(paths))
    result = smkd(*command, recipe_file(("methods: [CE, SMKD-P+MyLC]", f"methods: [{entries}]")))
    assert result.code == 4
    lines = {
        line.split(":")[0].split("/")[0].split(" ")[-1]: line
        for line in result.err.removeprefix("error: ").splitlines()
    }
    assert "is no teacher for digits (10 classes): it was trained on seven" in lines["seven.safetensors"]
    assert "it was trained on cifar100-10" in lines["colour.safetensors"]
    assert "was it written by smkd?" in lines["foreign.safetensors"]
    for name in ("list", "number", "deep"):
        assert "its header is not one of smkd" in lines[f"{name}.safetensors"]
    assert "not a readable safetensors file" in lines["text.safetensors"]
    assert "no such file" in lines["nowhere.safetensors"]
    assert "peer_a.safetensors: no such file" in lines["empty"]


def test_a_manifest_that_is_a_pipe_is_refused_in_a_recipe(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path]
) -> None:
    result = smkd("recipes", "validate", recipe_file((NOISE, "  - {manifest: /dev/zero}")))
    assert result.code == 4
    assert "/dev/zero: is no file that every cell can read" in result.err


def test_where_the_data_is_not_here_its_sizes_are_checked_and_the_rest_is_reported(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path]
) -> None:
    named = np.array([f"{row}.png" for row in range(50_000)])
    labels("named.csv", dataset="cifar100", image=named)
    labels("ten.csv", dataset="cifar100-10")
    recipe = recipe_file(("dataset: digits", "dataset: cifar100"), (NOISE, "  - {manifest: named.csv}"))
    result = smkd("recipes", "validate", recipe, "--data", "nowhere")
    assert result.code == 0, result.err
    assert "named.csv: the names of its images are not checked, because cifar100 is not here" in result.err
    result = smkd("train", recipe, "--dry-run", "--data", "nowhere", "--manifest", "ten.csv")
    assert result.code == 4
    assert "ten.csv: has 10 classes but cifar100 has 100" in result.err
    assert "ten.csv: has labels of 5000 images, but cifar100 has 50000" in result.err


def _count_reading(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []

    def whole(self: Cifar100, split: str) -> Split:
        read.append(split)
        return Split(np.zeros((4, 32, 32, 3), np.uint8), np.arange(4), np.array(list("abcd")))

    monkeypatch.setattr(Cifar100, "read", whole)
    monkeypatch.setattr(Cifar100, "missing", lambda self: [])
    return read


def test_a_data_set_is_read_once_and_only_for_the_names_of_images(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _count_reading(monkeypatch)
    labels("plain.csv", dataset="cifar100")
    for name in ("one", "two"):
        labels(f"{name}.csv", dataset="cifar100", image=np.array([f"{row}.png" for row in range(50_000)]))
    cifar = ("dataset: digits", "dataset: cifar100")
    assert smkd("train", recipe_file(cifar), "--dry-run").code == 0
    assert smkd("train", recipe_file(cifar), "--dry-run", "--manifest", "plain.csv").code == 0
    assert read == []
    recipes = [recipe_file(cifar, (NOISE, f"  - {{manifest: {n}.csv}}"), name=f"{n}.yaml") for n in ("one", "two")]
    result = smkd("recipes", "validate", *recipes)
    assert result.code == 4
    assert "one.csv" in result.err
    assert "two.csv" in result.err
    assert read == ["train"]


def test_data_that_is_damaged_is_reported(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "cifar-100-python"
    folder.mkdir(parents=True)
    for name in ("train", "test", "meta"):
        (folder / name).write_bytes(pickle.dumps({}))
    labels("m.csv", dataset="cifar100", image=np.array([f"{row}.png" for row in range(50_000)]))
    recipe = recipe_file(("dataset: digits", "dataset: cifar100"), (NOISE, "  - {manifest: m.csv}"))
    result = smkd("recipes", "validate", recipe, "--data", "data")
    assert result.code == 4
    assert "damaged or altered" in result.err
