"""``smkd corrupt --labels``: labels from a CSV of one's own, from stdin, or from another manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smkd_cli import noise
from smkd_cli.artifacts.manifest import Manifest, read_manifest, write_manifest

Smkd = Callable[..., Any]


def test_labels_only(smkd: Smkd, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("label\n" + "0\n1\n2\n" * 200)
    result = smkd("corrupt", "--labels", "mine.csv", "--rate", "0.3")
    assert (result.code, result.out) == (0, "manifests/mine-train-symmetric-0.3-seed0.csv\n")
    manifest = read_manifest(result.out.strip())
    assert (manifest.dataset, manifest.classes, manifest.image) == ("mine", 3, None)
    clean = np.arange(600) % 3
    np.testing.assert_array_equal(manifest.clean_labels, clean)
    drawn = noise.corrupt_labels(clean, kind="symmetric", rate=0.3, classes=3, seed=0)
    np.testing.assert_array_equal(manifest.noisy_labels, drawn)


def test_images_are_carried_through(smkd: Smkd, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        '\ufeffweight, target,image\r\n1,3,"a, b.png"\r\n2,0,b.png\r\n1,1,"""c"".png"\r\n'
    )
    result = smkd("corrupt", "--labels", "mine.csv", "--column", "target", "--classes", "5", "-o", "m.csv")
    assert result.code == 0
    manifest = read_manifest("m.csv")
    assert manifest.classes == 5
    assert manifest.clean_labels is not None
    assert manifest.clean_labels.tolist() == [3, 0, 1]
    assert manifest.image is not None
    assert manifest.image.tolist() == ["a, b.png", "b.png", '"c".png']


def test_stdin(smkd: Smkd) -> None:
    result = smkd("corrupt", "--labels", "-", "-o", "-", stdin="label\n0\n1\n")
    assert result.code == 0
    assert "\n# dataset: stdin\n" in result.out
    assert "\nindex,image,clean_label,noisy_label\n0,,0," in result.out


