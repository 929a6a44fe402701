"""A clone without Git LFS holds pointers in place of large files: every reader says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from smkd_cli.artifacts.metrics import read_metrics
from smkd_cli.data.own.decode import opened
from smkd_cli.data.pickles import read_arrays
from smkd_cli.errors import DataError

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
WORDS = "a Git LFS pointer and not the file itself: fetch that with `git lfs pull`"


@pytest.mark.parametrize(
    ("file", "command", "code"),
    [
        ("labels.csv", "corrupt --labels labels.csv", 4),
        ("m.csv", "train quickstart --manifest m.csv --dry-run", 4),
        ("m.parquet", "corrupt --labels m.parquet", 4),
        ("peer.safetensors", "eval peer.safetensors", 4),
        ("runs/x/result.json", "report runs", 4),
        ("result.json", "report result.json", 4),
        ("scores.jsonl", "report scores.jsonl", 4),
        ("recipe.yaml", "recipes validate recipe.yaml", 3),
        ("profile.yaml", "recipes validate quickstart --profile profile.yaml", 3),
        ("data/cifar-100-python.tar.gz", "datasets fetch cifar100 --data data", 4),
    ],
)
def test_a_pointer_is_named_as_such(smkd, file, command, code):
    if "parquet" in file:
        pytest.importorskip("pyarrow")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(POINTER)
    result = smkd(*command.split())
    assert (result.code, result.out) == (code, "")
    assert WORDS in result.err
    assert file in result.err


def test_pointers_in_a_data_set_are_named_as_such(smkd):
    folder = Path("data/cifar-100-python")
    folder.mkdir(parents=True)
    for name in ("train", "test", "meta"):
        (folder / name).write_text(POINTER)
    result = smkd("datasets", "verify", "cifar100", "--data", "data")
    assert f"data/cifar-100-python/train: is {WORDS}, or with `smkd datasets fetch cifar100`" in result.err


@pytest.mark.parametrize(
    "read", [read_arrays, lambda path: read_metrics(path.parent, "epoch"), lambda path: opened(path, "x").__enter__()]
)
def test_a_pointer_is_no_pickle_no_metrics_and_no_image(read, tmp_path):
    (tmp_path / "metrics.csv").write_text(POINTER)
    with pytest.raises(DataError, match=r"\bis a Git LFS pointer"):
        read(tmp_path / "metrics.csv")
