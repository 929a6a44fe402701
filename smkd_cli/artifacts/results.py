"""Results: ``result.json`` of a run directory and score records of ``smkd eval``, read into one type.

Whoever makes tables of results need not know which of the two files a number came from.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from smkd_cli.artifacts.files import publish_text
from smkd_cli.errors import DataError

RESULT_SCHEMA = "smkd/result/1"
SCORES_SCHEMA = "smkd/scores/1"

# Nothing that training measures comes near it, and sums and squares of what is below it are finite.
_LARGEST = 1e15

Percent = Annotated[float, Field(ge=0, le=100)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """What files hold: of exact types, finite, and with keys of later versions passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class Score(Record):
    """Test accuracies (percent) of one epoch: peer A, peer B, their mean, and of the averaged prediction.

    Of the best epoch also what each peer reached at most, in whichever epoch.
    """

    epoch: int | None = None
    a: Percent | None = None
    b: Percent | None = None
    mean: Percent
    ensemble: Percent | None = None
    most_a: Percent | None = None
    most_b: Percent | None = None
    by: str | None = None


class Scores(Record):
    """Accuracies at the last epoch, at the selected one, and at the best one, which is chosen on the test set."""

    last: Score
    selected: Score | None = None
    best: Score | None = None


class Noise(Record):
    """A noise setting; ``seed`` is that of the drawn labels, ``manifest`` the start of a given manifest's SHA-256."""

    kind: str
    rate: Fraction | None = None
    sampling: str | None = None
    seed: int | None = None
    manifest: str | None = None

    @property
    def name(self) -> str:
        """The kind; where labels were given, with the manifest that tells them from others of the kind."""
        return self.kind if self.manifest is None else f"{self.kind} [{self.manifest}]"


def _strict_json(value: dict[str, Any]) -> dict[str, Any]:
    """Raise a ValueError if there is a number in it that is not finite, however deep."""
    json.dumps(value, allow_nan=False)
    return value


Mapped = Annotated[dict[str, Any], AfterValidator(_strict_json)]


class Cell(Record):
    """What was run: one method under one noise setting with one seed."""

    recipe: str
    tables: tuple[str, ...] = ()
    profile: str | None = None
    protocol: str
    label: str
    method: str
    options: Mapped = Field(default_factory=dict)
    dataset: str
    networks: tuple[str, ...]
    epochs: int
    own_protocol: Mapped | None = None
    noise: Noise
    seed: int
    validation_fraction: Fraction = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """A finished or failed cell, or a lone checkpoint that was scored.

    Attributes:
        source: what the user named: a folder, a file, or ``stdin``.
        place: the run directory or checkpoint.
        cell: ``None`` for a checkpoint that no recipe made.
        scores: ``None`` if training failed.
        error: why it failed.
        finished: when, as ISO 8601; empty if not known. Sorts by time.
    """

    source: str
    place: Path
    cell: Cell | None
    scores: Scores | None
    error: str | None = None
    finished: str = ""


@dataclass(slots=True)
class Found:
    """What the sources hold.

    Attributes:
        unfinished: run directories without a result.
        train_split: how many score records were left out because they are of training images.
    """

    results: list[Result] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)
    train_split: int = 0

    def add(self, other: Found) -> None:
        """Take over what ``other`` holds."""
        self.results += other.results
        self.unfinished += other.unfinished
        self.train_split += other.train_split


class _Provenance(Record):
    finished: str = ""


class _ResultRecord(Record):
    status: Literal["finished", "failed"]
    error: str | None = None
    cell: Cell
    scores: Scores | None = None
    provenance: _Provenance = _Provenance()

    @model_validator(mode="after")
    def _finished_has_scores(self) -> Self:
        if (self.status == "finished") != (self.scores is not None):
            raise ValueError("a finished cell has scores and a failed one has none")
        return self


class _Top(Record):
    top1: Percent


class _ScoreRecord(Record):
    checkpoint: str
    split: Literal["train", "test"]
    cell: Cell | None = None
    epochs: Scores | None = None
    networks: dict[str, _Top] = Field(min_length=1)
    mean: _Top
    ensemble: _Top | None = None

    def pair(self) -> Cell | None:
        """The cell; a peer that was scored alone is no result of it and gets a recipe and a protocol of its own."""
        if self.cell is None or len(self.networks) > 1:
            return self.cell
        label, protocol = f"{self.cell.label}, peer {next(iter(self.networks))}", f"{self.cell.protocol}, one network"
        own = {"recipe": "single networks", "tables": (), "label": label, "protocol": protocol}
        return self.cell.model_copy(update=own)

    def scores(self) -> Scores:
        if self.epochs:
            return self.epochs
        a, b = (self.networks[peer].top1 if peer in self.networks else None for peer in ("a", "b"))
        ensemble = self.ensemble.top1 if self.ensemble else None
        return Scores(last=Score(a=a, b=b, mean=self.mean.top1, ensemble=ensemble))


