"""Images of one's own through all stages: corrupt, train, eval, report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from photos import photo, write_photos
from safetensors.torch import load_file

from smkd_cli.artifacts.manifest import read_manifest

RECIPE = """\
schema: smkd/recipe/1
name: own
dataset: {path: photos, size: 8, test: 0.25}
networks: small_resnet
methods: [CE, All+CE]
noise: [{kind: given}, {kind: symmetric, rate: 0.5}]
seeds: [1]
epochs: 1
batch_size: 8
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", {"black cat": 12, "dog": 12})


def test_from_a_folder_to_a_report(smkd: Callable, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "own.yaml").write_text(RECIPE)
    trained = smkd("train", "own.yaml", "--jobs", 1)
    assert trained.code == 0, trained.err
    runs = trained.out.split()
    assert [Path(run).name for run in runs[:2]] == ["ce_given_seed1", "all+ce_given_seed1"]
    given, drawn = (read_manifest(Path(run) / "manifest.csv") for run in (runs[0], runs[2]))
    assert (given.dataset, given.kind, given.rate, given.clean_labels) == ("photos", "given", None, None)
    assert set(given.image.tolist()) <= {f"{name}/{n}.jpg" for name in ("black cat", "dog") for n in range(12)}
    assert (drawn.kind, drawn.rate, drawn.clean_labels, drawn.realised_rate) == ("symmetric", 0.5, None, None)
    assert 0 < (given.noisy_labels != drawn.noisy_labels).sum() < len(given.noisy_labels)

    record = json.loads((Path(runs[0]) / "result.json").read_text())
    source = record["cell"]["source"]
    assert (source["path"], source["size"], record["cell"]["dataset"]) == (str(photos), 8, "photos")
    scored = smkd("eval", *runs)
    assert scored.code == 0, scored.err
    for line, run in zip(scored.out.splitlines(), runs, strict=True):
        last = json.loads((Path(run) / "result.json").read_text())["scores"]["last"]
        assert json.loads(line)["mean"]["top1"] == pytest.approx(last["mean"])
    table = smkd("report", "runs", "--format", "markdown")
    assert table.code == 0
    assert "photos, two small\\_resnet" in table.out

    again = smkd("train", f"{runs[0]}/recipe.yaml", "--jobs", 1)  # what stands there is this cell, wherever it is read
    assert (again.code, again.out, "were finished before" in again.err) == (0, f"{runs[0]}\n", True), again.err

    photo(99).save(photos / "dog" / "new.jpg")  # the folder is no longer what was trained on
    later = smkd("eval", runs[0])
    assert (later.code, later.out) == (4, "")
    assert "had other images, labels or splits" in later.err


def test_the_labels_of_corrupt_are_those_of_a_grid(smkd: Callable, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "own.yaml").write_text(RECIPE.replace("path: photos, size: 8, test: 0.25", "path: photos, size: 8"))
    path = smkd("corrupt", "--dataset", "photos/", "--rate", 0.5, "--seed", 1).out.strip()
    assert path == "manifests/photos-train-symmetric-0.5-seed1.csv"
    trained = smkd("train", "own.yaml", "--cells", "ce_symm*", "--jobs", 1)
    assert trained.code == 0, trained.err
    assert read_manifest(Path(trained.out.strip()) / "manifest.csv").sha256 == read_manifest(path).sha256
    again = smkd("train", "own.yaml", "--manifest", path, "--runs", "more", "--cells", "ce*", "--jobs", 1)
    assert again.code == 0, again.err
    left, right = (load_file(Path(run.strip()) / "peer_a.safetensors") for run in (trained.out, again.out))
    assert all(left[name].equal(right[name]) for name in left.keys() | right.keys())


def test_what_nobody_knows_is_not_made_up(smkd: Callable, tmp_path: Path, photos: Path) -> None:
    assert "not known, so they are not clean" in smkd("corrupt", "--dataset", "photos/", "--kind", "clean").err
    (tmp_path / "own.yaml").write_text(RECIPE.replace("[CE, All+CE]", "[Co-teaching]"))
    result = smkd("train", "own.yaml", "--dry-run")
    assert result.code == 4
    assert "holds no clean labels" in result.err
    (tmp_path / "own.yaml").write_text(RECIPE.replace("kind: given", "kind: clean"))
    result = smkd("recipes", "validate", "own.yaml")
    assert result.code == 3
    assert "own.yaml:6:9: noise.0: whether its labels are right is not known" in result.err


@pytest.mark.parametrize(
    ("dataset", "code", "words"),
    [
        ("nowhere/", 4, "nowhere: is no folder of images"),
        ("{path: photos, size: 4}", 3, "dataset.size: should be greater than or equal to 8"),
        ("{path: photos, siez: 4}", 3, "did you mean size"),
        ("{name: digits, size: 16}", 3, "a data set with a name has no size"),
        ("{size: 16}", 3, "should have either a name or a path"),
        ("photos", 3, "unknown data set 'photos'"),
    ],
)
def test_what_a_recipe_says_wrong_of_images(
    smkd: Callable, tmp_path: Path, photos: Path, dataset: str, code: int, words: str
) -> None:
    (tmp_path / "own.yaml").write_text(RECIPE.replace("{path: photos, size: 8, test: 0.25}", dataset))
    result = smkd("recipes", "validate", "own.yaml")
    assert (result.code, words in result.err) == (code, True), result.err
