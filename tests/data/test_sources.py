"""What is read from each source: digits, and the layout of CIFAR."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from data_sets import DATA, pixels_of
from numpy.testing import assert_array_equal

from smkd_cli.data import DataSet, find
from smkd_cli.errors import DataError


def test_digits_are_those_of_scikit_learn_each_in_one_split() -> None:
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    theirs = sklearn_datasets.load_digits()
    digits = find("digits", DATA)
    train, test = digits.labels("train"), digits.labels("test")
    assert not set(train.image_ids) & set(test.image_ids)
    pixels = [pixels_of(digits.images("train")), pixels_of(digits.images("test"))]
    ours = {
        (tuple(np.round(image.ravel() / 255 * 16).astype(int)), label)
        for images, split in zip(pixels, (train, test), strict=True)
        for image, label in zip(images, split.labels.tolist(), strict=True)
    }
    expected = zip(theirs.data.astype(int).tolist(), theirs.target.tolist(), strict=True)
    assert ours == {(tuple(pixels), label) for pixels, label in expected}
    assert max(images.max() for images in pixels) == 255


def test_the_split_of_digits_is_fixed_and_balanced() -> None:
    digits = find("digits", DATA)
    train, test = digits.labels("train"), digits.labels("test")
    assert np.bincount(test.labels).tolist() == [36] * 10
    assert np.bincount(train.labels).tolist() == [142, 146, 141, 147, 145, 146, 145, 143, 138, 144]
    assert train.image_ids[:3].tolist() == ["5f1a6dfbb06dec8f", "b1b0acd399c7f258", "c8277108f3d23e94"]


@pytest.mark.parametrize(
    "content", [None, b"not gzip", gzip.compress(b"1,2\n3,4\n", mtime=0), gzip.compress(b"no,number\n", mtime=0)]
)
def test_digits_that_are_absent_or_others_are_refused(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "datasets" / "data" / "digits.csv.gz"
    table.parent.mkdir(parents=True)
    if content is not None:
        table.write_bytes(content)
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(DataError, match=r"digits\.csv\.gz.*install scikit-learn again"):
        find("digits", DATA).labels("train")


def test_digits_without_scikit_learn_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        find("digits", DATA).labels("train")


def test_batches_are_joined_in_order_and_channels_come_last(tiny_here: DataSet, tiny_rows: np.ndarray) -> None:
    train, test = tiny_here.labels("train"), tiny_here.labels("test")
    assert train.labels.tolist() == [0, 1, 2, 0]
    assert test.labels.tolist() == [1, 2]
    images = np.concatenate([pixels_of(tiny_here.images("train")), pixels_of(tiny_here.images("test"))])
    for channel in range(3):
        plane = tiny_rows[:, 1024 * channel : 1024 * (channel + 1)]
        assert_array_equal(images[..., channel].reshape(6, 1024), plane)
    assert train.image_ids[3] == f"{train.image_ids[1]}.1"


def test_cifar100_is_in_official_order_with_fine_labels(real_data: Path) -> None:
    dataset = find("cifar100", real_data)
    train = dataset.labels("train")
    assert [dataset.class_names[label] for label in train.labels[:3]] == ["cattle", "dinosaur", "apple"]
    assert np.bincount(train.labels).tolist() == [500] * 100
    meta = (real_data / "cifar-100-python" / "meta").read_bytes()
    names = [name.encode() for name in dataset.class_names]
    assert sorted(names, key=meta.index) == names


def test_absent_data_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        find("cifar100", tmp_path).labels("train")
    message = str(caught.value)
    for part in ("cifar-100-python/train", "smkd datasets fetch cifar100", "cifar-100-python.tar.gz", "SMKD_DATA"):
        assert part in message


@pytest.mark.parametrize("damage", ["truncated", "altered", "unreadable"])
def test_damaged_files_are_refused_before_they_are_read(damage: str, tiny_here: DataSet) -> None:
    path = tiny_here.root / "tiny" / "second"
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:-100])
    elif damage == "altered":
        path.write_bytes(content.replace(b"a.png", b"b.png", 1))
    else:
        path.unlink()
        path.mkdir()
    for read in (tiny_here.verify, lambda: tiny_here.labels("train"), lambda: tiny_here.images("train")):
        with pytest.raises(DataError, match=r"second.*datasets fetch tiny"):
            read()


def test_a_batch_without_labels_is_named(tiny_here: DataSet) -> None:
    class Fine(type(tiny_here)):  # type: ignore[misc]
        label_key = "fine_labels"

    with pytest.raises(DataError, match=r"first: is no batch of CIFAR \(KeyError: 'fine_labels'\)"):
        Fine(tiny_here.root).labels("train")
