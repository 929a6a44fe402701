"""The manifest: the noisy labels to train on, the clean ones where they are known, and how they came about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from smkd_cli import arguments
from smkd_cli.artifacts.class_names import named, order_in, problem_with
from smkd_cli.artifacts.files import written_in_one_step
from smkd_cli.artifacts.manifest_checks import check_images, check_index, check_labels, labels_sha256
from smkd_cli.artifacts.manifest_csv import Table, read_csv, write_csv
from smkd_cli.artifacts.manifest_header import MANIFEST_SCHEMA, NOISY_LABEL, check_word
from smkd_cli.artifacts.manifest_parquet import read_parquet, write_parquet
from smkd_cli.artifacts.text_lines import name_of, opened
from smkd_cli.errors import DataError, UsageError
from smkd_cli.limits import MAX_CLASSES, MAX_SAMPLES
from smkd_cli.words import plain

__all__ = ["MANIFEST_SCHEMA", "Manifest", "labels_sha256", "read_manifest", "read_manifest_csv", "write_manifest"]

# Part of the checksum in every version: recipes pin it, and cells are named after it.
_FIRST_SCHEMA = "smkd/manifest/1"


@dataclass(frozen=True, eq=False, kw_only=True)
class Manifest:
    """Labels of one split of a data set, in its row order at writing time; ``docs/formats.md`` describes the file.

    Attributes:
        dataset, split: what the labels belong to.
        classes: number of classes C.
        kind, rate, seed, sampling, transition_matrix: how the noise was made; None where it was not drawn by us.
        noisy_labels: int64 (n,), the labels to train on, each in 0 … C - 1.
        clean_labels: int64 (n,), or None where nobody knows them.
        image: str (n,), unique names of the images, or None where the source names none.
        class_names: the name of each class, by label; None where classes are known by number only.

    Example:
        >>> manifest = smkd.read_manifest(trained / "manifest.csv")  # of a run directory
        >>> manifest.kind, manifest.rate, manifest.classes, len(manifest.noisy_labels)
        ('symmetric', 0.4, 10, 1437)
        >>> f"{manifest.realised_rate:.3f}"
        '0.404'
    """

    dataset: str
    split: str
    classes: int
    kind: str
    rate: float | None
    seed: int | None
    sampling: str | None
    transition_matrix: str | None
    noisy_labels: NDArray[np.int64]
    clean_labels: NDArray[np.int64] | None = None
    image: NDArray[Any] | None = None
    class_names: tuple[str, ...] | None = None

    @cached_property
    def realised_rate(self) -> float | None:
        """The fraction of noisy labels that are wrong; None where the clean ones are not known."""
        return None if self.clean_labels is None else float((self.noisy_labels != self.clean_labels).mean())

    @cached_property
    def header(self) -> dict[str, str]:
        """The ``key: value`` lines of the file, without the names of the classes; a value that is None is empty."""
        clean = self.clean_labels
        values = {
            "schema": MANIFEST_SCHEMA,
            "dataset": self.dataset,
            "split": self.split,
            "classes": self.classes,
            "samples": len(self.noisy_labels),
            "kind": self.kind,
            "rate": None if self.rate is None else float(self.rate),
            "seed": self.seed,
            "sampling": self.sampling,
            "transition_matrix": self.transition_matrix,
            "realised_rate": self.realised_rate,
            "clean_labels_sha256": None if clean is None else labels_sha256(clean),
            "noisy_labels_sha256": labels_sha256(self.noisy_labels),
        }
        return {key: "" if value is None else str(value) for key, value in values.items()}

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the labels and how they came about, whatever the file's format and version and its rows' order.

        The names of the classes are no part of it: earlier versions had none, and are the same labels.
        """
        said = self.header | {"schema": _FIRST_SCHEMA}
        content = hashlib.sha256("\n".join(said.values()).encode())
        for name in () if self.image is None else self.image:
            content.update(f"\n{name}".encode())
        return content.hexdigest()

    def with_classes(self, class_names: Sequence[str]) -> Manifest:
        """The same labels, numbered as a data set numbers its classes: each class keeps its name.

        Args:
            class_names: the data set's, by label. A manifest without names is taken to number them so.

        Raises:
            DataError: the manifest's classes are not those of the data set, by their names or their number.
        """
        if len(class_names) != self.classes:
            raise DataError(f"has {self.classes} classes but the data set has {len(class_names)}")
        ours, theirs = self.class_names, named(class_names)
        if ours is None or theirs is None or ours == theirs:
            return self
        order = np.array(order_in(ours, theirs))
        clean = None if self.clean_labels is None else order[self.clean_labels]
        return replace(self, noisy_labels=order[self.noisy_labels], clean_labels=clean, class_names=theirs)

    def aligned_to(self, image_ids: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """The labels in the order of a data set's images.

        Args:
            image_ids: str (n,), the names of its images. A manifest that names no images is taken to be in that order.

        Returns:
            The noisy labels and, where known, the clean labels: int64 (n,) each.

        Raises:
            DataError: the manifest belongs to another data set, misses an image or has one too many.
        """
        rows = self.rows_of(image_ids)
        return self.noisy_labels[rows], None if self.clean_labels is None else self.clean_labels[rows]

    def rows_of(self, image_ids: NDArray[Any]) -> NDArray[np.int64]:
        """In which row of the manifest each image of a data set stands, int64 (n,); raises as :meth:`aligned_to`."""
        about = f"the manifest of {self.dataset}, {self.split} ({len(self.noisy_labels)} images)"
        if self.image is None:
            if len(image_ids) != len(self.noisy_labels):
                raise DataError(f"{about} does not fit the data set: it has {len(image_ids)} images")
            return np.arange(len(self.noisy_labels))
        ours = {name: row for row, name in enumerate(self.image.tolist())}
        rows = [ours.get(name, -1) for name in image_ids.tolist()]
        missing = [row for row, found in enumerate(rows) if found < 0]
        if len(missing) == len(rows):
            raise DataError(f"{about} belongs to another data set: it has none of the {len(rows)} images")
        if missing:
            raise DataError(
                f"{about} has no row for {len(missing)} images, the first is {plain(image_ids[missing[0]])}"
            )
        extra = ours.keys() - image_ids.tolist() if len(ours) != len(rows) else ()
        if extra:
            first = next(name for name in ours if name in extra)
            raise DataError(
                f"{about} has rows for {len(extra)} images that the data set lacks, the first is {plain(first)}"
            )
        return np.array(rows)


def read_manifest(source: Path | str) -> Manifest:
    """Read and check a manifest: CSV, Parquet by the suffix ``.parquet``, CSV from stdin for ``-``.

    Raises:
        DataError: it cannot be read, or anything in it contradicts the format or itself; the message names the row.
        UsageError: ``source`` is no path.

    Example:
        >>> smkd.read_manifest(trained / "manifest.csv").noisy_labels.shape  # of a run directory
        (1437,)
    """
    path = arguments.path("source", source)
    if path.suffix == ".parquet":
        return _checked(read_parquet(path))
    with opened(source) as stream:
        return read_manifest_csv(stream, name_of(source))


def read_manifest_csv(stream: BinaryIO, name: str) -> Manifest:
    """Read and check a CSV manifest from a seekable stream; ``name`` names it in messages.

    Raises:
        DataError: as :func:`read_manifest`.
    """
    return _checked(read_csv(stream, name))


def write_manifest(destination: Path | str | TextIO, manifest: Manifest) -> None:
    """Write a manifest as CSV, to a path ending in ``.parquet`` as Parquet. A file appears whole or not at all.

    Args:
        destination: a path, or a stream for text.
        manifest: the labels.

    Raises:
        DataError: the labels or images break the format, or the file cannot be written.
        UsageError: an argument is of the wrong type.

    Example:
        >>> noisy_labels = smkd.corrupt_labels([0, 1, 2], kind="symmetric", rate=0.4, classes=3, seed=1)
        >>> facts = dict(dataset="mine", split="train", kind="symmetric", rate=0.4, seed=1, sampling="per-sample")
        >>> manifest = smkd.Manifest(**facts, classes=3, transition_matrix="symmetric", noisy_labels=noisy_labels)
        >>> smkd.write_manifest(scratch / "mine.csv", manifest)
        >>> smkd.read_manifest(scratch / "mine.csv").noisy_labels.tolist() == noisy_labels.tolist()
        True
    """
    if not isinstance(manifest, Manifest):
        raise UsageError(f"manifest should be a Manifest, not {type(manifest).__name__} {manifest!r:.80}")
    if isinstance(destination, str) or not hasattr(destination, "write"):
        destination = arguments.path("destination", destination)

    def place(row: int) -> str:
        return f"row {row + 1}"

    for key in ("dataset", "split", "kind", "sampling", "transition_matrix"):
        check_word(key, getattr(manifest, key), "the manifest")
    if not 2 <= manifest.classes <= MAX_CLASSES or not 1 <= len(manifest.noisy_labels) <= MAX_SAMPLES:
        raise DataError(f"a manifest cannot hold {len(manifest.noisy_labels):,} labels of {manifest.classes:,} classes")
    check_labels(manifest.noisy_labels, NOISY_LABEL, manifest.classes, place)
    if manifest.clean_labels is not None:
        check_labels(manifest.clean_labels, "clean_label", manifest.classes, place)
    if manifest.image is not None:
        check_images(manifest.image, place)
    names = manifest.class_names
    if names is not None and (problem := problem_with(names)):
        raise DataError(f"the manifest cannot name its classes: {problem}")
    if names is not None and len(names) != manifest.classes:
        raise DataError(f"the manifest has {manifest.classes:,} classes, but {len(names):,} names of them")
    columns = manifest.image, manifest.clean_labels, manifest.noisy_labels
    if not isinstance(destination, Path):
        write_csv(destination, manifest.header, *columns, manifest.classes, names)
        return
    with written_in_one_step(destination) as path:
        if destination.suffix == ".parquet":
            write_parquet(path, manifest.header, *columns, names)
        else:
            with path.open("w", encoding="utf-8", newline="\n") as stream:
                write_csv(stream, manifest.header, *columns, manifest.classes, names)


def _checked(table: Table) -> Manifest:
    """The manifest that a table holds, in the order of its index, if it holds one."""
    header = table.header
    classes = header.count("classes", 2)
    check_index(table.index, header.count("samples", 1), table.name, table.place)
    check_labels(table.noisy_labels, header.noisy_column, classes, table.place)
    if table.clean_labels is not None:
        check_labels(table.clean_labels, "clean_label", classes, table.place)
    if table.image is not None:
        check_images(table.image, table.place)
    order = np.argsort(table.index)
    manifest = Manifest(
        dataset=header.values["dataset"],
        split=header.values["split"],
        classes=classes,
        kind=header.values["kind"],
        rate=header.fraction("rate"),
        seed=header.seed(),
        sampling=header.text("sampling"),
        transition_matrix=header.text("transition_matrix"),
        noisy_labels=table.noisy_labels[order],
        clean_labels=None if table.clean_labels is None else table.clean_labels[order],
        image=None if table.image is None else table.image[order],
        class_names=header.class_names(),
    )
    noisy, clean = (manifest.header[key] for key in ("noisy_labels_sha256", "clean_labels_sha256"))
    hashes = ((header.noisy_hash, header.noisy_column, noisy), ("clean_labels_sha256", "clean_label", clean))
    for key, column, found in hashes:
        if header.values.get(key, found) != found:
            raise DataError(
                f"{table.name}: the column {column} is not the one that was written: it does not have the header's"
                f" {key}. If you changed it on purpose, delete the line '# {key}: …'"
            )
    # Labels changed on purpose no longer have the rate that was realised before.
    realised = header.fraction("realised_rate")
    untouched = {"realised_rate", header.noisy_hash, "clean_labels_sha256"} <= header.values.keys()
    if untouched and realised != manifest.realised_rate:
        raise DataError(
            f"{table.name}: realised_rate in the header is {plain(header.values['realised_rate']) or 'empty'},"
            f" but that of the labels is {manifest.header['realised_rate'] or 'not known'}"
        )
    return manifest
