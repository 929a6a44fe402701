"""Fuzzed tables of labels: manifests whose checksums fit, and label files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from mutation import as_text, mutated, mutated_bytes

from smkd_cli.artifacts.manifest import labels_sha256

# The schema of each version of the format, and what it calls the column of the noisy labels.
_VERSIONS = (("smkd/manifest/1", "label"), ("smkd/manifest/2", "noisy_label"), ("smkd/manifest/3", "noisy_label"))
_CLASSES = {"class 0": "cat", "class 1": "100 %25", "class 2": "=a%2C b"}
_HEADER = {
    "dataset": "toy",
    "split": "train",
    "classes": 3,
    "samples": 6,
    "kind": "pairflip",
    "rate": 0.4,
    "seed": 0,
    "sampling": "per-sample",
    "transition_matrix": "pairflip",
}
_COLUMNS = ["index", "image", "clean_label"]
_ROWS = [[i, f"image{i}", i % 3, (i + (i == 1)) % 3] for i in range(6)]


def _text_of(rows: Any, delimiter: str = ",") -> str:
    stream = io.StringIO()
    for row in rows if isinstance(rows, list) else [rows]:
        fields = row if isinstance(row, list) else [row]
        csv.writer(stream, lineterminator="\n", delimiter=delimiter).writerow([as_text(field) for field in fields])
    return stream.getvalue()


def _sha256_of(rows: Any, column: int) -> str:
    """The checksum of a column, so that what is read after it is reached too; nothing where there is none."""
    try:
        return labels_sha256(np.array([int(row[column]) for row in rows], dtype=np.int64))
    except (TypeError, ValueError, IndexError, OverflowError, KeyError):
        return ""


def manifest(random: Random) -> bytes:
    """A manifest with something wrong in it, or around it."""
    schema, noisy = random.choice(_VERSIONS)
    named = _CLASSES if random.random() < 0.5 else {}
    value = {"header": {"schema": schema, **_HEADER, **named}, "columns": [*_COLUMNS, noisy], "rows": _ROWS}
    if random.random() < 0.8:
        value = mutated(value, random)
    header = dict(value.get("header") or {}) if isinstance(value.get("header"), dict) else {}
    if random.random() < 0.8:
        for column, name in ((3, noisy), (2, "clean_label")):
            header[f"{name}s_sha256"] = _sha256_of(value.get("rows"), column)
    lines = "".join(f"# {key}: {as_text(one)}\n" for key, one in header.items())
    text = lines + _text_of([value.get("columns", "")]) + _text_of(value.get("rows", []))
    content = text.encode("utf-8", "surrogatepass")
    return mutated_bytes(content, random) if random.random() < 0.3 else content


def labels(random: Random) -> bytes:
    """A table of labels as people have them, with something wrong in it."""
    names = random.choice(
        (
            ["label"],
            ["label", "image"],
            ["id", "label", "clean_label"],
            ["image", "label", "extra"],
            ["image", "clean_label", "noisy_label"],
        )
    )
    numbers = random.choice(
        (lambda i: i % 3, lambda i: f"{i % 3}.0", lambda i: ("cat", "dog", "fox")[i % 3], lambda i: i + 1)
    )
    value: Any = [
        names,
        *([numbers(i) if name in {"label", "noisy_label"} else f"{name}{i}" for name in names] for i in range(8)),
    ]
    if random.random() < 0.8:
        value = mutated(value, random)
    text = _text_of(value, random.choice(",,,;\t"))
    content = text.encode("utf-8", "surrogatepass")
    return mutated_bytes(content, random) if random.random() < 0.4 else content


def parquet(random: Random, path: Path) -> None:
    """Write a Parquet manifest with something wrong in it."""
    import pyarrow
    import pyarrow.parquet

    schema, noisy = random.choice(_VERSIONS)
    columns = dict(zip((*_COLUMNS, noisy), zip(*_ROWS, strict=True), strict=True))
    named = {"class_names": json.dumps(list(_CLASSES.values()))} if random.random() < 0.5 else {}
    value = mutated({"header": {"schema": schema, **_HEADER, **named}, "columns": columns}, random)
    given = value.get("columns")
    columns = given if isinstance(given, dict) else {"x": [1]}
    arrays = {str(name): _array(items) for name, items in columns.items()}
    longest = max(map(len, arrays.values()), default=0)
    table = {
        name: pyarrow.array(array.to_pylist() + [None] * (longest - len(array)), array.type)
        for name, array in arrays.items()
    }
    header = value.get("header")
    texts = {as_text(key): as_text(one) for key, one in header.items()} if isinstance(header, dict) else {}
    for name in (noisy, "clean_label"):
        if name in arrays:
            texts[f"{name}s_sha256"] = _sha256_of([[label] for label in arrays[name].to_pylist()], 0)
    raw = {key.encode("utf-8", "replace"): one.encode("utf-8", "surrogatepass") for key, one in texts.items()}
    pyarrow.parquet.write_table(pyarrow.table(table).replace_schema_metadata(raw), path)
    if random.random() < 0.3:
        path.write_bytes(mutated_bytes(path.read_bytes(), random))


def _array(items: Any) -> Any:
    """A column of Parquet, of the type of its items, or else of their bytes."""
    import pyarrow

    values = list(items) if isinstance(items, list | tuple) else [items] * len(_ROWS)
    # Parquet writes no mapping without keys.
    values = [as_text(value) if isinstance(value, dict | list) else value for value in values]
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowException, OverflowError, UnicodeError, TypeError):
        return pyarrow.array([as_text(value).encode("utf-8", "surrogatepass") for value in values])
