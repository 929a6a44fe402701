"""Tables of images: CSV, Parquet and JSON Lines name what a folder would show."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from photos import write_photos

from smkd_cli.data import OwnData, find
from smkd_cli.data.own.options import Columns
from smkd_cli.data.own.table import list_table
from smkd_cli.errors import DataError, SmkdError
from smkd_cli.run import Run

Row = Mapping[str, Any]


def write(path: Path, rows: Sequence[Row]) -> Path:
    """A table of that kind, from rows by column."""
    if path.suffix == ".parquet":
        import pandas as pd

        pytest.importorskip("pyarrow")
        pd.DataFrame(rows).to_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        path.write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode())
    return path


ROWS = [
    {"path": "a/1.jpg", "label": "cat", "split": "train"},
    {"path": "b 2.jpg", "label": "חתול 50 %", "split": "Val"},
    {"path": "a/0.jpg", "label": 'a "quoted", dog', "split": "train"},
    {"path": "😀.png", "label": "cat", "split": "test"},
]


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "jsonl"])
def test_every_kind_says_the_same(tmp_path: Path, kind: str) -> None:
    listing = list_table(write(tmp_path / f"t.{kind}", ROWS), Columns(), tmp_path)
    assert listing.paths.tolist() == ["a/0.jpg", "a/1.jpg", "b 2.jpg", "😀.png"]
    assert [listing.class_names[label] for label in listing.labels] == [
        'a "quoted", dog',
        "cat",
        "חתול 50 %",
        "cat",
    ]
    assert listing.splits is not None
    assert listing.splits.tolist() == ["train", "train", "validation", "test"]


def test_numbers_are_names_in_the_order_of_numbers(tmp_path: Path) -> None:
    rows = [{"file": f"{number}.jpg", "class": label} for number, label in enumerate(("10", "3.0", "10", "2"))]
    listing = list_table(write(tmp_path / "t.csv", rows), Columns(), tmp_path)
    assert (listing.class_names, listing.labels.tolist()) == (("2", "3", "10"), [2, 1, 2, 0])


def test_semicolons_other_names_and_paths_of_other_shapes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        f"Bild;Was;Wahr;Wer\n./x/../y/1.jpg;cat;dog;anna\n{tmp_path}/pics/y/2.jpg;dog;dog;anna\n3.jpg;cat;cat;bo\n"
    )
    columns = Columns(image="Bild", label="Was", clean_label="Wahr", group="Wer")
    listing = list_table(tmp_path / "t.csv", columns, tmp_path / "pics")
    assert listing.paths.tolist() == ["3.jpg", "y/1.jpg", "y/2.jpg"]
    assert listing.labels.tolist() == [0, 0, 1]
    assert listing.clean_labels is not None
    assert listing.groups is not None
    assert (listing.clean_labels.tolist(), listing.groups.tolist()) == ([0, 1, 1], ["bo", "anna", "anna"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("path,label\n", "has no rows"),
        ("path\na.jpg\n", "has no column of the label, as label or class"),
        ("lable,path\ncat,a.jpg\n", "its columns are 'lable', 'path'. Name it as columns: {label: …}"),
        ("path,file,label\na,b,c\n", "may be 'path' or 'file': name it as columns: {image: …}"),
        ("path,label\na.jpg,\n", "row 1 (line 2): label is empty"),
        ("path,label\na.jpg,cat\nb.jpg,NaN\n", "row 2 (line 3): label is missing"),
        ("path,label\na.jpg,1\nb.jpg,cat\n", "classes must all be numbers or all be names"),
        ("path,label\na.jpg,1.5\n", "row 1 (line 2): label '1.5' is not an integer"),
        ("path,label\na.jpg,-1\nb.jpg,1\n", "row 1 (line 2): the label -1 is no class"),
        ("path,label\n,cat\n", "row 1 (line 2): the path '' names no file"),
        ("path,label\n../a.jpg,cat\n", "leads out of the folder of the images; name the folder that holds all"),
        ("path,label\n/etc/passwd,cat\n", "leads out of the folder"),
        ("path,label\na/../../b.jpg,cat\n", "leads out of the folder"),
        ("path,label\na.jpg,cat\nb.jpg,dog\na.jpg,dog\n", "row 3 (line 4): the file 'a.jpg' has another label than in"),
        ("path,label,split\na.jpg,c,train\n./a.jpg,c,test\n", "has another split than in row 1 (line 2)"),
        ("path,label,split\na.jpg,c,tset\n", "row 1 (line 2): the split 'tset' is none of train, validation and test"),
        ("path,label,split\na.jpg,c,train\nb.jpg,c,\n", "row 2 (line 3): the split '' is none of"),
        ('path,label\n"a\nb.jpg",cat\n', "a field in quotes holds a line break"),
        ("path,label\na.jpg,cat,dog\n", "has 3 fields, but the header has 2"),
        ("path,label\na.jpg,\x07\n", "has characters that no name should have: U+0007"),
        ("PK\x03\x04", "zip"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SmkdError) as error:
        list_table(tmp_path / "t.csv", Columns(), tmp_path)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1]", "row 1 (line 1): is not a JSON object"),
        ('{"path": "a.jpg"', "row 1 (line 1): is not JSON"),
        ('{"path": "a.jpg", "label": ["x"]}', "label is neither text nor a number"),
        ('{"path": "a.jpg", "label": true}', "label is neither text nor a number"),
        ('{"path": "a.jpg", "label": null}', "row 1 (line 1): label is empty"),
        ('{"path": "a\\ud800.jpg", "label": "x"}', "is not valid UTF-8"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_wrong_with_a_line_of_json_is_named(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "t.jsonl").write_text(line + "\n")
    with pytest.raises(DataError) as error:
        list_table(tmp_path / "t.jsonl", Columns(), tmp_path)
    assert words in str(error.value)


def test_a_row_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    rows = [{"path": "a.jpg", "label": "x"}, {"path": "b.jpg", "label": "y"}, {"path": "./a.jpg", "label": "x"}]
    listing = list_table(write(tmp_path / "t.csv", rows), Columns(), tmp_path)
    assert listing.paths.tolist() == ["a.jpg", "b.jpg"]
    assert listing.remarks == ["1 rows are there twice, with the same label, and count once"]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["csv", "jsonl", "parquet"]))
def test_any_bytes_are_a_table_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes((b"path,label\n" if kind == "csv" else b"") + content)
    try:
        listing = list_table(path, Columns(), path.parent)
    except SmkdError:
        return
    assert len(set(listing.paths.tolist())) == len(listing) > 0


def test_no_image_is_looked_for_before_training(smkd: Callable[..., Any], tmp_path: Path) -> None:
    rows = [{"path": f"nowhere/{number}.jpg", "label": "ab"[number % 2]} for number in range(40)]
    write(tmp_path / "t.csv", rows)
    made = smkd("corrupt", "--dataset", "./t.csv", "--kind", "symmetric", "--rate", "0.25")
    assert (made.code, made.out) == (0, "manifests/t-train-symmetric-0.25-seed0.csv\n"), made.err
    assert "# class 0: a\n# class 1: b\n" in Path(made.out.strip()).read_text()


def test_a_table_trains_as_its_folder_does(smkd: Callable[..., Any], tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"cat": 12, "dog": 12})
    files = sorted(path.relative_to(tmp_path / "photos") for path in (tmp_path / "photos").rglob("*.jpg"))
    rows = [{"path": str(file), "label": file.parts[0], "clean_label": "dog"} for file in reversed(files)]
    write(tmp_path / "t.jsonl", rows)
    (tmp_path / "r.yaml").write_text(
        "schema: smkd/recipe/1\ndataset: {path: photos, size: 16}\nnetworks: small_resnet\nmethods: [CE]\n"
        "noise: [{kind: given}]\nseeds: [1]\nepochs: 1\nbatch_size: 8\n"
        "compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}\n"
    )
    weights = []
    for runs, change in (("a", []), ("b", ["--set", "dataset={path: ./t.jsonl, root: photos, size: 16}"])):
        result = smkd("train", "r.yaml", "--runs", runs, "--jobs", 1, *change)
        assert result.code == 0, result.err
        run = Path(result.out.strip())
        weights.append(Run(run).weights("a"))
        scored = smkd("eval", run)
        assert scored.code == 0, scored.err
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    known = json.loads((run / "result.json").read_text())["cell"]
    assert known["noise"]["realised_rate"] == pytest.approx(0.5, abs=0.1)  # half of the labels are not "dog"
    assert known["source"]["root"] == str(tmp_path / "photos")


def test_a_link_out_of_the_folder_is_refused_when_it_is_read(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", {"cat": 3})
    write_photos(tmp_path / "other", {"dog": 2})
    (tmp_path / "photos" / "out.jpg").symlink_to(tmp_path / "other" / "dog" / "0.jpg")
    rows = [{"path": f"cat/{n}.jpg", "label": "cat"} for n in range(3)]
    write(tmp_path / "photos" / "t.csv", [*rows, {"path": "out.jpg", "label": "dog"}])
    images = find(OwnData(str(tmp_path / "photos" / "t.csv"), size=16, test=0.34), Path())
    with pytest.raises(DataError, match=r"is a link to .*, out of the folder of the data set"):
        images.images("train").read(np.arange(images.train_size))


def test_images_without_a_row_and_rows_without_an_image_are_listed(smkd: Callable[..., Any], tmp_path: Path) -> None:
    write_photos(tmp_path, {"cat": 3, "dog": 3, "cat/more": 1})
    (tmp_path / "top.png").write_bytes((tmp_path / "cat" / "0.jpg").read_bytes())
    rows = [{"path": f"{name}/{n}.jpg", "label": name} for name in ("cat", "dog") for n in (0, 1, 7)]
    write(tmp_path / "t.csv", rows)
    result = smkd("datasets", "verify", "./t.csv", "-o", "findings.csv")
    assert result.code == 4
    assert "2 of 6 images cannot be used" in result.err
    found = list(csv.reader((tmp_path / "findings.csv").read_text().splitlines()))
    missing = [path for path, finding, _ in found if finding == "missing"]
    assert missing == ["cat/7.jpg", "dog/7.jpg"]
    assert [path for path, finding, _ in found if finding == "no row"] == [
        "cat/2.jpg",
        "cat/more/0.jpg",
        "dog/2.jpg",
        "top.png",
    ]
    assert "4 images have no row in the table" in result.err
