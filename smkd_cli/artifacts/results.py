"""Results, from folders of run directories, from score records and from lists of paths, as one type.

Whoever makes tables of results need not know which of the files a number came from. What is not of smkd is passed over,
and so is a record of ours that cannot be used; both are reported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from smkd_cli.artifacts.foreign import pointer_in
from smkd_cli.artifacts.result_records import (
    BOM,
    LARGEST_RECORD,
    MOST_CLASSES,
    RESULT_SCHEMA,
    SCORES_SCHEMA,
    DamagedError,
    ForeignError,
    ResultRecord,
    ScoreRecord,
    read_record,
    read_result,
    write_result,
)
from smkd_cli.artifacts.result_types import CellRecord, FoundResults, Noise, Record, Result, Score, Scores, Sent
from smkd_cli.errors import DataError
from smkd_cli.words import printable, quoted, shown

__all__ = [
    "MOST_CLASSES",
    "RESULT_SCHEMA",
    "SCORES_SCHEMA",
    "CellRecord",
    "FoundResults",
    "Noise",
    "Record",
    "Result",
    "Score",
    "Scores",
    "Sent",
    "read_results",
    "write_result",
]


def read_results(source: str) -> FoundResults:
    """Read a folder of run directories, a ``result.json``, or a text file (``-``: stdin) of score records and paths.

    Each line of such a text is a score record, or the path of a run directory or of a folder of them.

    Raises:
        DataError: the source is not there, cannot be read, or has a line that is neither record nor folder.
    """
    if source == "-":
        return _read_lines(sys.stdin.buffer, "stdin")
    path = Path(source)
    try:
        if path.is_dir():
            next(path.iterdir(), None)  # a folder that is named has to be readable; one below it is passed over
            return _read_folder(path, source)
        if path.suffix == ".json":
            return _read_file(path, source, in_run=False)
        with path.open("rb") as stream:
            return _read_lines(stream, source)
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        raise DataError(f"{shown(source)}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _read_folder(folder: Path, source: str) -> FoundResults:
    """All results in a folder or below it, by name."""
    found = FoundResults()
    seen = {os.path.realpath(folder)}
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                entries = {entry.name: entry for entry in scan}
        except OSError as error:
            found.damaged.append(f"{printable(str(folder))}: cannot be read: {error.strerror or error}")
            continue
        begun = "recipe.yaml" in entries and bool(entries.keys() & {"manifest.csv", "metrics.csv"})
        if "result.json" in entries:
            here = _read_file_in_folder(folder / "result.json", source, begun)
            found.add(here)
            if not here.foreign:
                continue
        elif begun:
            found.unfinished.append(folder)
            continue
        waiting += reversed(list(_folders_in(folder, entries, seen, found.damaged)))
    return found


def _folders_in(
    folder: Path, entries: dict[str, os.DirEntry[str]], seen: set[str], damaged: list[str]
) -> Iterator[Path]:
    for name in sorted(entries):
        try:
            is_folder = entries[name].is_dir()
        except OSError as error:  # of a link: it leads to itself, below a file, or to a folder without permission
            damaged.append(f"{printable(str(folder / name))}: cannot be read: {error.strerror or error}")
            continue
        if is_folder:
            if entries[name].is_symlink():
                # A link may lead back to a folder above it.
                target = os.path.realpath(folder / name)
                if target in seen:
                    continue
                seen.add(target)
            yield folder / name


def _read_file_in_folder(path: Path, source: str, in_run: bool) -> FoundResults:
    try:
        return _read_file(path, source, in_run=in_run)
    except OSError as error:
        return FoundResults(damaged=[f"{printable(str(path))}: cannot be read: {error.strerror or error}"])


def _read_file(path: Path, source: str, *, in_run: bool) -> FoundResults:
    """A ``result.json``; in a run directory it is one of ours, whatever is in it."""
    try:
        return _result(read_result(path), source, path.parent)
    except ForeignError as error:
        if not in_run:
            return FoundResults(foreign=[path])
        why = str(error)
    except DamagedError as error:
        why = str(error)
    return FoundResults(damaged=[f"{printable(str(path))}: damaged: {why}"])


def _read_lines(stream: BinaryIO, source: str) -> FoundResults:
    found = FoundResults()
    number = 0
    while line := stream.readline(LARGEST_RECORD + 1):
        number += 1
        if len(line) > LARGEST_RECORD:
            raise DataError(
                f"{shown(source)}, line {number}: is longer than {LARGEST_RECORD >> 20} MiB, so it is no score record"
            )
        text = line.removeprefix(BOM).strip()
        if text.startswith(b"{"):
            try:
                found.add(_result(read_record(text), source, Path()))
            except (ForeignError, DamagedError) as error:
                found.damaged.append(f"{printable(source)}, line {number}: damaged: {error}")
        elif text:
            found.add(_read_folder(_folder_named(text, f"{shown(source)}, line {number}"), source))
    return found


def _folder_named(text: bytes, where: str) -> Path:
    path = Path(os.fsdecode(text))
    with suppress(OSError):  # a name longer than the system allows
        if path.is_dir():
            return path
    if what := pointer_in(text):
        raise DataError(f"{where}: {what}")
    hint = next((hint for start, hint in _NO_LINES if text.startswith(start)), "")
    raise DataError(f"{where}: {quoted(path)} is neither a score record nor a run directory{hint}")


# What people take for a file of records, by what it begins with.
_NO_LINES = (
    (b"[", "; of a JSON array, each record must stand on a line of its own"),
    (b'"', "; a record must stand on one line"),
    (b"\xff\xfe", "; text in UTF-16 must be saved as UTF-8"),
    (b"\xfe\xff", "; text in UTF-16 must be saved as UTF-8"),
    (b"\x1f\x8b", "; unpack it first (gunzip)"),
)


def _result(record: ResultRecord | ScoreRecord, source: str, folder: Path) -> FoundResults:
    if isinstance(record, ResultRecord):
        finished = record.provenance.finished
        by_class = record.classes.by_class() if record.classes else ()
        return FoundResults([Result(source, folder, record.cell, record.scores, record.error, finished, by_class)])
    if record.split == "train":
        return FoundResults(train_split=1)
    path, by_class = Path(record.checkpoint), record.by_class()
    return FoundResults([Result(source, path, record.pair(), record.scores(), by_class=by_class)])
