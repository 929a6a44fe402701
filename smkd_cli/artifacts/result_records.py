"""The two kinds of record that hold results, ``result.json`` and a line of ``smkd eval``, from and to their bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from smkd_cli.artifacts.files import read_regular, write_text
from smkd_cli.artifacts.foreign import pointer_in
from smkd_cli.artifacts.result_types import CellRecord, ClassScores, Percent, Record, Score, Scores, Word
from smkd_cli.words import in_json, printable, shortened

RESULT_SCHEMA = "smkd/result/2"
EARLIER_RESULT_SCHEMA = "smkd/result/1"  # other names for the maxima of the peers
SCORES_SCHEMA = "smkd/scores/1"
# A record of ours is some kilobytes.
LARGEST_RECORD = 1 << 24
# A record that names more classes would be too large; the manifest beside it names them.
MOST_CLASSES = 10_000
BOM = b"\xef\xbb\xbf"
_LONGEST_ERROR = 1000
# What a record of ours begins with, should it be cut.
_MARKS = (b'"smkd/result/', b'"smkd/scores/')


class DamagedError(ValueError):
    """The record is ours, and something is wrong with it."""


class ForeignError(ValueError):
    """This is no record of ours."""


class Provenance(Record):
    """The part of a result's provenance that is read: when it was finished, and SHA-256 of a method's files."""

    finished: Word = ""
    method_files: dict[str, str] = Field(default_factory=dict)


class ResultRecord(Record):
    """``result.json``."""

    schema_version: Literal["smkd/result/1", "smkd/result/2"] = Field(alias="schema")
    status: Literal["finished", "failed"]
    error: Annotated[str, AfterValidator(lambda text: shortened(printable(text), _LONGEST_ERROR))] | None = None
    cell: CellRecord
    scores: Scores | None = None
    classes: ClassScores | None = None
    provenance: Provenance = Field(default_factory=Provenance)

    @model_validator(mode="after")
    def _finished_has_scores(self) -> Self:
        if (self.status == "finished") != (self.scores is not None):
            raise ValueError("a finished cell has scores and a failed one has none")
        return self


class _Top(Record):
    top1: Percent
    macro: Percent | None = None
    per_class: tuple[Percent | None, ...] = ()


class ScoreRecord(Record):
    """A line of ``smkd eval``."""

    schema_version: Literal["smkd/scores/1"] = Field(alias="schema")
    checkpoint: Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
    split: Literal["train", "test"]
    cell: CellRecord | None = None
    epochs: Scores | None = None
    networks: dict[Literal["a", "b"], _Top] = Field(min_length=1)
    mean: _Top
    ensemble: _Top | None = None
    class_names: tuple[Word, ...] | None = None

    def by_class(self) -> tuple[tuple[str, float | None], ...]:
        """The name of each class, or its number, and its accuracy, the mean of the networks."""
        found = [top.per_class for top in self.networks.values()]
        names = self.class_names or tuple(map(str, range(min(map(len, found)))))
        return tuple(zip(names, map(_mean_of, *found), strict=False)) if all(found) else ()

    def pair(self) -> CellRecord | None:
        """The cell; a peer that was scored alone is no result of it and gets a recipe and a protocol of its own."""
        if self.cell is None or len(self.networks) > 1:
            return self.cell
        label, protocol = f"{self.cell.label}, peer {next(iter(self.networks))}", f"{self.cell.protocol}, one network"
        own = {"recipe": "single networks", "tables": (), "label": label, "protocol": protocol}
        return self.cell.model_copy(update=own)

    def scores(self) -> Scores:
        """The scores of all epochs, or those that were measured now as those of the last one."""
        now: dict[str, _Top | None] = dict(self.networks.items())
        now |= {"mean": self.mean, "ensemble": self.ensemble}
        macro = {f"macro_{whose}": top.macro for whose, top in now.items() if top}
        if self.epochs is None:
            top1 = {whose: top.top1 for whose, top in now.items() if top}
            return Scores(last=Score.model_validate(top1 | macro))
        if self.epochs.last.macro_mean is None:  # a result of an earlier version, of networks that are scored by this
            return self.epochs.model_copy(update={"last": self.epochs.last.model_copy(update=macro)})
        return self.epochs


def _mean_of(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


class _Schema(Record):
    schema_version: str = Field(alias="schema")


_KINDS: dict[str, type[ResultRecord | ScoreRecord]] = {
    RESULT_SCHEMA: ResultRecord,
    EARLIER_RESULT_SCHEMA: ResultRecord,
    SCORES_SCHEMA: ScoreRecord,
}


def write_result(path: Path, record: Mapping[str, Any]) -> None:
    """Write ``result.json`` in one step; the schema version is added.

    Raises:
        ValueError: the record does not match ``docs/formats.md``, so it could not be read back.
        DataError: the file cannot be written.
    """
    content = {"schema": RESULT_SCHEMA, **record}
    text = in_json(_on_few_lines(content))
    ResultRecord.model_validate_json(text)
    write_text(path, text + "\n")


def _on_few_lines(content: Mapping[str, Any]) -> str:
    """A record as JSON, a line per value, but one for each list of values of all classes."""
    text = json.dumps({**content, "classes": None}, indent=2, ensure_ascii=False, allow_nan=False)
    if "classes" not in content:
        return text.replace(',\n  "classes": null', "")
    lines = [f'    "{key}": {json.dumps(values, ensure_ascii=False)}' for key, values in content["classes"].items()]
    whole = ",\n".join(lines)
    return text.replace('  "classes": null', f'  "classes": {{\n{whole}\n  }}')


def read_record(content: bytes) -> ResultRecord | ScoreRecord:
    """The record in these bytes.

    Raises:
        ForeignError: they are no record of ours.
        DamagedError: they are one, but cut, of another version, or with values that no result has.
    """
    content = content.removeprefix(BOM)  # which editors put there
    if what := pointer_in(content):
        raise DamagedError(what)
    likely = SCORES_SCHEMA if SCORES_SCHEMA.encode() in content else RESULT_SCHEMA
    try:
        return _KINDS[likely].model_validate_json(content)
    except ValidationError as error:
        schema = _schema_of(content)
        if schema == likely:
            raise DamagedError(_first_problem(error)) from error
    try:
        return _KINDS[schema].model_validate_json(content)
    except ValidationError as error:
        raise DamagedError(_first_problem(error)) from error


def _schema_of(content: bytes) -> str:
    """The schema that a record names, if it is one of ours; raises as :func:`read_record`."""
    try:
        schema = _Schema.model_validate_json(content).schema_version
    except ValidationError as error:
        ours = any(mark in content for mark in _MARKS)
        raise (DamagedError if ours else ForeignError)(_first_problem(error)) from error
    if not schema.startswith("smkd/"):
        raise ForeignError(f"schema {shortened(schema)!r} is not one of smkd")
    if schema not in _KINDS:
        known = ", ".join(_KINDS)
        raise DamagedError(f"schema {shortened(schema)!r} is not known; this version of smkd reads {known}")
    return schema


def read_result(path: Path) -> ResultRecord | ScoreRecord:
    """The record in a file; raises as :func:`read_record`, and OSError."""
    content = read_regular(path, LARGEST_RECORD)
    if content is None:
        larger = path.is_file()
        raise ForeignError(f"is larger than {LARGEST_RECORD >> 20} MiB" if larger else "is no regular file")
    return read_record(content)


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(map(str, first["loc"]))
    return shortened(printable(f"{key + ': ' if key else ''}{first['msg'].removeprefix('Value error, ')}"))
