"""What is given as a file of labels and is another kind of file, has an odd name, or no end."""

from __future__ import annotations

import io
import os
import pickle
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from label_files import Smkd, take

from smkd_cli.artifacts.manifest import read_manifest

ARRAY = np.arange(3)


def zipped(first: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(first, "application/vnd.oasis.opendocument.spreadsheet")
    return stream.getvalue()


def saved(save: Callable[..., None]) -> bytes:
    stream = io.BytesIO()
    save(stream, ARRAY)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b'[{"label": 0}, {"label": 1}]', "JSON: save the labels in it as CSV"),
        (b"[true]", "JSON: save"),
        (b"[]", "JSON: save"),
        (b'{"label": 0}\n{"label": 1}\n', "JSON Lines: save the labels in it as CSV"),
        (b'\xef\xbb\xbf{"label": 0}\r\n{"label": 1}\r\n', "JSON Lines: save the labels in it as CSV"),
        *((pickle.dumps([0, 1, 2], protocol), "a pickle, as .pkl and") for protocol in range(6)),
        *((pickle.dumps({"label": ARRAY}, protocol), "a pickle, as .pkl and") for protocol in range(6)),
        (saved(np.save), "a NumPy array (.npy): save the labels in it as CSV"),
        (saved(np.savez), "NumPy arrays (.npz): save the labels in it as CSV"),
        (zipped("archive/data.pkl"), "a PyTorch file (.pt): save the labels in it as CSV"),
        (zipped("[Content_Types].xml"), "an Office file (.xlsx, .docx): save the labels in it as CSV"),
        (zipped("mimetype"), "an OpenDocument file (.ods, .odt): save the labels in it as CSV"),
        (zipped("labels.csv"), "a zip archive: unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "an old Office file (.xls, .doc): save"),
        (rb"{\rtf1\ansi label\par 0}", "a document (.rtf): save"),
        (b"%PDF-1.7\n", "a document (.pdf): save"),
        (
            b"PAR1" + bytes(99),
            "a Parquet file: a manifest in this format must have a name that ends in .parquet; of other",
        ),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2]), "an IDX file"),
        ((64).to_bytes(8, "little") + b'{"a":{}}'.ljust(64), "a safetensors file: save"),
        (b"7z\xbc\xaf" + bytes(99), "an archive: unpack it first"),
        (b"label.csv".ljust(257, b"\0") + b"ustar", "an archive: unpack it first"),
        (b"\x89PNG\r\n", "an image"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(smkd: Smkd, content: bytes, what: str) -> None:
    result = take(smkd, content)
    assert result.code == 4
    assert f"mine.csv: is not a CSV file but {what}" in result.err


@pytest.mark.parametrize("name", ["label", "cat", "c", "lp0", "[label]", "ORC", "RD", "Rar", "collections"])
def test_a_column_called_as_files_begin_is_a_column(smkd: Smkd, name: str) -> None:
    assert take(smkd, f"{name},x\n0,a\n1,b\n", "--column", name).code == 0


def test_a_manifest_is_not_taken_as_given_labels(smkd: Smkd) -> None:
    manifest = smkd("corrupt", "-o", "-").out
    assert "is a manifest already; train on it" in take(smkd, manifest).err


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("new\nline.csv", "new-line-train-given.csv"),
        ("標籤 é.csv", "標籤-é-train-given.csv"),
        ("-.. x.csv", "x-train-given.csv"),
        ("z" * 200 + ".csv", "z" * 64 + "-train-given.csv"),
    ],
)
def test_any_name_of_a_file(smkd: Smkd, name: str, written: str) -> None:
    Path(name).write_text("label\n0\n1\n")
    result = smkd("corrupt", "--labels", f"./{name}", "--kind", "given")
    assert (result.code, result.out) == (0, f"manifests/{written}\n")
    assert read_manifest(f"manifests/{written}").noisy_labels.tolist() == [0, 1]
    assert name.splitlines()[0] != name or name in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_as_a_file_is(smkd: Smkd) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=("image;label\na;0\nb;1\n",))
    writer.start()
    result = smkd("corrupt", "--labels", "pipe", "--kind", "given")
    writer.join()
    assert (result.code, result.out) == (0, "manifests/labels-train-given.csv\n")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
@pytest.mark.parametrize("source", ["/dev/zero", "/dev/urandom"])
def test_endless_input_is_refused(smkd: Smkd, source: str) -> None:
    result = smkd("corrupt", "--labels", source)
    assert (result.code, result.out) == (4, "")
    assert f"{source}: is not a CSV file" in result.err


def test_a_hole_of_a_hundred_gigabytes_is_refused(smkd: Smkd) -> None:
    with Path("hole.csv").open("wb") as hole:
        hole.write(b"label\n0\n")
        hole.truncate(100 << 30)
    assert "line 3 is longer than 131,072 bytes" in smkd("corrupt", "--labels", "hole.csv").err
