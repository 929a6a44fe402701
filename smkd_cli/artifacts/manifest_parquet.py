"""A manifest as Parquet: the same columns, and the header as metadata of the schema. Needs pyarrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.foreign import SNIFFED, refuse_foreign
from smkd_cli.artifacts.manifest_csv import LONGEST_NAME, Table
from smkd_cli.artifacts.manifest_header import NOISY_LABEL, Header, columns_of
from smkd_cli.artifacts.text_lines import name_of
from smkd_cli.errors import DataError
from smkd_cli.words import plain, quoted, shown

_CLASS_NAMES = "class_names"
_LARGEST_ROW = 3 * 8 + LONGEST_NAME  # bytes, before compression
_LARGEST_REST = 1 << 20
# Numbers in order take next to nothing, but noise cannot be compressed: a quarter of a bit is left of each row.
_MOST_ROWS_A_BYTE = 32
_FEW_ROWS = 10_000_000  # their columns take 240 MB


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"{shown(path)}: Parquet needs pyarrow: pip install 'smkd[parquet]', or use .csv") from error
    return pyarrow, pyarrow.parquet


def read_parquet(path: Path) -> Table:
    """Read a Parquet manifest; what its metadata says is checked before a row is read.

    Raises:
        DataError: pyarrow is not installed, the file cannot be read, or it is not a manifest's.
    """
    pyarrow, parquet = _pyarrow(path)
    name = name_of(path)
    if path.exists() and not path.is_file():
        raise DataError(f"{name}: cannot be read: Parquet must be in a regular file")
    try:
        with path.open("rb") as stream:
            start = stream.read(SNIFFED)
        if not start.startswith(b"PAR1"):
            refuse_foreign(start, name, "Parquet")
            raise DataError(f"{name}: is not Parquet, as its name says; a manifest in CSV needs another name")
        # A stream, because pyarrow opens no path that is not UTF-8.
        with path.open("rb") as stream, parquet.ParquetFile(stream) as file:
            return _table(_Reader(pyarrow, path, name, file))
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: cannot be read: its header is not UTF-8 text") from error
    except (OSError, ValueError, LookupError, MemoryError, pyarrow.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else plain(error)
        raise DataError(f"{name}: cannot be read: {reason}") from error


@dataclass(frozen=True)
class _Reader:
    """The columns of one file."""

    pyarrow: Any
    path: Path
    name: str
    file: Any

    def place(self, row: int) -> str:
        return f"{self.name}: row {row + 1}"

    def integers(self, column: str) -> NDArray[np.int64] | None:
        """A column (n,); None where all of it is empty and may be."""
        values = self.file.read(columns=[column]).column(column)
        if column == "clean_label" and values.null_count == len(values):
            return None
        self._refuse_nulls(values, column)
        array: NDArray[np.int64] = values.to_numpy()
        return array

    def names(self) -> NDArray[Any] | None:
        """The names of the images (n,), or None; a name is not repeated in memory before it is refused."""
        with (
            self.path.open("rb") as stream,
            self.pyarrow.parquet.ParquetFile(stream, read_dictionary=["image"]) as file,
        ):
            values = file.read(columns=["image"]).column("image")
        if values.null_count == len(values):
            return None
        self._refuse_nulls(values, "image")
        row, parts = 0, []
        for chunk in values.chunks:
            try:
                chunk.dictionary.validate(full=True)
            except self.pyarrow.ArrowInvalid as error:
                raise DataError(f"{self.name}: the name of an image is not UTF-8 text") from error
            codes = chunk.indices.to_numpy(zero_copy_only=False)
            first = np.unique(codes, return_index=True)[1]
            if len(first) < len(codes):
                again = int(np.delete(np.arange(len(codes)), first)[0])
                repeated = quoted(chunk.dictionary[int(codes[again])].as_py())
                raise DataError(f"{self.place(row + again)}: image {repeated} appears a second time")
            parts.append(chunk.dictionary_decode().to_numpy(zero_copy_only=False))
            row += len(codes)
        return np.concatenate(parts)

    def _refuse_nulls(self, values: Any, column: str) -> None:
        if values.null_count:
            row = int(values.is_null().to_numpy().argmax())
            raise DataError(f"{self.place(row)}: {column} is empty")


def _table(reader: _Reader) -> Table:
    name, schema, metadata = reader.name, reader.file.schema_arrow, reader.file.metadata
    values = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    class_names = _names_in(values.pop(_CLASS_NAMES, None), name)
    if "schema" not in values:
        raise DataError(
            f"{name}: is not a manifest: its metadata has no 'schema' (smkd corrupt writes one);"
            " save labels of your own as CSV (pandas.read_parquet, then to_csv)"
        )
    header = Header(values, schema.names, name, name, class_names)
    for column in schema.names:
        wanted = "string" if column == "image" else "int64"
        if str(held := schema.field(column).type) != wanted:
            raise DataError(f"{name}: column {column} holds {plain(held)}, not {wanted}")
    rows, samples = metadata.num_rows, header.count("samples", 1)
    if not rows:
        raise DataError(f"{name}: has no rows")
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if rows > samples or size > _LARGEST_ROW * rows + _LARGEST_REST:
        raise DataError(
            f"{name}: has {rows:,} rows of {size:,} bytes together, too much for the header's {samples:,} samples"
        )
    on_disk = reader.path.stat().st_size
    if rows > max(_FEW_ROWS, _MOST_ROWS_A_BYTE * on_disk):
        raise DataError(f"{name}: has {rows:,} rows in {on_disk:,} bytes: too few for the labels of so many images")
    index, clean_labels, noisy_labels = map(reader.integers, ("index", "clean_label", header.noisy_column))
    assert index is not None  # only the clean labels may be
    assert noisy_labels is not None
    return Table(name, header, index, reader.names(), clean_labels, noisy_labels, reader.place)


def _names_in(text: str | None, name: str) -> list[str] | None:
    """The names of the classes, which the metadata has as a JSON array."""
    if text is None:
        return None
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        if isinstance(found, list) and all(isinstance(each, str) for each in found):
            return found
    raise DataError(f"{name}: {_CLASS_NAMES} in the header is no JSON array of texts")


def write_parquet(
    path: Path,
    header: dict[str, str],
    image: NDArray[Any] | None,
    clean_labels: NDArray[np.int64] | None,
    noisy_labels: NDArray[np.int64],
    class_names: Sequence[str] | None,
) -> None:
    """Write a Parquet manifest; the arrays are (n,) in the order of ``index``.

    Raises:
        DataError: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow(path)
    count = len(noisy_labels)
    table = pyarrow.table(
        [
            pyarrow.array(np.arange(count)),
            pyarrow.nulls(count, pyarrow.string()) if image is None else pyarrow.array(image, pyarrow.string()),
            pyarrow.nulls(count, pyarrow.int64()) if clean_labels is None else pyarrow.array(clean_labels),
            pyarrow.array(noisy_labels),
        ],
        names=columns_of(NOISY_LABEL),
    )
    # Given the path, pyarrow removes what it cannot write to; and it cannot write to a pipe, which has no position.
    content = pyarrow.BufferOutputStream()
    named = {} if class_names is None else {_CLASS_NAMES: json.dumps(list(class_names), ensure_ascii=False)}
    parquet.write_table(table.replace_schema_metadata({**header, **named}), content)
    with path.open("wb") as stream:
        stream.write(content.getvalue())
