"""Manifests that a spreadsheet has saved, and such as nobody honest writes: read, or refused with words, never more."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smkd_cli.artifacts.manifest import Manifest, read_manifest, write_manifest
from smkd_cli.errors import DataError

fuzzed = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def toy(**changes: Any) -> Manifest:
    """Four images of a data set of three classes."""
    values: dict[str, Any] = {
        "dataset": "toy, mine",
        "split": "train",
        "classes": 3,
        "kind": "pairflip",
        "rate": 0.4,
        "seed": 0,
        "sampling": "per-sample",
        "transition_matrix": "pairflip",
        "noisy_labels": np.array([0, 2, 2, 1]),
        "clean_labels": np.array([0, 1, 2, 0]),
        "image": np.array(["a", "b", "c, d", 'e"']),
    }
    return Manifest(**values | changes)


@pytest.fixture
def lines(tmp_path: Path) -> list[str]:
    """The toy manifest: 13 lines of header, 1 of columns, 4 rows."""
    write_manifest(tmp_path / "toy.csv", toy())
    return (tmp_path / "toy.csv").read_text().splitlines()


def refused(path: Path, content: str | bytes) -> str:
    """The message with which a manifest of this content is refused."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError) as error:
        read_manifest(path)
    assert len(str(error.value)) < len(str(path)) + 400
    return str(error.value)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("quoted", ["nothing", "what must be", "all"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_spreadsheet_may_save_it(tmp_path: Path, separator: str, quoted: str, end: str, mark: str) -> None:
    written = toy(dataset="toy" if quoted == "nothing" else "toy; mine, all")
    write_manifest(tmp_path / "toy.csv", written)
    rows = list(csv.reader((tmp_path / "toy.csv").read_text().splitlines()[13:]))
    cells = [[line] + [""] * 3 for line in (tmp_path / "toy.csv").read_text().splitlines()[:13]] + rows
    with (tmp_path / "saved.csv").open("w", encoding="utf-8", newline="") as stream:
        stream.write(mark)
        quoting = csv.QUOTE_ALL if quoted == "all" else csv.QUOTE_MINIMAL
        csv.writer(stream, delimiter=separator, lineterminator=end, quoting=quoting).writerows(cells)
        stream.write(end)
    assert read_manifest(tmp_path / "saved.csv").sha256 == written.sha256


def test_blank_lines_are_passed_over(tmp_path: Path, lines: list[str]) -> None:
    lines[15:15] = ["", "  "]
    (tmp_path / "m.csv").write_text("\n".join([*lines, "", ""]))
    assert read_manifest(tmp_path / "m.csv").sha256 == toy().sha256
    lines[-1] = lines[-1].replace(",1", ",7")
    assert "row 4 (line 20): noisy_label 7 is not in 0 … 2" in refused(tmp_path / "m.csv", "\n".join(lines))


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (1, "# dataset: \x1b]0;title\x07", "dataset in the header is '\\x1b]0;title\\x07', not a line"),
        (1, "# dataset: " + "x" * 101, "not a line of at most 100 printable"),
        (2, "# split: a\u2028b", "split in the header is 'a\\u2028b'"),
        (5, "# kind: " + "k" * 100_000, "kind in the header is 'kkk"),
        (3, "# classes: " + "1" + "0" * 30, "not an integer of at least 2 and at most 100,000"),
        (3, "# classes: " + "9" * 5000, "not an integer of at least 2 and at most 100,000"),
        (4, "# samples: 1000000000000", "not an integer of at least 1 and at most 100,000,000"),
        (4, f"# samples: {2**63}", "not an integer of at least 1 and at most 100,000,000"),
        (4, "# samples: 100000000", "the row of index 4 is missing (4 rows, the header says 100000000 samples)"),
        (7, f"# seed: {2**63}", "seed in the header is '9223372036854775808', not an integer from 0"),
        (4, "# " + "s" * 100_000 + ": 1", "unknown header key 'sss"),
        (0, "# schema: " + "s" * 100_000, "has the schema 'sss"),
        (0, "x" * 200_000, "line 1 is longer than 131,072 bytes"),
        (16, "2," + "x" * 200_000 + ",2,2", "line 17 is longer than 131,072 bytes"),
        (17, '3,"c,2,2', 'row 4 (line 18): a quote (") is opened and not closed'),
        (16, "2,c\0,2,2", "line 17 holds a null byte"),
        (16, f"2,c,2,{'9' * 100_000}", "is not an integer of at most 18 digits"),
        (16, "99999999999999999999,c,2,2", "index '99999999999999999999' is not an integer of at most 18 digits"),
        (
            13,
            "index;image;clean_label;noisy_label",
            "line 14: the columns must be index, image, clean_label, noisy_label",
        ),
    ],
)
def test_what_a_file_says_is_bounded(tmp_path: Path, lines: list[str], line: int, text: str, message: str) -> None:
    lines[line] = text
    assert message in refused(tmp_path / "m.csv", "\n".join(lines))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"PAR1" + bytes(99), "a Parquet file: a manifest in this format must have a name that ends in .parquet"),
        ("# schema: smkd/manifest/3\n".encode("utf-16"), "UTF-16"),
        (b"# schema: smkd/manifest/3\n" + b"".join(b"# %d:\n" % row for row in range(999)), "line 101: the columns"),
        (b"", "is not a manifest"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refused(tmp_path / "m.csv", content)


def test_more_rows_than_samples_are_not_read(tmp_path: Path, lines: list[str]) -> None:
    lines += [f"{row},x{row},0,0" for row in range(4, 300_000)] + ["broken"]
    assert "index 4 is not in 0 … 3" in refused(tmp_path / "m.csv", "\n".join(lines))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "a\nb"}, "dataset in the header is 'a\\nb', not a line"),
        ({"kind": "x" * 101}, "kind in the header"),
        ({"classes": 1, "noisy_labels": np.zeros(4, int), "clean_labels": None}, "cannot hold 4 labels of 1 classes"),
        ({"image": np.array(["a", "b", "c\0d", "d"])}, "row 3: image 'c\\x00d' holds a line break or null"),
        ({"image": np.array(["a", "b", "c" * 9000, "d"])}, "is longer than 8,192 characters"),
    ],
)
def test_never_writes_what_it_would_not_read(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        write_manifest(tmp_path / "m.csv", toy(**changes))
    assert list(tmp_path.iterdir()) == []


Edit = tuple[float, int, bytes]
pieces = st.sampled_from(
    [
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b",",
        b";",
        b'"',
        b"#",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b" ",
        b"9" * 30,
        b"-1",
        b"1e3",
    ]
)
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), pieces), min_size=1, max_size=4)


