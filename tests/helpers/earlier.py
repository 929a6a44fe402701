"""Manifests as the first version of the format has them: its column of noisy labels is ``label``."""

from __future__ import annotations

from pathlib import Path

_NEW_AND_OLD = (
    ("# schema: smkd/manifest/3\n", "# schema: smkd/manifest/1\n"),
    ("# noisy_labels_sha256: ", "# labels_sha256: "),
    ("index,image,clean_label,noisy_label\n", "index,image,clean_label,label\n"),
)


def first_version(text: str) -> str:
    """The text of a CSV manifest, in the first version of the format, which has no names of classes."""
    text = "".join(line for line in text.splitlines(True) if not line.startswith("# class "))
    for new, old in _NEW_AND_OLD:
        assert text.count(new) == 1
        text = text.replace(new, old)
    return text


def to_first_version(path: Path) -> None:
    """Write a CSV or Parquet manifest again, in the first version of the format."""
    if path.suffix != ".parquet":
        path.write_text(first_version(path.read_text()))
        return
    from pyarrow import parquet

    table = parquet.read_table(path)
    said = dict(table.schema.metadata)
    said[b"schema"], said[b"labels_sha256"] = b"smkd/manifest/1", said.pop(b"noisy_labels_sha256")
    said.pop(b"class_names", None)
    table = table.rename_columns(["index", "image", "clean_label", "label"])
    parquet.write_table(table.replace_schema_metadata(said), path)