def write_result(path: Path, record: Mapping[str, Any]) -> None:
    """Write ``result.json`` in one step; the schema version is added.

    Raises:
        ValueError: the record is not what ``docs/formats.md`` says, so nobody could read it back.
        DataError: the file cannot be written.
    """
    text = json.dumps({"schema": RESULT_SCHEMA, **record}, indent=2, ensure_ascii=False, allow_nan=False)
    _ResultRecord.model_validate_json(text)
    publish_text(path, text + "\n")


def read_results(source: str) -> Found:
    """Read a folder of run directories, a ``result.json``, or a text file (``-``: stdin) of score records and paths.

    Each line of such a text is a score record, or the path of a run directory or of a folder of them.

    Raises:
        DataError: the source is not there, cannot be read, or holds a damaged record.
    """
    if source == "-":
        return _read_lines(sys.stdin.buffer.read(), "stdin")
    path = Path(source)
    if path.is_dir():
        return _read_folder(path, source)
    if path.suffix == ".json":
        return _read_record(_bytes_of(path), source, where=str(path), place=path.parent)
    return _read_lines(_bytes_of(path), source)


def read_metrics(run_directory: Path, *columns: str) -> list[tuple[float, ...]]:
    """The named columns of ``metrics.csv``: finite numbers, a tuple for each epoch from 1 on.

    Raises:
        DataError: the file is missing, damaged or torn, lacks a column, or a number in it is not known.
    """
    import csv

    path = run_directory / "metrics.csv"
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = stream.readlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
        missing = [column for column in ("epoch", *columns) if column not in header]
        if missing:
            raise ValueError(f"there is no column {missing[0]!r}")
        rows = [_numbers(header, row, columns, epoch) for epoch, row in enumerate(reader, start=1)]
        if not lines[-1].endswith("\n"):
            raise ValueError("it has no end, so the row was torn")
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}; train the cell again") from error
    return rows


def _numbers(header: Sequence[str], fields: Sequence[str], columns: Sequence[str], epoch: int) -> tuple[float, ...]:
    """The named fields of a row as numbers; a ValueError if it is not the row of that epoch."""
    if len(fields) != len(header):
        raise ValueError(f"it has {len(fields)} fields, but the header has {len(header)}")
    row = dict(zip(header, fields, strict=True))
    if row["epoch"] != str(epoch):
        raise ValueError(f"it is not the row of epoch {epoch}")
    numbers = tuple(float(row[column]) for column in columns)
    for column, number in zip(columns, numbers, strict=True):
        if not abs(number) < _LARGEST:
            raise ValueError(f"{column} is {number}")
    return numbers


def _read_folder(folder: Path, source: str) -> Found:
    found = Found()
    for place, finished in _run_directories(folder, {os.path.realpath(folder)}):
        if finished:
            path = place / "result.json"
            found.add(_read_record(_bytes_of(path), source, where=str(path), place=place))
        else:
            found.unfinished.append(place)
    return found


def _run_directories(folder: Path, seen: set[str]) -> Iterator[tuple[Path, bool]]:
    """Each run directory in ``folder`` or below it, by name, and whether it has a result."""
    try:
        with os.scandir(folder) as scan:
            entries = {entry.name: entry for entry in scan}
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from error
    if "result.json" in entries:
        yield folder, True
    elif "recipe.yaml" in entries and entries.keys() & {"manifest.csv", "metrics.csv"}:
        yield folder, False
    else:
        for name in sorted(entries):
            if entries[name].is_dir():
                below = folder / name
                if entries[name].is_symlink():
                    # A link may lead back to a folder above it.
                    target = os.path.realpath(below)
                    if target in seen:
                        continue
                    seen.add(target)
                yield from _run_directories(below, seen)


def _read_lines(content: bytes, source: str) -> Found:
    found = Found()
    for number, line in enumerate(content.splitlines(), start=1):
        where = f"{source}, line {number}"
        text = line.strip()
        if text.startswith(b"{"):
            found.add(_read_record(text, source, where=where, place=Path()))
        elif text:
            path = Path(text.decode("utf-8", "surrogateescape"))
            if not path.is_dir():
                raise DataError(f"{where}: {str(path)!r} is neither a score record nor a run directory")
            found.add(_read_folder(path, source))
    return found


def _read_record(content: bytes, source: str, *, where: str, place: Path) -> Found:
    try:
        schema = _Schema.model_validate_json(content).schema_version
        if schema == RESULT_SCHEMA:
            run = _ResultRecord.model_validate_json(content)
            result = Result(source, place, run.cell, run.scores, run.error, run.provenance.finished)
            return Found([result])
        if schema == SCORES_SCHEMA:
            scored = _ScoreRecord.model_validate_json(content)
            if scored.split == "train":
                return Found(train_split=1)
            return Found([Result(source, Path(scored.checkpoint), scored.pair(), scored.scores())])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise DataError(f"{where}: damaged: {key + ': ' if key else ''}{first['msg']}; {_remedy(where)}") from error
    raise DataError(
        f"{where}: schema {schema!r} is not known; this version of smkd reads {RESULT_SCHEMA} and {SCORES_SCHEMA}"
    )


class _Schema(Record):
    schema_version: str = Field(alias="schema")


def _remedy(where: str) -> str:
    if where.endswith("result.json"):
        return "delete the run directory and run smkd train again"
    return "make the record again with smkd eval"


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