def edited(content: bytes, changes: list[Edit]) -> bytes:
    """The content with some bytes, from a relative position on, replaced by others."""
    for where, length, new in changes:
        at = int(where * len(content))
        content = content[:at] + new + content[at + length :]
    return content


@given(changes=edits, hashes=st.booleans())
@fuzzed
def test_any_bytes_are_a_manifest_or_a_message(tmp_path: Path, changes: list[Edit], hashes: bool) -> None:
    write_manifest(tmp_path / "toy.csv", toy())
    content = (tmp_path / "toy.csv").read_bytes()
    # Without its hashes a manifest gets further before it is refused.
    content = content if hashes else re.sub(rb"# (realised_rate|\w*sha256).*\n", b"", content)
    path = tmp_path / "m.csv"
    path.write_bytes(edited(content, changes))
    try:
        write_manifest(tmp_path / "again.csv", read_manifest(path))
    except DataError as error:
        assert len(str(error)) < len(str(path)) + 600  # noqa: PT017 (both ways are right)
        assert str(error).isprintable()  # noqa: PT017


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Path]:
    """Write the toy manifest as Parquet, with changed columns or metadata."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    def write(metadata: dict[bytes, bytes] | None = None, **columns: Any) -> Path:
        path = tmp_path / "m.parquet"
        write_manifest(path, toy())
        table = pq.read_table(path)
        for name, values in columns.items():
            table = table.set_column(table.column_names.index(name), name, pyarrow.array(values))
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, **(metadata or {})}), path)
        return path

    return write


def test_parquet_is_not_believed(parquet: Callable[..., Path]) -> None:
    pyarrow = pytest.importorskip("pyarrow")

    def message(*arguments: Any, **columns: Any) -> str:
        path = parquet(*arguments, **columns)
        return refused(path, path.read_bytes())

    assert read_manifest(parquet()).sha256 == toy().sha256
    broken = pyarrow.Array.from_buffers(
        pyarrow.string(), 4, [None, pyarrow.py_buffer(np.arange(5, dtype=np.int32)), pyarrow.py_buffer(b"ab\xffd")]
    )
    assert "the name of an image is not UTF-8 text" in message(image=broken)
    assert "its header is not UTF-8 text" in message({b"\xff\xfe": b"x"})
    assert "row 3: image 'a' appears a second time" in message(image=["a", "b", "a", "c"])
    assert "row 2: image is empty" in message(image=["a", None, "b", "c"])
    assert "column image holds int64, not string" in message(image=[1, 2, 3, 4])
    assert "column noisy_label holds double, not int64" in message(noisy_label=[0.0, 2.0, 2.0, 1.0])
    assert "classes in the header is '1e30'" in message({b"classes": b"1e30"})
    assert "dataset in the header" in message({b"dataset": b"\x1b[31m"})
    assert "has 4 rows of" in message({b"samples": b"3"})
    path = parquet()
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.drop_columns(["image"]), path)
    assert "must be index, image, clean_label, noisy_label, not index, clean_label, noisy_label" in refused(
        path, path.read_bytes()
    )
    pyarrow.parquet.write_table(pyarrow.table({"name": ["a"], "label": [0]}), path)
    assert "save labels of your own as CSV (pandas.read_parquet" in refused(path, path.read_bytes())


@pytest.mark.parametrize(
    ("samples", "message"),
    [("4", "has 300,000 rows of"), ("300000", "row 2: image 'xxx")],
)
def test_a_small_parquet_file_of_very_many_rows(tmp_path: Path, samples: str, message: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    path = tmp_path / "m.parquet"
    write_manifest(path, toy())
    small = pq.read_table(path)
    zeros = pyarrow.array(np.zeros(300_000, np.int64))
    # As text these names would take 30 GB.
    names = pyarrow.DictionaryArray.from_arrays(zeros.cast(pyarrow.int32()), ["x" * 100_000])
    many = pyarrow.table([zeros, names, zeros, zeros], names=small.column_names)
    with pq.ParquetWriter(path, many.schema, store_schema=False) as writer:  # else it would say that names are codes
        writer.write_table(many)
        writer.add_key_value_metadata({**small.schema.metadata, b"samples": samples.encode()})
    assert path.stat().st_size < 1 << 20
    assert message in refused(path, path.read_bytes())


def test_parquet_that_cannot_hold_so_many_labels_is_refused_before_they_are_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    path = tmp_path / "m.parquet"
    write_manifest(path, toy())
    small, part = pq.read_table(path), 1_000_000
    zeros = pyarrow.array(np.zeros(part, np.int64))
    many = pyarrow.table([zeros, pyarrow.nulls(part, pyarrow.string()), zeros, zeros], names=small.column_names)
    many = many.replace_schema_metadata({**small.schema.metadata, b"samples": b"11000000"})
    with pq.ParquetWriter(path, many.schema, compression="zstd") as writer:
        for _ in range(11):
            writer.write_table(many, row_group_size=part)
    assert re.search(r"has 11,000,000 rows in [\d,]+ bytes: too few", refused(path, path.read_bytes()))
    wide = pyarrow.table([pyarrow.array([1])] * 1000, names=[f"column {number}" for number in range(1000)])
    pq.write_table(wide.replace_schema_metadata(small.schema.metadata), path)
    assert "column 7 and 992 more" in refused(path, path.read_bytes())


@pytest.mark.parametrize("written", [{}, {"compression": "zstd", "compression_level": 19, "use_dictionary": False}])
def test_parquet_of_many_images_is_read_however_small_it_is_written(tmp_path: Path, written: dict[str, Any]) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    path, count = tmp_path / "m.parquet", 1_200_000
    clean = np.sort(np.arange(count) % 3)
    noisy = np.where(np.arange(count) % 10, clean, (clean + 1) % 3)
    noisy = np.where(np.random.default_rng(0).random(count) < 0.2, noisy, clean)
    write_manifest(path, toy(clean_labels=clean, noisy_labels=noisy, image=None))
    deltas = {"column_encoding": {"index": "DELTA_BINARY_PACKED"}} if written else {}
    pq.write_table(pq.read_table(path), path, **written, **deltas)
    assert read_manifest(path).sha256 == toy(clean_labels=clean, noisy_labels=noisy, image=None).sha256


@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.binary(max_size=3)), min_size=1, max_size=3))
@fuzzed
def test_any_bytes_are_parquet_or_a_message(parquet: Callable[..., Path], changes: list[Edit]) -> None:
    path = parquet()
    path.write_bytes(edited(path.read_bytes(), changes))
    try:
        read_manifest(path)
    except DataError as error:
        assert len(str(error)) < len(str(path)) + 600  # noqa: PT017 (both ways are right)
        assert str(error).isprintable()  # noqa: PT017


def test_parquet_under_other_names_and_the_other_way_round(tmp_path: Path, parquet: Callable[..., Path]) -> None:
    pointer = tmp_path / "pointer.parquet"
    assert "is not Parquet but a Git LFS pointer" in refused(pointer, b"version https://git-lfs.github.com/spec/v1\n")
    for content in ("# schema: smkd/manifest/3\n", ""):
        assert "is not Parquet, as its name says" in refused(tmp_path / "text.parquet", content)
    (tmp_path / "m.csv").write_bytes(parquet().read_bytes())
    with pytest.raises(DataError, match="must have a name that ends in"):
        read_manifest(tmp_path / "m.csv")


@pytest.mark.parametrize("above", ["\n", ",,,\n", "sep=,\n", '"sep=,",,,\n', "\n,,,\nsep=,\n"])
@pytest.mark.parametrize("below", ["", ",,,\n", ",,,\n\n,,,\n"])
def test_what_a_spreadsheet_puts_around_a_manifest_is_passed_over(smkd, above, below):
    whole = smkd("corrupt", "-o", "-").out
    Path("whole.csv").write_text(whole)
    comments, _, rows = whole.partition("index,image,clean_label,noisy_label\n")
    comments = "".join(f"{line},,,\n" for line in comments.splitlines())
    Path("m.csv").write_text(above + comments + " index , image,clean_label ,noisy_label \n" + rows + below)
    assert read_manifest("m.csv").sha256 == read_manifest("whole.csv").sha256
    assert smkd("corrupt", "--labels", "m.csv", "-o", "-").out == whole
