"""A folder with a folder of images for each class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from photos import photo, write_photos

from smkd_cli.data import OwnData, find
from smkd_cli.errors import DataError

NAMES = ["two words", 'a "quote"', "it's", "100%", "猫", "قطة", "👩‍🍳", "-dash", "#hash", "a,b;c"]


def opened(root: Path, **options: object):
    return find(OwnData(str(root), size=16, **options), Path())  # type: ignore[arg-type]


def test_classes_and_splits_by_folders(tmp_path: Path) -> None:
    write_photos(tmp_path, {"train/cat": 3, "train/dog": 2, "test/dog": 1, "test/cat": 2, "val/cat": 1})
    found = opened(tmp_path)
    assert (found.class_names, found.train_size, found.test_size) == (("cat", "dog"), 6, 3)
    test = found.labels("test")
    assert test.image_ids.tolist() == ["test/cat/0.jpg", "test/cat/1.jpg", "test/dog/0.jpg"]
    assert test.labels.tolist() == [0, 0, 1]
    assert not test.trusted
    assert test.clean_labels is None
    assert found.images("test").read(np.array([2, 0])).shape == (2, 16, 16, 3)


def test_test_images_are_drawn_class_by_class(tmp_path: Path) -> None:
    write_photos(tmp_path, {"a": 10, "b": 5, "c": 1})
    found = opened(tmp_path)
    assert np.bincount(found.labels("test").labels, minlength=3).tolist() == [2, 1, 0]
    assert np.bincount(found.labels("train").labels, minlength=3).tolist() == [8, 4, 1]
    others = opened(tmp_path, seed=1).labels("test").image_ids
    assert set(others) != set(found.labels("test").image_ids)
    photo(7).save(tmp_path / "a" / "x.jpg")  # one more image moves at most one other
    grown = set(opened(tmp_path).labels("test").image_ids)
    assert len(grown ^ set(found.labels("test").image_ids)) <= 2


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_class(tmp_path: Path, name: str) -> None:
    write_photos(tmp_path, {name: 3, "other": 3})
    found = opened(tmp_path)
    assert name in found.class_names
    assert any(path.startswith(f"{name}/") for path in found.labels("train").image_ids)


def test_classes_that_are_numbers_are_names(tmp_path: Path) -> None:
    write_photos(tmp_path, {"10": 3, "2": 3, "1": 3})
    assert opened(tmp_path).class_names == ("1", "10", "2")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda root: None, "has no images in folders of their classes"),
        (lambda root: photo(1).save(root / "loose.jpg"), "has no images in folders of their classes"),
        (lambda root: write_photos(root, {"only": 3}), "images of one class only"),
        (lambda root: write_photos(root, {"a": 1, "b": 1}), "has no images for testing"),
        (lambda root: write_photos(root, {"a": 1, "line\nbreak": 1}), "line break"),
        (lambda root: write_photos(root, {"a": 1, "n" * 210: 1}), "longer than 200"),
        (lambda root: photo(1).save(_made(root / "train") / "x.jpg"), "in that of no class"),
    ],
    ids=["empty", "loose", "one class", "no test", "line break", "long", "no class"],
)
def test_folders_that_cannot_be_used(tmp_path: Path, spoil, words: str) -> None:
    spoil(tmp_path)
    with pytest.raises(DataError, match=words):
        opened(tmp_path)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no folder of images"):
        opened(tmp_path / "nowhere")


def test_links_stay_inside(tmp_path: Path) -> None:
    root, outside = tmp_path / "photos", tmp_path / "outside"
    write_photos(root, {"a": 3, "b": 3})
    (root / "a" / "again.jpg").symlink_to("0.jpg")
    assert len(opened(root).labels("train").image_ids) + len(opened(root).labels("test").image_ids) == 7
    write_photos(outside, {"a": 1})
    (root / "a" / "out.jpg").symlink_to(outside / "a" / "0.jpg")
    with pytest.raises(DataError, match="out of the folder"):
        opened(root)
    (root / "a" / "out.jpg").unlink()
    (root / "b" / "loop").symlink_to(root, target_is_directory=True)
    with pytest.raises(DataError, match="the path has no end"):
        opened(root)


def test_what_is_no_image_is_passed_over_and_said(tmp_path: Path) -> None:
    write_photos(tmp_path, {"a": 3, "b": 3})
    for name in ("a/notes.txt", "a/Thumbs.db", "a/.hidden.jpg", "b/README"):
        (tmp_path / name).write_text("x")
    (tmp_path / "nothing").mkdir()
    found = opened(tmp_path)
    assert len(found.listing) == 6
    remarks = "\n".join(found.listing.remarks)
    assert "3 files are no images by their names" in remarks
    assert "nothing" in remarks


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    write_photos(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "a" / "0.jpg").rename(tmp_path / "a" / os.fsdecode(b"\xff.jpg"))
    with pytest.raises(DataError, match="not valid UTF-8"):
        opened(tmp_path)


def test_the_order_is_not_the_file_system_s(tmp_path: Path) -> None:
    write_photos(tmp_path, {"b": 12, "a": 12})
    paths = opened(tmp_path).listing.paths.tolist()
    assert paths == sorted(paths)
