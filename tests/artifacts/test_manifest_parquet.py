"""Manifests as Parquet: with pyarrow the same as CSV, without it a hint."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smkd_cli.artifacts.manifest import read_manifest, write_manifest
from smkd_cli.errors import DataError


@pytest.fixture
def digits(smkd: Callable[..., Any], tmp_path: Path) -> Path:
    """A CSV manifest of digits."""
    return tmp_path / str(smkd("corrupt", "--quiet").out.strip())


def test_without_pyarrow_it_says_what_to_install(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install 'smkd\[parquet\]'"):
        write_manifest(tmp_path / "m.parquet", read_manifest(digits))
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(DataError, match=r"pip install 'smkd\[parquet\]'"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize("known", [True, False])
def test_holds_the_same_as_csv(digits: Path, tmp_path: Path, known: bool) -> None:
    pytest.importorskip("pyarrow")
    import dataclasses

    written = read_manifest(digits)
    if not known:
        written = dataclasses.replace(written, image=None, clean_labels=None)
    write_manifest(tmp_path / "m.parquet", written)
    read = read_manifest(tmp_path / "m.parquet")
    assert read.sha256 == written.sha256
    assert read.header == written.header


def test_a_changed_label_is_detected(digits: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "m.parquet"
    write_manifest(path, read_manifest(digits))
    table = parquet.read_table(path)
    labels = table.column("noisy_label").to_pylist()
    labels[3] = (labels[3] + 1) % 10
    parquet.write_table(table.set_column(3, "noisy_label", pyarrow.array(labels)), path)
    with pytest.raises(DataError, match="noisy_labels_sha256"):
        read_manifest(path)
    labels[3] = None
    parquet.write_table(table.set_column(3, "noisy_label", pyarrow.array(labels)), path)
    with pytest.raises(DataError, match="row 4: noisy_label is empty"):
        read_manifest(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(path)


@pytest.mark.skipif(sys.platform != "linux", reason="uses /dev")
def test_what_cannot_be_replaced_is_written_to_and_stays(digits: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    manifest, whole = read_manifest(digits), tmp_path / "whole.parquet"
    write_manifest(whole, manifest)
    full, pipe = tmp_path / "full.parquet", tmp_path / "pipe.parquet"
    full.symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left on device"):
        write_manifest(full, manifest)
    assert full.is_symlink()
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_manifest(pipe, manifest)
    reader.join(10)
    assert pipe.is_fifo()
    assert received == [whole.read_bytes()]
