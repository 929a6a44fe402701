"""metrics.csv: a row per epoch, appended as it happens, rewritten from the checkpoint when a cell resumes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smkd_cli.artifacts.files import sync, write_text
from smkd_cli.errors import DataError
from smkd_cli.words import shown

COLUMNS = (
    "epoch",
    "stage",
    "lr",
    *(
        f"{name}_{peer}"
        for name in ("loss", "train_accuracy", "clean_accuracy", "validation_accuracy")
        for peer in "ab"
    ),
    *(f"test_{name}_{who}" for name in ("accuracy", "macro_accuracy") for who in ("a", "b", "ensemble")),
    "threshold",
    *(f"{what}_{way}" for what in ("sent", "precision") for way in ("a_to_b", "b_to_a")),
    *(f"{name}_{peer}" for name in ("trust", "certainty") for peer in "ab"),
    "seconds",
    "images_per_second",
    "mfu",
)


class MetricsFile:
    """The metrics of one cell; an unknown value is an empty field."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def restart(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the file anew with these rows."""
        write_text(self.path, self._text(rows, header=True))

    def append(self, row: Mapping[str, Any]) -> None:
        """Add the row of an epoch that has just ended.

        Raises:
            DataError: the file cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf-8", newline="") as stream:
                stream.write(self._text([row], header=False))
        except OSError as error:
            raise DataError(f"{shown(self.path)}: cannot be written: {error.strerror}") from error

    def sync(self) -> None:
        """Wait until all rows are on the disk.

        Raises:
            DataError: the file cannot be written there.
        """
        try:
            sync(self.path)
        except OSError as error:
            raise DataError(f"{shown(self.path)}: cannot be written: {error.strerror}") from error

    @staticmethod
    def _text(rows: Sequence[Mapping[str, Any]], header: bool) -> str:
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(rows)
        return stream.getvalue()
