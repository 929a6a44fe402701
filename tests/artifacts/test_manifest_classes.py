"""Names of classes in a manifest: any text survives files and spreadsheets, and labels follow the names."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.artifacts.class_names import from_line, named, to_line
from smkd_cli.artifacts.manifest import Manifest, read_manifest, write_manifest
from smkd_cli.errors import DataError

ODD = (
    "cats, dogs",
    'a "big" one',
    "50 % off; maybe",
    "=1+1",
    "a,=1+1",
    "1,000",
    "007",
    "  spaces around\u00a0",
    "👩\u200d🚀 emoji",
    "שלום, עולם",
    "مرحبا",
    "名前",
    "tab\there",
    "two\nlines\r\n",
    "\u202eevil",
    "100%25",
    "# class 0: x",
    "é",
    "e\u0301",
    "'quoted'",
    "-",
    "NaN",
)


def toy(names: tuple[str, ...] | None, **changes: Any) -> Manifest:
    """A label of each class, the next class's where it is wrong."""
    classes = changes.pop("classes", len(names or ODD))
    clean = np.arange(classes)
    values: dict[str, Any] = {
        "dataset": "toy",
        "split": "train",
        "classes": classes,
        "kind": "given",
        **dict.fromkeys(("rate", "seed", "sampling", "transition_matrix")),
        "noisy_labels": np.roll(clean, 1),
        "clean_labels": clean,
        "image": np.array([f"image {label}" for label in clean], object),
        "class_names": names,
    }
    return Manifest(**values | changes)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_manifest(path)
    assert len(str(error.value)) < len(str(path)) + 400
    return str(error.value)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_any_text_is_a_name(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"m{suffix}"
    write_manifest(path, toy(ODD))
    assert read_manifest(path).class_names == ODD
    write_manifest(path, toy(None))
    assert read_manifest(path).class_names is None
    assert read_manifest(path).sha256 == toy(ODD).sha256, "names are no part of the checksum, which recipes pin"


def test_a_file_names_its_classes_one_a_line(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", toy(("cat", "a, b", "名前")))
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert lines[13:17] == [
        "# class 0: cat",
        "# class 1: a%2C b",
        "# class 2: 名前",
        "index,image,clean_label,noisy_label",
    ]


@given(st.text(st.characters(codec="utf-8"), max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_name_is_one_cell_in_every_spreadsheet(name: str) -> None:
    line = to_line(name)
    assert from_line(line.strip(), "here") == name
    assert not {*',;\t"\r\n'} & {*line}
    assert len(f"x{line}x".splitlines()) == 1


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_spreadsheet_may_save_it(tmp_path: Path, separator: str, quoting: Any) -> None:
    write_manifest(tmp_path / "m.csv", toy(ODD))
    rows = list(csv.reader((tmp_path / "m.csv").read_text().splitlines()))
    width = max(map(len, rows))
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, quoting=quoting)
    # No cell but the labels looks like a number or a formula, so a spreadsheet leaves all as they are.
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    writer.writerows([*row, *[""] * (width - len(row))] for row in rows)
    (tmp_path / "saved.csv").write_bytes(stream.getvalue().encode("utf-8-sig"))
    saved = read_manifest(tmp_path / "saved.csv")
    assert saved.class_names == ODD
    assert saved.sha256 == toy(ODD).sha256


def test_ten_thousand_classes(tmp_path: Path) -> None:
    names = tuple(f"class, number {label} of many" for label in range(10_000))
    write_manifest(tmp_path / "m.csv", toy(names))
    assert read_manifest(tmp_path / "m.csv").class_names == names


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("# class 1: dog\n", ""), "line 15 names class 2 where class 1 should be"),
        (("# class 2: cow\n", ""), "it names 2 classes, but classes in the header is 3"),
        (("class 1: dog", "class 1: cat"), "classes 0 and 1 have the same name 'cat'"),
        (("class 1: dog", "class 1:"), "class 1 has no name"),
        (("class 1: dog", f"class 1: {'x' * 201}"), "is longer than 200 characters"),
        (("class 1: dog", "class 1: %ff"), "line 15: the class name '%ff' is not percent-encoded UTF-8"),
        (("manifest/3", "manifest/2"), "unknown header key 'class 0'"),
        (("# class 1: dog\n", "# class 1: dog\n# class 1: dog\n"), "line 16 names class 1 where class 2 should be"),
    ],
)
def test_names_that_are_wrong(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "m.csv"
    write_manifest(path, toy(("cat", "dog", "cow")))
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    assert words in refused(path)


@pytest.mark.parametrize("held", ['{"0": "cat"}', "[1, 2, 3]", "cat,dog,cow", "[" * 100_000])
def test_names_in_parquet_that_are_wrong(tmp_path: Path, held: str) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "m.parquet"
    write_manifest(path, toy(("cat", "dog", "cow")))
    table = parquet.read_table(path)
    parquet.write_table(table.replace_schema_metadata({**table.schema.metadata, b"class_names": held}), path)
    assert "class_names in the header is no JSON array of texts" in refused(path)


@pytest.mark.parametrize(
    "names", [("a", "a", "b"), ("a", " ", "b"), ("a", "b", "\ud800"), ("a", "b", "c" * 201), ("a",)]
)
def test_names_that_cannot_be_written(tmp_path: Path, names: str) -> None:
    names = tuple(names)
    with pytest.raises(DataError, match="name"):
        write_manifest(tmp_path / "m.csv", toy(names, classes=3))
    assert named(names) is None or len(names) == 1


def test_labels_follow_the_names() -> None:
    manifest = toy(("cat", "dog", "cow"))
    theirs = ("cow", "cat", "dog")
    there = manifest.with_classes(theirs)
    for ours, others in ((manifest.noisy_labels, there.noisy_labels), (manifest.clean_labels, there.clean_labels)):
        assert ours is not None
        assert others is not None
        assert [("cat", "dog", "cow")[label] for label in ours] == [theirs[label] for label in others]
    assert there.class_names == theirs
    assert manifest.with_classes(("cat", "dog", "cow")) is manifest
    by_number = toy(None, classes=3)
    assert by_number.with_classes(theirs) is by_number
    assert manifest.with_classes(("x", "x", "x")) is manifest, "a data set whose classes share names goes by number"
    for others, words in (
        (("cat", "dog"), "has 3 classes but the data set has 2"),
        (("cat", "dog", "bird"), "cow is not among them; bird is missing"),
        (("cat", "emu", "bird"), "dog, cow are not among them; emu, bird are missing"),
    ):
        with pytest.raises(DataError, match=words):
            manifest.with_classes(others)
