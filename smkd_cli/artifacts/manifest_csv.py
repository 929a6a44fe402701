"""A manifest as CSV: comment lines of ``# key: value``, then a row per sample."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.class_names import CLASS_KEY, from_line, to_line
from smkd_cli.artifacts.csv_columns import fields_of, integers, read_columns
from smkd_cli.artifacts.csv_rows import Place, Rows
from smkd_cli.artifacts.manifest_header import NOISY_LABEL, Header, columns_of
from smkd_cli.artifacts.text_lines import Lines
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES
from smkd_cli.words import quoted

_BLOCK = 1 << 16
_IN_NO_NAME = "\n\r\0"
LONGEST_NAME = 1 << 13
_MOST_HEADER_LINES = 100
# What a spreadsheet may put above the header: blank lines, filled or not, and what its separator is.
_ABOVE = re.compile(r'[\s,;]*|"?sep=.[",;\t ]*', re.IGNORECASE)
# A spreadsheet fills the lines above the table up to the table's width, and may put quotes around their text.
_BY_SPREADSHEET = re.compile(r"\"#|#.*?([,;\t])\1\1$")


@dataclass(frozen=True)
class Table:
    """What a manifest file says, before anything is believed: arrays (n,) in the order of its rows."""

    name: str
    header: Header
    index: NDArray[np.int64]
    image: NDArray[Any] | None
    clean_labels: NDArray[np.int64] | None
    noisy_labels: NDArray[np.int64]
    place: Place


def read_csv(stream: BinaryIO, name: str) -> Table:
    """Read a CSV manifest.

    Args:
        stream: the file's bytes, seekable.
        name: names the file in messages.

    Raises:
        DataError: a line is not what a manifest holds there.
    """
    lines = Lines(stream, name)
    header, separator = _header(lines)
    columns = columns_of(header.noisy_column)
    rows = Rows(lines, len(columns), separator)
    found, arrays = read_columns(
        rows,
        name,
        columns,
        separator=separator,
        labels=("clean_label", header.noisy_column),
        texts=("image",),
        counters=("index",),
        most=header.count("samples", 1),
    )
    noisy_labels, image = integers(found[header.noisy_column], rows.place), arrays["image"]
    if noisy_labels is None:
        raise DataError(f"{rows.place(0)}: {header.noisy_column} is empty")
    clean_labels = integers(found["clean_label"], rows.place)
    return Table(name, header, arrays["index"], image if any(image) else None, clean_labels, noisy_labels, rows.place)


def _header(lines: Lines) -> tuple[Header, str]:
    """The header, and the separator of the columns: a comma, unless a spreadsheet has saved the file."""
    name, values, separator = lines.name, dict[str, str](), ","
    class_names: list[str] = []
    line = lines.next_line()
    while line is not None and _ABOVE.fullmatch(line):
        line = lines.next_line()
    line = line or ""
    saved = _BY_SPREADSHEET.match(line)
    if saved:
        separator = saved[1] or _separator_after_quotes(line)
    while line.startswith(("#", '"#')) and lines.number <= _MOST_HEADER_LINES + len(class_names):
        text = separator.join(fields_of(line, name, separator)).rstrip(separator) if saved else line
        key, colon, value = text[1:].partition(":")
        key = key.strip()
        if (named := CLASS_KEY.fullmatch(key)) and colon and len(class_names) < MAX_CLASSES:
            if int(named[1]) != len(class_names):
                where = f"where class {len(class_names)} should be"
                raise DataError(f"{name}: line {lines.number} names class {named[1]} {where}")
            class_names.append(from_line(value.strip(), f"{name}: line {lines.number}"))
            line = lines.next_line() or ""
            continue
        if not colon or key in values:
            fault = f"repeats the key {quoted(key)}" if colon else "is not '# key: value'"
            raise DataError(f"{name}: line {lines.number} {fault}")
        values[key] = value.strip()
        line = lines.next_line() or ""
    if "schema" not in values:
        raise DataError(f"{name}: is not a manifest: it has no line '# schema: …' at its top (smkd corrupt writes one)")
    columns = [field.strip() for field in fields_of(line, name, separator)]
    return Header(values, columns, name, f"{name}: line {lines.number}", class_names or None), separator


def _separator_after_quotes(line: str) -> str:
    after = re.match(r'"(?:[^"]|"")*"([,;\t])', line)
    return after[1] if after else ","


def write_csv(
    stream: TextIO,
    header: dict[str, str],
    image: NDArray[Any] | None,
    clean_labels: NDArray[np.int64] | None,
    noisy_labels: NDArray[np.int64],
    classes: int,
    class_names: Sequence[str] | None,
) -> None:
    """Write a CSV manifest; the arrays are (n,) in the order of ``index``, the labels in 0 … classes - 1."""
    stream.writelines(f"# {key}: {value}".rstrip() + "\n" for key, value in header.items())
    stream.writelines(f"# class {label}: {to_line(name)}\n" for label, name in enumerate(class_names or ()))
    stream.write(",".join(columns_of(NOISY_LABEL)) + "\n")
    # A table of ready-made fields and one join per block write three times as fast as formatting row by row.
    clean_fields = np.array([f",{value}" for value in range(classes)], object)
    noisy_fields = np.array([f",{value}\n" for value in range(classes)], object)
    for start in range(0, len(noisy_labels), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(noisy_labels)))
        fields = zip(
            map("%d,".__mod__, range(block.start, block.stop)),
            repeat("") if image is None else _quoted(image[block].tolist(), start),
            repeat(",") if clean_labels is None else clean_fields[clean_labels[block]].tolist(),
            noisy_fields[noisy_labels[block]].tolist(),
            strict=False,
        )
        stream.write("".join(chain.from_iterable(fields)))


def _quoted(names: list[str], start: int) -> list[str]:
    """Names as CSV fields; one look at the whole block decides whether any of them needs quotes."""
    together = "".join(names)
    if any(letter in together for letter in _IN_NO_NAME) or max(map(len, names)) > LONGEST_NAME:
        for row, name in enumerate(names, start):
            if any(letter in name for letter in _IN_NO_NAME):
                raise DataError(f"row {row + 1}: image {quoted(name)} holds a line break or null; rename the file")
            if len(name) > LONGEST_NAME:
                raise DataError(f"row {row + 1}: image {quoted(name)} is longer than {LONGEST_NAME:,} characters")
    if "," not in together and '"' not in together:
        return names
    return ['"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name for name in names]
