"""``smkd datasets verify PATH``: what is wrong with a folder of images."""

from __future__ import annotations

import csv
import io
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from broken_photos import KINDS, UNUSABLE, write_broken
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import photo, write_photos

from smkd_cli.data.own.near import DISTANCE, alike


def findings(text: str) -> dict[str, list[tuple[str, str]]]:
    found = defaultdict(list)
    for row in csv.DictReader(io.StringIO(text)):
        found[row["path"]].append((row["finding"], row["detail"]))
    return found


def test_every_kind_of_file(smkd: Callable, tmp_path: Path) -> None:
    root = write_photos(tmp_path / "photos", {"good": 5, "other": 5})
    write_broken(root / "good")
    result = smkd("datasets", "verify", "photos/", "-o", "found.csv")
    assert (result.code, result.out) == (4, "found.csv\n")
    found = findings((tmp_path / "found.csv").read_text())
    unusable = 0
    for name, (_, expected) in KINDS.items():
        kinds = {kind for kind, _ in found[f"good/{name}"]}
        assert kinds == set(expected) or (name == "head-only.jpg" and kinds & set(expected)), name
        unusable += bool(kinds & UNUSABLE)
    locked = {kind for kind, _ in found["good/locked.jpg"]}
    assert locked == (set() if os.geteuid() == 0 else {"unreadable"})
    total = unusable + bool(locked)
    assert f"{total} of {10 + len(KINDS) + 1} images cannot be used" in result.err
    for kind in ("giant", "CMYK", "turned by EXIF"):
        assert kind in result.err


def test_a_sound_folder(smkd: Callable, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"train/a": 4, "train/b": 2, "test/a": 1, "test/b": 1})
    result = smkd("datasets", "verify", "photos/")
    assert (result.code, result.out) == (0, "path,finding,detail\n")
    assert "8 images (6 train, 2 test) of 2 classes" in result.err
    assert "the largest class has 5, the smallest 3" in result.err
    assert "nothing was found" in result.err
    assert "warning" not in result.err
    quiet = smkd("datasets", "verify", "photos/", "--quiet")
    assert (quiet.code, quiet.err) == (0, "")


def test_copies(smkd: Callable, tmp_path: Path) -> None:
    root = write_photos(tmp_path / "photos", {"train/a": 4, "train/b": 4, "test/a": 1, "test/b": 1})
    content = (root / "train/a/0.jpg").read_bytes()
    for copy in ("train/a/copy.jpg", "train/b/copy.jpg", "test/a/copy.jpg"):
        (root / copy).write_bytes(content)
    photo(2, (80, 64)).save(root / "train/a/large.png")
    photo(2, (40, 32)).save(root / "test/a/small.png")
    result = smkd("datasets", "verify", "photos/")
    assert result.code == 0
    found = findings(result.out)
    assert found["train/a/copy.jpg"] == [("in two splits", "test/a/copy.jpg")]
    assert found["train/b/copy.jpg"] == [("in two splits", "test/a/copy.jpg")]
    assert ("looks alike, in two splits", "test/a/small.png") in found["train/a/large.png"]
    (root / "test/a/copy.jpg").unlink()
    found = findings(smkd("datasets", "verify", "photos/").out)
    assert found["train/a/copy.jpg"] == [("duplicate", "train/a/0.jpg")]
    assert found["train/b/copy.jpg"] == [("duplicate of another label", "train/a/0.jpg")]


def test_a_list_is_of_one_folder(smkd: Callable, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"a": 4, "b": 4})
    assert smkd("datasets", "verify", "photos/", "digits").code == 2
    assert smkd("datasets", "verify", "digits", "-o", "x.csv").code == 2
    assert not (tmp_path / "x.csv").exists()


@given(
    hashes=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40),
    flips=st.lists(st.tuples(st.integers(0, 39), st.lists(st.integers(0, 63), max_size=6)), max_size=30),
)
@settings(max_examples=100, deadline=None)
def test_alike_are_those_that_differ_in_few_bits(hashes: list[int], flips: list[tuple[int, list[int]]]) -> None:
    values = list(hashes)
    for index, bits in flips:  # near ones, which chance would never give
        value = hashes[index % len(hashes)]
        for bit in bits:
            value ^= 1 << bit
        values.append(value)
    expected = [
        [one, other]
        for one in range(len(values))
        for other in range(one + 1, len(values))
        if (values[one] ^ values[other]).bit_count() <= DISTANCE
    ]
    assert alike(np.array(values, np.uint64)).tolist() == expected


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_hashes(count: int) -> None:
    assert alike(np.arange(count, dtype=np.uint64)).shape == (0, 2)
