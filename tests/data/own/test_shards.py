"""Tar shards: they are the folder that they were made of."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from photos import photo, write_photos
from safetensors.torch import load_file

from smkd_cli.data import OwnData, find
from smkd_cli.data.own.source import OwnImages
from smkd_cli.errors import DataError


def opened(path: Path | str, **options: object) -> OwnImages:
    found = find(OwnData(f"{path}", size=8, **options), Path())  # type: ignore[arg-type]
    assert isinstance(found, OwnImages)
    return found


def pack(shard: Path, folder: Path, paths: Iterable[Path], below: str = "") -> None:
    with tarfile.open(shard, "w") as archive:
        for path in paths:
            archive.add(path, below + str(path.relative_to(folder)), recursive=False)


def write(shard: Path, files: dict[str, bytes | str]) -> Path:
    shard.parent.mkdir(exist_ok=True)
    with tarfile.open(shard, "w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            data = content.encode() if isinstance(content, str) else content
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return shard


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    stream = io.BytesIO()
    photo(1, (16, 16)).save(stream, "JPEG")
    return stream.getvalue()


def assert_same(one: OwnImages, other: OwnImages) -> None:
    assert (one.class_names, one.fingerprint) == (other.class_names, other.fingerprint)
    for split in ("train", "test"):
        labels, others = one.labels(split), other.labels(split)
        np.testing.assert_array_equal(labels.image_ids, others.image_ids)
        np.testing.assert_array_equal(labels.labels, others.labels)
        indices = np.arange(len(labels.labels))
        np.testing.assert_array_equal(one.images(split).read(indices), other.images(split).read(indices))
        assert one.content(split) == other.content(split)


def test_a_folder_in_one_tar_or_several(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", {"black cat": 6, "dog": 6})
    files = sorted(folder.rglob("*.jpg"))
    (tmp_path / "shards").mkdir()
    pack(tmp_path / "whole.tar", folder, [folder / "dog", *reversed(files)], "./")
    for number in range(3):
        pack(tmp_path / "shards" / f"x-{number:03}.tar", folder, files[number::3])
    for path in ("whole.tar", "shards", "shards/x-{000..002}.tar"):
        assert_same(opened(tmp_path / path), opened(folder))


def test_splits_by_the_names_of_shards_or_of_folders(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", {f"{split}/{name}": 3 for split in ("train", "test") for name in "ab"})
    pack(tmp_path / "whole.tar", folder, sorted(folder.rglob("*.jpg")))
    (tmp_path / "shards").mkdir()
    for split in ("train", "test"):
        pack(tmp_path / "shards" / f"{split}-0.tar", folder / split, sorted((folder / split).rglob("*.jpg")))
    for path in ("whole.tar", "shards"):
        assert_same(opened(tmp_path / path), opened(folder))


def test_labels_beside_the_images(tmp_path: Path, jpeg: bytes) -> None:
    files: dict[str, bytes | str] = {}
    for number in range(12):
        files |= {f"{number:04}.jpg": jpeg, f"{number:04}.cls": f"{number % 2 + 9}\n", f"{number:04}.npy": b""}
    by_number = opened(write(tmp_path / "numbers.tar", files))
    assert by_number.class_names == ("9", "10")  # as numbers, not as texts
    assert by_number.labels("train").image_ids[0].endswith(".jpg")
    assert by_number.listing.labels.tolist() == [0, 1] * 6
    assert by_number.listing.remarks == ["12 files of the shards are neither images nor labels"]
    files = {}
    for number in range(12):
        label = json.dumps({"label": ("dog", "cat")[number % 2], "caption": "any"})
        files |= {f"{number}.JPG": jpeg, f"{number}.json": label, f"{number}.txt": "a caption"}
    write(tmp_path / "s" / "train-0.tar", files)
    by_name = opened(write(tmp_path / "s" / "val-0.tar", {"0.jpg": jpeg, "0.cls": "dog"}).parent)
    assert (by_name.class_names, by_name.listing.paths[0]) == (("cat", "dog"), "train/0.JPG")
    assert by_name.splits.tolist().count("validation") == 1


def test_an_index_is_made_once_and_again_when_the_shard_changes(
    tmp_path: Path, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMKD_CACHE", str(tmp_path / "cache"))
    shard = write(tmp_path / "a.tar", {f"{name}/{n}.jpg": jpeg for name in "xy" for n in range(3)})
    assert len(opened(shard).listing) == 6
    (index,) = (tmp_path / "cache" / "shards").iterdir()
    with monkeypatch.context() as without:
        without.setattr(tarfile, "open", None)
        assert len(opened(shard).listing) == 6
    index.write_text('{"members": [[1]]}')  # damaged: made again
    assert len(opened(shard).listing) == 6
    before = shard.stat()
    write(shard, {f"{name}/{n}.jpg": jpeg for name in "xy" for n in range(3, 6)})
    assert shard.stat().st_size == before.st_size
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert "x/3.jpg" in opened(shard).listing.paths.tolist()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a/1.jpg": b"", "a/2.jpg": b""}, "has images of one class only"),
        ({"1.jpg": b"", "1.cls": "0", "2.jpg": b""}, r"2\.jpg: has no class in a \.cls, \.json or \.txt beside it"),
        ({"1.jpg": b"", "1.png": b"", "1.cls": "0"}, "several images of one key: 1"),
        ({"1.jpg": b"", "1.json": "{"}, r"1\.json: is no json that can be read"),
        ({"1.jpg": b"", "1.json": '{"label": [1]}'}, "its class should be a name or a number"),
        ({"1.jpg": b"", "1.cls": "01"}, "begins with zeros"),
        ({"1.jpg": b"", "1.cls": b"\xff"}, r"1\.cls: is no cls that can be read"),
        ({"1.jpg": b"", "1.txt": "long " * 20_000}, "too long for a label"),
        ({"1.jpg": b"", "1.txt": "long " * 60}, "is longer than 200 characters"),
        ({"1.txt": "a"}, "has no images"),
        ({"1.jpg": b""}, "is in no folder of a class, and has no label"),
        ({"a\nb/1.jpg": b""}, "holds a line break"),
    ],
)
def test_shards_that_cannot_be_used(tmp_path: Path, files: dict[str, bytes | str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        opened(write(tmp_path / "a.tar", files))


def test_shards_that_are_no_plain_tar_files(tmp_path: Path, jpeg: bytes) -> None:
    shard = write(tmp_path / "a.tar", {f"{name}/{n}.jpg": jpeg for name in "xy" for n in range(3)})
    whole = shard.read_bytes()
    images = opened(shard).images("train")
    shard.write_bytes(whole[:600])
    with pytest.raises(DataError, match=r"a\.tar: ./\d\.jpg: is cut short; was the shard changed"):
        images.read(np.arange(3))
    for content, words in ((whole[:600], "is cut short"), (b"\x1f\x8b" + bytes(600), "is no plain tar file")):
        shard.write_bytes(content)
        with pytest.raises(DataError, match=words):
            opened(shard)
    write(tmp_path / "b-0.tar", {})
    with pytest.raises(DataError, match=r"b-1\.tar: is not there; .*b-\{0\.\.1\}\.tar names it"):
        opened(tmp_path / "b-{0..1}.tar")
    write(tmp_path / "c" / "1.tar", {"x/1.jpg": jpeg})
    write(tmp_path / "c" / "2.tar", {"x/1.jpg": jpeg})
    with pytest.raises(DataError, match="are two images of one name"):
        opened(tmp_path / "c")


def test_verify_looks_into_shards(smkd: Callable, tmp_path: Path, jpeg: bytes) -> None:
    files = {"a/1.jpg": jpeg, "a/2.jpg": b"", "b/1.jpg": jpeg, "b/2.jpg": jpeg[:200], "b/3.jpg": b"no image"}
    write(tmp_path / "a.tar", files)
    found = smkd("datasets", "verify", "./a.tar")
    assert (found.code, "3 of 5 images cannot be used" in found.err) == (4, True), found.err
    rows = [line.split(",")[:2] for line in found.out.splitlines()[1:]]
    for row in (["a/2.jpg", "empty"], ["b/2.jpg", "damaged"], ["b/3.jpg", "not an image"]):
        assert row in rows
    assert any(path == "b/1.jpg" and "duplicate" in finding for path, finding in rows)


def test_shards_train_as_their_folder(smkd: Callable, tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", {"cat": 8, "dog": 8})
    pack(tmp_path / "photos.tar", folder, sorted(folder.rglob("*.jpg")))
    recipe = """schema: smkd/recipe/1
dataset: {path: PATH, size: 8}
networks: small_resnet
methods: [CE]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [1]
epochs: 1
batch_size: 8
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}
"""
    runs = []
    for name in ("photos", "photos.tar"):
        (tmp_path / f"{name}.yaml").write_text(recipe.replace("PATH", f"{tmp_path}/{name}"))
        how = ("--jobs", 1, "--images", "streamed", "--workers", 1)
        trained = smkd("train", f"{name}.yaml", "--runs", f"to-{name}", *how)
        assert trained.code == 0, trained.err
        runs.append(Path(trained.out.strip()))
    records = [json.loads((run / "result.json").read_text()) for run in runs]
    assert records[0]["scores"] == records[1]["scores"]
    assert records[0]["cell"]["protocol"] == records[1]["cell"]["protocol"]
    left, right = (load_file(run / "samples.safetensors") for run in runs)
    assert all(left[name].nan_to_num(-1).equal(right[name].nan_to_num(-1)) for name in left.keys() | right.keys())
