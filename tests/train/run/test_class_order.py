"""A manifest whose classes have another order than those of the data set: labels follow the names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smkd_cli.artifacts.manifest import Manifest, read_manifest, write_manifest

SETTINGS = ["--set", "epochs=1", "--set", "methods=[CE]"]


def turned(manifest: Manifest) -> Manifest:
    """The same labels, with the classes in the opposite order."""
    assert manifest.class_names is not None
    assert manifest.clean_labels is not None
    last = manifest.classes - 1
    names = manifest.class_names[::-1]
    labels = {"noisy_labels": last - manifest.noisy_labels, "clean_labels": last - manifest.clean_labels}
    return replace(manifest, class_names=names, **labels)


def test_training_and_scoring_go_by_the_names(
    smkd: Callable[..., Any], recipe: Path, bits: Callable[..., Any], assert_same: Callable[..., None]
) -> None:
    assert smkd("corrupt", "-o", "a.csv").code == 0
    manifest = read_manifest("a.csv")
    assert manifest.class_names == tuple("0123456789")
    write_manifest("b.csv", turned(manifest))
    runs = []
    for name in ("a", "b"):
        done = smkd("train", recipe, "--jobs", 1, "--manifest", f"{name}.csv", "--runs", name, *SETTINGS)
        assert done.code == 0, done.err
        assert ("numbers its classes in another order than digits does" in done.err) == (name == "b")
        runs.append(Path(done.out.strip()))
    assert_same(*map(bits, runs))
    classes = json.loads((runs[0] / "result.json").read_text())["classes"]
    assert classes["names"] == list("0123456789")
    assert classes["test_images"] == [36] * 10
    score = json.loads((runs[0] / "result.json").read_text())["scores"]["last"]
    for peer in "ab":
        assert sum(classes[f"accuracy_{peer}"]) / 10 == pytest.approx(score[f"macro_{peer}"]) == score[peer]
    assert read_manifest(runs[1] / "manifest.csv").noisy_labels.tolist() == turned(manifest).noisy_labels.tolist()
    scored = smkd("eval", *runs, "--split", "train")
    assert scored.code == 0, scored.err
    one, other = map(json.loads, scored.out.splitlines())
    assert one["class_names"] == list("0123456789")
    assert {key: one[key] for key in ("networks", "mean", "labels")} == {
        key: other[key] for key in ("networks", "mean", "labels")
    }
    again = smkd("train", runs[1] / "recipe.yaml", "--jobs", 1, "--runs", "b")
    assert (again.code, again.out) == (0, f"{runs[1]}\n"), again.err


def test_a_manifest_of_other_classes_is_refused_by_name(smkd: Callable[..., Any], recipe: Path) -> None:
    Path("mine.csv").write_text("label\n" + "".join(f"number {row % 10}\n" for row in range(1437)))
    assert smkd("corrupt", "--labels", "mine.csv", "-o", "m.csv").code == 0
    refused = smkd("train", recipe, "--dry-run", "--manifest", "m.csv")
    assert refused.code == 4
    assert "m.csv: its classes are not those of digits: number 0, number 1" in refused.err
