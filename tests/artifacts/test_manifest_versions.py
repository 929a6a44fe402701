"""Manifests of the first version of the format, whose noisy labels stand in the column ``label``, are read as ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from earlier import to_first_version

from smkd_cli.artifacts.manifest import Manifest, labels_sha256, read_manifest, write_manifest
from smkd_cli.errors import DataError

NOISY, CLEAN = np.array([0, 2, 2, 1, 1]), np.array([0, 1, 2, 0, 1])
FIRST = (
    "# schema: smkd/manifest/1\n# dataset: toy\n# split: train\n# classes: 3\n# samples: 5\n# kind: pairflip\n"
    "# rate: 0.4\n# seed: 0\n# sampling: per-sample\n# transition_matrix: pairflip\n# realised_rate: 0.4\n"
    f"# clean_labels_sha256: {labels_sha256(CLEAN)}\n# labels_sha256: {labels_sha256(NOISY)}\n"
    "index,image,clean_label,label\n0,a,0,0\n1,b,1,2\n2,c,2,2\n3,d,0,1\n4,e,1,1\n"
)
# What the program said of it, and of the same without images and clean labels, before there was a second version.
PINNED = "2128f18af6044b9b05ea25cc4c44d5e1bed2722b26ebe0277a3bae9c9693e68d"
PINNED_UNKNOWN = "4194de2fe7bee0a9c28610e0d49bf491e2c5e860301584e27de1302da55e03ac"


def toy(**changes: Any) -> Manifest:
    """What ``FIRST`` says."""
    values: dict[str, Any] = {
        "dataset": "toy",
        "split": "train",
        "classes": 3,
        "kind": "pairflip",
        "rate": 0.4,
        "seed": 0,
        "sampling": "per-sample",
        "transition_matrix": "pairflip",
        "noisy_labels": NOISY,
        "clean_labels": CLEAN,
        "image": np.array(list("abcde")),
    }
    return Manifest(**values | changes)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_manifest(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_the_first_version_is_read_and_written_as_the_latest(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(FIRST)
    read = read_manifest(tmp_path / "m.csv")
    assert read.header == toy().header
    np.testing.assert_array_equal(read.noisy_labels, NOISY)
    np.testing.assert_array_equal(read.clean_labels, CLEAN)
    write_manifest(tmp_path / "again.csv", read)
    text = (tmp_path / "again.csv").read_text()
    assert text.startswith("# schema: smkd/manifest/3\n")
    assert "\nindex,image,clean_label,noisy_label\n0,a,0,0\n1,b,1,2\n" in text
    to_first_version(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == FIRST


def test_the_second_version_has_no_names_of_classes(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", toy())
    text = (tmp_path / "m.csv").read_text()
    (tmp_path / "m.csv").write_text(text.replace("manifest/3", "manifest/2"))
    read = read_manifest(tmp_path / "m.csv")
    assert (read.class_names, read.sha256) == (None, PINNED)
    assert read.with_classes(("cat", "dog", "cow")) is read


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("unknown", "pinned"), [({}, PINNED), (dict.fromkeys(("image", "clean_labels")), PINNED_UNKNOWN)]
)
def test_the_checksum_is_that_of_the_first_version(
    tmp_path: Path, suffix: str, unknown: dict[str, None], pinned: str
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"m{suffix}"
    write_manifest(path, toy(**unknown))
    assert read_manifest(path).sha256 == pinned
    to_first_version(path)
    read = read_manifest(path)
    assert read.sha256 == pinned
    assert read.noisy_labels.tolist() == NOISY.tolist()
    assert (read.clean_labels is None) == bool(unknown)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(("schema", "column"), [("1", "noisy_label"), ("2", "label")])
def test_one_version_s_schema_with_the_other_s_column_is_refused(
    tmp_path: Path, suffix: str, schema: str, column: str
) -> None:
    path = tmp_path / f"m{suffix}"
    own, other = ("label", "smkd/manifest/2") if schema == "1" else ("noisy_label", "smkd/manifest/1")
    if suffix == ".csv":
        text = FIRST.replace("manifest/1", f"manifest/{schema}")
        path.write_text(text.replace("clean_label,label", f"clean_label,{column}"))
        place = f"{path}: line 14"
    else:
        pytest.importorskip("pyarrow")
        from pyarrow import parquet

        write_manifest(path, toy())
        table = parquet.read_table(path)
        said = {**table.schema.metadata, b"schema": f"smkd/manifest/{schema}".encode()}
        table = table.rename_columns(["index", "image", "clean_label", column])
        parquet.write_table(table.replace_schema_metadata(said), path)
        place = f"{path}"
    assert refused(path) == (
        f"{place}: the file says that it is smkd/manifest/{schema}, whose noisy labels are in the column {own}, but it"
        f" has the column {column} of {other}: one of the two was changed; change it back, or write the manifest again"
        " with smkd corrupt"
    )


def test_faults_are_told_by_the_names_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(FIRST.replace("1,b,1,2", "1,b,1,3"))
    assert "row 2 (line 16): label 3 is not in 0 … 2" in refused(path)
    path.write_text(FIRST.replace("1,b,1,2", "1,b,1,1"))
    assert "the column label is not the one" in refused(path)
    assert "delete the line '# labels_sha256: …'" in refused(path)
    path.write_text(FIRST.replace("# labels_sha256", "# noisy_labels_sha256"))
    assert "unknown header key 'noisy_labels_sha256'; did you mean labels_sha256?" in refused(path)
    path.write_text("".join(line for line in FIRST.splitlines(True) if "labels_sha256" not in line))
    assert read_manifest(path).sha256 == PINNED