def test_many_classes_get_a_line_instead_of_a_table(smkd: Smkd, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("label\n" + "".join(f"{row % 21}\n" for row in range(420)))
    result = smkd("corrupt", "--labels", "mine.csv", "--sampling", "exact", "--rate", "0.5")
    assert "per class: from 50.00 % (0) to 50.00 % (0), mean 50.00 %" in result.err


def test_asymmetric_noise_needs_to_know_whose_classes_they_are(smkd: Smkd, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("label\n" + "".join(f"{row % 10}\n" for row in range(100)))
    options = ("corrupt", "--labels", "mine.csv", "--kind", "asymmetric", "--rate", "1")
    assert smkd(*options).code == 2
    manifest = read_manifest(smkd(*options, "--dataset", "cifar10").out.strip())
    assert manifest.noisy_labels[:10].tolist() == [0, 1, 0, 5, 7, 3, 6, 7, 8, 1]


def test_a_manifest_is_corrupted_afresh_from_its_clean_labels(smkd: Smkd) -> None:
    pairflip = smkd("corrupt", "--kind", "pairflip", "-o", "-").out
    again = smkd("corrupt", "--labels", "-", "-o", "-", stdin=pairflip)
    assert again.code == 0
    assert again.out == smkd("corrupt", "-o", "-").out


def test_a_manifest_without_clean_labels_has_nothing_to_corrupt(smkd: Smkd) -> None:
    labels = np.array([0, 1, 1])
    given_only = Manifest(
        dataset="web", split="train", classes=2, kind="human", rate=None, seed=None, sampling=None,
        transition_matrix=None, noisy_labels=labels,
    )  # fmt: skip
    write_manifest(Path("web.csv"), given_only)
    result = smkd("corrupt", "--labels", "web.csv")
    assert result.code == 4
    assert "web.csv: is a manifest that does not know its clean labels" in result.err
    assert smkd("corrupt", "--labels", "web.csv", "--classes", "3").code == 2


@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("label\n0\n1.5\n", (), 4, "mine.csv: row 2 (line 3): label '1.5' is not an integer"),
        ("label\n0\n1e0\n", (), 4, "row 2 (line 3): label '1e0' is not an integer"),
        ("label\n0\n\n1\n", (), 4, "row 2 (line 3): label is empty"),
        ("label\n0\n-1\n", (), 4, "row 2 (line 3): label -1 is not in 0 … 0"),
        ("label\n0\n7\n", ("--classes", "7"), 4, "row 2 (line 3): label 7 is not in 0 … 6"),
        ("label\n0\n99999999999999999999\n", (), 4, "row 2 (line 3): label '99999999999999999999' is not an integer"),
        ("label\n0\n123456789012345678\n", (), 2, "123456789012345679 classes are too many"),
        ("label\n0\n0\n", (), 2, "at least 2 classes, not 1"),
        ("image,label\na,0\nb,1,2\n", (), 4, "row 2 (line 3): has 3 fields, but the header has 2"),
        ("image,label\na,0,1\n", (), 4, "row 1 (line 2): has 3 fields, but the header has 2"),
        ("image,label\na,0\nb\n", (), 4, "row 2 (line 3): label is empty"),
        ("image,label\na,0\na,1\n", (), 4, "row 2 (line 3): image 'a' is already in row 1"),
        ("image,label\na,0\n,1\n", (), 4, "row 2 (line 3): image is empty"),
        ('image,label\nc,1\n"a,0\n', (), 4, 'row 2 (line 3): a quote (") is opened and not closed'),
        ("label\n", (), 4, "has no rows"),
        ("", (), 4, "mine.csv: is empty"),
        (
            "image,labels\na,0\n",
            (),
            2,
            "has no column 'label': did you mean labels? Its first line names image, labels",
        ),
        ("label,label\n0,1\n", (), 4, "names a column twice"),
        ("label\n0\n1\n", ("--classes", "-3"), 2, "--classes"),
    ],
)
def test_wrong_files(smkd: Smkd, tmp_path: Path, text: str, options: tuple[str, ...], code: int, message: str) -> None:
    (tmp_path / "mine.csv").write_text(text)
    result = smkd("corrupt", "--labels", "mine.csv", *options)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_files_that_cannot_be_read(smkd: Smkd, tmp_path: Path) -> None:
    assert "absent.csv: cannot be read: No such file" in smkd("corrupt", "--labels", "absent.csv").err
    assert "cannot be read: Is a directory" in smkd("corrupt", "--labels", tmp_path).err
    (tmp_path / "latin.csv").write_bytes(b"label,image\n0,caf\xe9\n")
    assert (
        "latin.csv: is not a CSV file: line 2 is not UTF-8 text: byte 0xe9"
        in smkd("corrupt", "--labels", "latin.csv").err
    )
    (tmp_path / "late.csv").write_bytes(b"label,image\n0,a\n0,caf\xe9\n")
    assert "late.csv: is not a CSV file: line 3 is not UTF-8 text" in smkd("corrupt", "--labels", "late.csv").err
    (tmp_path / "one-line.csv").write_text("x" * 200_000)
    assert "one-line.csv: is not a CSV file" in smkd("corrupt", "--labels", "one-line.csv").err


@given(labels=st.lists(st.integers(0, 8), min_size=1, max_size=30), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_labels_come_back_as_the_clean_ones(smkd: Smkd, labels: list[int], seed: int) -> None:
    text = "label\n" + "".join(f"{label}\n" for label in labels)
    result = smkd("corrupt", "--labels", "-", "--classes", "9", "--seed", seed, "-o", "m.csv", stdin=text)
    assert result.code == 0
    manifest = read_manifest("m.csv")
    assert manifest.clean_labels is not None
    assert manifest.clean_labels.tolist() == labels
    assert manifest.realised_rate == np.mean(manifest.noisy_labels != labels)
