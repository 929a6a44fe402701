"""Images that cannot be used are left out by the list of findings, and never silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from photos import photo, write_photos

RECIPE = """\
schema: smkd/recipe/1
dataset: {path: photos, size: 16}
networks: small_resnet
methods: [CE]
noise: [{kind: given}]
seeds: [1]
epochs: 1
batch_size: 8
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}
"""
SKIP = ("--set", "dataset.skip=findings.csv")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten images of each class, of which three are broken, and a fourth has another ending than its kind."""
    (tmp_path / "r.yaml").write_text(RECIPE)
    folder = write_photos(tmp_path / "photos", {"cat": 10, "dog": 10})
    (folder / "cat" / "3.jpg").write_bytes(b"")
    (folder / "dog" / "4.jpg").write_text("no image")
    photo(1).save(folder / "dog" / "7.jpg", "PNG")
    (folder / "dog" / "5.jpg").write_bytes((folder / "dog" / "6.jpg").read_bytes()[:200])
    return folder


def test_from_a_scan_to_a_result(smkd: Callable[..., Any], photos: Path) -> None:
    stopped = smkd("train", "r.yaml", "--jobs", 1)
    assert (stopped.code, "photos/cat/3.jpg" in stopped.err) == (4, True)
    scanned = smkd("datasets", "verify", "photos/", "-o", "findings.csv")
    assert scanned.code == 4
    assert "3 of 20 images cannot be used. Training stops at the first of them: remove them, or name" in scanned.err
    trained = smkd("train", "r.yaml", "--jobs", 1, "--runs", "others", *SKIP)
    assert trained.code == 0, trained.err
    words = "3 of 20 images are left out, which"
    assert trained.err.count(words) == 1
    run = Path(trained.out.strip())
    cell = json.loads((run / "result.json").read_text())["cell"]
    assert words in cell["remarks"][0]
    assert cell["source"]["skip"] == str(photos.parent / "findings.csv")
    assert len([line for line in (run / "manifest.csv").read_text().splitlines() if ".jpg" in line]) == 13
    scored = smkd("eval", run)
    assert scored.code == 0, scored.err
    Path("findings.csv").write_text("path,finding,detail\ncat/3.jpg,empty,\n")
    changed = smkd("eval", run)
    assert (changed.code, "other images, labels or splits" in changed.err) == (4, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        ("path,label\na.jpg,cat\n", "is no list of `smkd datasets verify -o`: its first line should be"),
        ("", "should be path,finding,detail, not ''"),
        ('path,finding,detail\n"cat/0.jpg\n', "line 2: unexpected end"),
        (
            "path,finding,detail\n" + "".join(f"{c}/{n}.jpg,empty,\n" for c in ("cat", "dog") for n in range(10)),
            "leaves no image: all 20",
        ),
        (
            "path,finding,detail\n" + "".join(f"dog/{n}.jpg,damaged,\n" for n in range(10)),
            "leaves images of one class only",
        ),
    ],
)
def test_a_list_that_is_of_no_use(smkd: Callable[..., Any], photos: Path, content: str | None, words: str) -> None:
    if content is not None:
        (photos.parent / "findings.csv").write_text(content)
    result = smkd("train", "r.yaml", "--dry-run", *SKIP)
    assert result.code == 4
    assert words in result.err
