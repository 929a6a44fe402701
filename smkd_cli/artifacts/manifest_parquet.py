"""A manifest as Parquet: the same columns, and the header as metadata of the schema. Needs pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.manifest_csv import COLUMNS, Table
from smkd_cli.errors import DataError


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"{path}: Parquet needs pyarrow: pip install 'smkd[parquet]', or use .csv") from error
    return pyarrow, pyarrow.parquet


def read_parquet(path: Path) -> Table:
    """Read a Parquet manifest.

    Raises:
        DataError: pyarrow is not installed, the file cannot be read, or its columns are not a manifest's.
    """
    pyarrow, parquet = _pyarrow(path)
    try:
        table = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    header = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if "schema" not in header:
        raise DataError(f"{path}: is not a manifest: its metadata has no 'schema' (smkd corrupt writes one)")
    if table.column_names != list(COLUMNS):
        raise DataError(f"{path}: the columns must be {', '.join(COLUMNS)}, not {', '.join(table.column_names)}")

    def column(name: str) -> NDArray[Any] | None:
        values = table.column(name)
        wanted = pyarrow.string() if name == "image" else pyarrow.int64()
        if values.type != wanted:
            raise DataError(f"{path}: column {name} holds {values.type}, not {wanted}")
        if values.null_count == len(values) and name in ("image", "clean_label"):
            return None
        if values.null_count:
            row = int(values.is_null().to_numpy().argmax())
            raise DataError(f"{place(row)}: {name} is empty")
        array: NDArray[Any] = values.to_numpy()
        return array

    def place(row: int) -> str:
        return f"{path}: row {row + 1}"

    if not table.num_rows:
        raise DataError(f"{path}: has no rows")
    index, image, clean_label, label = map(column, COLUMNS)
    assert index is not None  # only image and clean_label may be
    assert label is not None
    return Table(str(path), header, index, image, clean_label, label, place)


def write_parquet(
    path: Path,
    header: dict[str, str],
    image: NDArray[Any] | None,
    clean_label: NDArray[np.int64] | None,
    label: NDArray[np.int64],
) -> None:
    """Write a Parquet manifest; the arrays are (n,) in the order of ``index``.

    Raises:
        DataError: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow(path)
    count = len(label)
    table = pyarrow.table(
        [
            pyarrow.array(np.arange(count)),
            pyarrow.nulls(count, pyarrow.string()) if image is None else pyarrow.array(image, pyarrow.string()),
            pyarrow.nulls(count, pyarrow.int64()) if clean_label is None else pyarrow.array(clean_label),
            pyarrow.array(label),
        ],
        names=list(COLUMNS),
    )
    parquet.write_table(table.replace_schema_metadata(header), path)
