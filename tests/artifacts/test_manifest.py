"""Manifests: what is written is read, and nothing that was tampered with is."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smkd_cli.artifacts.manifest import Manifest, labels_sha256, read_manifest, write_manifest
from smkd_cli.errors import DataError

any_folder = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def manifest(**changes: Any) -> Manifest:
    """Five images of a data set of three classes; two labels are wrong."""
    values: dict[str, Any] = {
        "dataset": "toy",
        "split": "train",
        "classes": 3,
        "kind": "pairflip",
        "rate": 0.4,
        "seed": 0,
        "sampling": "per-sample",
        "transition_matrix": "pairflip",
        "noisy_labels": np.array([0, 2, 2, 1, 1]),
        "clean_labels": np.array([0, 1, 2, 0, 1]),
        "image": np.array(["a", "b", "c", "d", "e"]),
    }
    return Manifest(**values | changes)


def assert_equal(one: Manifest, other: Manifest) -> None:
    assert one.header == other.header
    assert one.sha256 == other.sha256
    for name in ("noisy_labels", "clean_labels", "image"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[Callable[[list[str]], Any]], Path]:
    """Write the toy manifest, let a function change its lines (13 of header, 1 of columns, 5 rows), return the path."""

    def edit(change: Callable[[list[str]], Any]) -> Path:
        path = tmp_path / "manifest.csv"
        write_manifest(path, manifest())
        lines = path.read_text().splitlines()
        change(lines)
        path.write_text("\n".join(lines) + "\n")
        return path

    return edit


def test_the_file_is_what_the_format_says(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", manifest())
    assert (tmp_path / "m.csv").read_text() == (
        "# schema: smkd/manifest/3\n# dataset: toy\n# split: train\n# classes: 3\n# samples: 5\n# kind: pairflip\n"
        "# rate: 0.4\n# seed: 0\n# sampling: per-sample\n# transition_matrix: pairflip\n# realised_rate: 0.4\n"
        f"# clean_labels_sha256: {labels_sha256(np.array([0, 1, 2, 0, 1]))}\n"
        f"# noisy_labels_sha256: {labels_sha256(np.array([0, 2, 2, 1, 1]))}\n"
        "index,image,clean_label,noisy_label\n0,a,0,0\n1,b,1,2\n2,c,2,2\n3,d,0,1\n4,e,1,1\n"
    )


def test_hash_is_of_little_endian_int64() -> None:
    digest = hashlib.sha256(bytes(8) + b"\x01" + bytes(7)).hexdigest()
    assert labels_sha256(np.array([0, 1], dtype=np.uint8)) == digest
    assert labels_sha256(np.array([0, 1], dtype=">i8")) == digest


names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=8)


@given(data=st.data())
@any_folder
def test_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    classes = data.draw(st.integers(2, 12))
    count = data.draw(st.integers(1, 20))
    labels = st.lists(st.integers(0, classes - 1), min_size=count, max_size=count).map(np.array)
    images = st.lists(names, min_size=count, max_size=count, unique=True).map(lambda some: np.array(some, object))
    written = manifest(
        classes=classes,
        noisy_labels=data.draw(labels),
        clean_labels=data.draw(st.none() | labels),
        image=data.draw(st.none() | images),
        rate=data.draw(st.none() | st.floats(0, 1)),
        seed=data.draw(st.none() | st.integers(0, 2**40)),
        sampling=data.draw(st.sampled_from([None, "exact"])),
        transition_matrix=None,
    )
    path = tmp_path / "m.csv"
    write_manifest(path, written)
    assert_equal(read_manifest(path), written)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert_equal(read_manifest("-"), written)
    stream = io.StringIO()
    write_manifest(stream, written)
    assert stream.getvalue().encode() == path.read_bytes()


@given(rows=st.permutations(range(5)))
@any_folder
def test_the_order_of_the_rows_does_not_matter(tmp_path: Path, rows: list[int]) -> None:
    path = tmp_path / "m.csv"
    write_manifest(path, manifest())
    lines = path.read_text().splitlines()
    path.write_text("\r\n".join(lines[:14] + [lines[14 + row] for row in rows]))
    assert_equal(read_manifest(path), manifest())


def same_number(text: str, other: str) -> bool:
    """Whether both are one integer, as 00 and 0 are, in quotes or not."""
    try:
        return int(text.strip().strip('"')) == int(other)
    except ValueError:
        return False


@given(row=st.integers(0, 4), column=st.sampled_from([0, 2, 3]), value=st.integers(-1, 6) | st.text(max_size=3))
@any_folder
def test_any_changed_number_is_detected(edited: Callable[..., Path], row: int, column: int, value: int | str) -> None:
    def change(lines: list[str]) -> None:
        fields = lines[14 + row].split(",")
        fields[column] = "7" if same_number(str(value), fields[column]) else str(value)
        lines[14 + row] = ",".join(fields)

    try:
        path = edited(change)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    with pytest.raises(DataError):
        read_manifest(path)


@given(line=st.integers(0, 18), again=st.booleans())
@any_folder
def test_any_lost_or_repeated_line_is_detected(edited: Callable[..., Path], line: int, again: bool) -> None:
    path = edited(lambda lines: lines.insert(line, lines[line]) if again else lines.pop(line))
    droppable = range(10, 13)
    if not again and line in droppable:
        assert_equal(read_manifest(path), manifest())
    else:
        with pytest.raises(DataError):
            read_manifest(path)


def replace(line: int, text: str) -> Callable[[list[str]], None]:
    return lambda lines: lines.__setitem__(line, text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace(0, "# schema: smkd/manifest/4"), "schema 'smkd/manifest/4', but this version of smkd reads"),
        (replace(0, "# title: smkd"), "is not a manifest: it has no line '# schema"),
        (replace(3, "# clases: 3"), "unknown header key 'clases'; did you mean classes?"),
        (replace(3, "# classes: three"), "classes in the header is 'three', not an integer of at least 2"),
        (replace(3, "# classes:"), "gives no value for classes"),
        (replace(3, "# classes: 2"), "row 2 (line 16): noisy_label 2 is not in 0 … 1"),
        (replace(4, "# samples: 6"), "the row of index 5 is missing (5 rows, the header says 6 samples)"),
        (replace(6, "# rate: 1.5"), "rate in the header is '1.5', not a number in [0, 1]"),
        (replace(6, "# rate: nan"), "rate in the header is 'nan'"),
        (replace(7, "# seed: -1"), "seed in the header is '-1'"),
        (replace(10, "# realised_rate: 0.2"), "realised_rate in the header is 0.2, but that of the labels is 0.4"),
        (replace(12, "# hello"), "line 13 is not '# key: value'"),
        (replace(13, "index,image,label"), "line 14: the columns must be index, image, clean_label, noisy_label, not"),
        (replace(15, "1,b,1,0"), "delete the line '# noisy_labels_sha256: …'"),
        (replace(15, "1,b,2,2"), "delete the line '# clean_labels_sha256: …'"),
        (replace(15, "1,b,1,x"), "row 2 (line 16): noisy_label 'x' is not an integer"),
        (replace(15, "1,b,1,2.0"), "row 2 (line 16): noisy_label '2.0' is not an integer"),
        (replace(15, "1,b,1,3"), "row 2 (line 16): noisy_label 3 is not in 0 … 2"),
        (replace(15, "1,b,,2"), "row 2 (line 16): clean_label is empty"),
        (replace(15, "1,b,1"), "row 2 (line 16): noisy_label is empty"),
        (replace(15, "1,b,1,2,0"), "row 2 (line 16): has 5 fields, but the header has 4"),
        (replace(14, "0,a,0,0,0"), "row 1 (line 15): has 5 fields, but the header has 4"),
        (replace(15, "one,b,1,2"), "row 2 (line 16): index 'one' is not an integer"),
        (replace(15, "1.0,b,1,2"), "row 2 (line 16): index '1.0' is not an integer"),
        (replace(15, "inf,b,1,2"), "row 2 (line 16): index 'inf' is not an integer"),
        (replace(15, "True,b,1,2"), "row 2 (line 16): index 'True' is not an integer"),
        (replace(15, "9223372036854775808,b,1,2"), "row 2 (line 16): index '9223372036854775808' is not an integer"),
        (replace(15, "7,b,1,2"), "row 2 (line 16): index 7 is not in 0 … 4"),
        (replace(15, "0,b,1,2"), "row 2 (line 16): index 0 appears a second time"),
        (replace(15, "1,a,1,2"), "row 2 (line 16): image 'a' is already in row 1"),
        (replace(15, "1,,1,2"), "row 2 (line 16): image is empty"),
        (lambda lines: lines.pop(16), "the row of index 2 is missing (4 rows, the header says 5 samples)"),
        (lambda lines: lines.__delitem__(slice(14, None)), "has no rows"),
    ],
)
def test_every_fault_says_where_and_what(
    edited: Callable[..., Path], change: Callable[[list[str]], Any], message: str
) -> None:
    path = edited(change)
    with pytest.raises(DataError) as error:
        read_manifest(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_labels_changed_on_purpose_are_accepted_without_their_hash(edited: Callable[..., Path]) -> None:
    def change(lines: list[str]) -> None:
        lines[15] = "1,b,1,0"
        lines.pop(12)

    read = read_manifest(edited(change))
    assert read.noisy_labels.tolist() == [0, 0, 2, 1, 1]
    assert read.realised_rate == 0.4


def test_sha256_knows_every_part() -> None:
    parts = [
        {},
        {"dataset": "other"},
        {"seed": 1},
        {"noisy_labels": np.array([0, 2, 2, 1, 0])},
        {"clean_labels": None},
        {"image": None},
        {"image": np.array(["a", "b", "c", "d", "f"])},
    ]
    assert len({manifest(**part).sha256 for part in parts}) == len(parts)


def test_aligns_by_image() -> None:
    labels, clean = manifest().aligned_to(np.array(["e", "a", "d", "b", "c"]))
    assert labels.tolist() == [1, 0, 1, 2, 2]
    assert clean is not None
    assert clean.tolist() == [1, 0, 0, 1, 2]
    assert manifest(clean_labels=None).aligned_to(np.array(list("abcde")))[1] is None


def test_aligns_by_index_without_images() -> None:
    labels, _ = manifest(image=None).aligned_to(np.array(list("vwxyz")))
    assert labels.tolist() == [0, 2, 2, 1, 1]
    with pytest.raises(DataError, match=r"toy, train \(5 images\) does not fit the data set: it has 4 images"):
        manifest(image=None).aligned_to(np.array(list("wxyz")))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("vwxyz", "belongs to another data set: it has none of the 5 images"),
        ("abcdef", "no row for 1 images, the first is f"),
        ("abxye", "no row for 2 images, the first is x"),
        ("abd", "rows for 2 images that the data set lacks, the first is c"),
    ],
)
def test_refuses_other_images(images: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        manifest().aligned_to(np.array(list(images)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noisy_labels": np.array([0, 1, 2, 3, 0])}, "row 4: noisy_label 3 is not in 0 … 2"),
        ({"clean_labels": np.array([0, 1, 2, 0, -1])}, "row 5: clean_label -1"),
        ({"image": np.array(["a", "b", "a", "c", "d"])}, "row 3: image 'a' is already in row 1"),
        ({"image": np.array(["a", "", "c", "d", "e"])}, "row 2: image is empty"),
        ({"image": np.array(["a", "b\n1", "c", "d", "e"])}, "row 2: image .* line break"),
    ],
)
def test_never_writes_what_it_would_not_read(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_manifest(tmp_path / "m.csv", manifest(**changes))
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read: No such file"):
        read_manifest(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\x80\x81\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_manifest(tmp_path / "binary.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match="is not a manifest"):
        read_manifest(tmp_path / "empty.csv")
