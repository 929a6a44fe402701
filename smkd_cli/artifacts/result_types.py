"""What a result is, whichever file it came from.

Words of a record are printable and of bounded length once they are read, and numbers are finite: code that shows them
need not check them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field

from smkd_cli.words import LONGEST_WORD, printable, shortened

# An option may be a path.
_LONGEST_OPTION = 1000


def _word(text: str) -> str:
    # Ten thousand results have a hundred thousand words, nearly all of them as they should be.
    return text if len(text) <= LONGEST_WORD and text.isprintable() else shortened(printable(text))


def _option(value: Any) -> Any:
    """An option of a method as JSON has it, of numbers that are a float too and of printable words."""
    if isinstance(value, str):
        return shortened(printable(value), _LONGEST_OPTION)
    if isinstance(value, list):
        return [_option(item) for item in value]
    if isinstance(value, dict):
        return {_word(name): _option(item) for name, item in value.items()}
    if isinstance(value, int | float) and not abs(value) < float("inf"):
        raise ValueError("should be a finite number")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError("is too large a number")
    return value


_LARGEST = 2**1023
Word = Annotated[str, AfterValidator(_word)]
Option = Annotated[Any, AfterValidator(_option)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Percent = Annotated[float, Field(ge=0, le=100)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """A part of a record; what this version does not know is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class Score(Record):
    """Test accuracies (percent) of one epoch: peer A, peer B, their mean, and of the averaged prediction.

    Those with ``macro_`` are averaged over the classes, each of which counts the same; earlier versions had none.
    Of the best epoch also the maximum of each peer, in whichever epoch (``most_a`` in results of version 1).
    """

    epoch: Count | None = None
    a: Percent | None = None
    b: Percent | None = None
    mean: Percent
    ensemble: Percent | None = None
    macro_a: Percent | None = None
    macro_b: Percent | None = None
    macro_mean: Percent | None = None
    macro_ensemble: Percent | None = None
    max_a: Annotated[Percent | None, Field(validation_alias=AliasChoices("max_a", "most_a"))] = None
    max_b: Annotated[Percent | None, Field(validation_alias=AliasChoices("max_b", "most_b"))] = None
    by: Word | None = None


class Selection(Record):
    """What the peers sent in one epoch: which share of what both could, and which part of it was right.

    ``precision`` is that of the selection: where the refined label points to the clean one; None if that is not known,
    or nothing was sent.
    """

    epoch: Count
    share: Fraction
    precision: Fraction | None = None


class Sent(Record):
    """Knowledge sent at a quarter, the half and the end of the epochs."""

    quarter: Selection
    half: Selection
    end: Selection


class Scores(Record):
    """Accuracies at the last epoch, at the selected one, and at the best one, which is chosen on the test set.

    ``sent`` is None where the method sends nothing.
    """

    last: Score
    selected: Score | None = None
    best: Score | None = None
    sent: Sent | None = None


class ClassScores(Record):
    """Of each class its name, and the accuracy of each peer on its test images at the last epoch, None without any."""

    names: tuple[Word, ...]
    accuracy_a: tuple[Percent | None, ...]
    accuracy_b: tuple[Percent | None, ...]

    def by_class(self) -> tuple[tuple[str, float | None], ...]:
        """The name of each class and its accuracy, the mean of the peers."""
        both = zip(self.names, self.accuracy_a, self.accuracy_b, strict=False)
        return tuple((name, None if a is None or b is None else (a + b) / 2) for name, a, b in both)


class Noise(Record):
    """A noise setting; ``seed`` is that of the drawn labels, ``manifest`` the start of a given manifest's SHA-256."""

    kind: Word
    rate: Fraction | None = None
    sampling: Word | None = None
    seed: Count | None = None
    manifest: Word | None = None

    @property
    def name(self) -> str:
        """The kind; where labels were given, with the manifest, which distinguishes them from others of the kind."""
        return self.kind if self.manifest is None else f"{self.kind} [{self.manifest}]"


class _Extended(Record):
    """Keys beside the named ones are kept: they distinguish ways of training."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Option]


class OwnOptimizer(_Extended):
    name: Word
    lr: float


class OwnSchedule(_Extended):
    name: Word


class OwnProtocol(_Extended):
    """How a method was trained where that differs from the table; only what differs is given."""

    epochs: Count | None = None
    batch_size: Count | None = None
    optimizer: OwnOptimizer | None = None
    schedule: OwnSchedule | None = None
    augmentation: Option = None
    sampler: Word | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The keys that the record gives."""
        return self.model_dump(exclude_unset=True)


class CellRecord(Record):
    """What was run: one method under one noise setting with one seed."""

    recipe: Word
    tables: tuple[Word, ...] = ()
    profile: Word | None = None
    protocol: Word
    label: Word
    method: Annotated[str, AfterValidator(_option)]
    options: dict[Word, Option] = Field(default_factory=dict)
    dataset: Word
    networks: Annotated[tuple[Word, ...], Field(max_length=2)]
    epochs: Count
    own_protocol: OwnProtocol | None = None
    noise: Noise
    seed: Count
    validation_fraction: Fraction = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """A finished or failed cell, or a lone checkpoint that was scored.

    Attributes:
        source: what the user named: a folder, a file, or ``stdin``.
        path: the run directory or checkpoint.
        cell: ``None`` for a checkpoint that no recipe made.
        scores: ``None`` if training failed.
        error: why it failed.
        finished: when, as ISO 8601; empty if not known. Sorts by time.
        by_class: the name of each class and its accuracy, None without test images; empty if not known.
    """

    source: str
    path: Path
    cell: CellRecord | None
    scores: Scores | None
    error: str | None = None
    finished: str = ""
    by_class: tuple[tuple[str, float | None], ...] = ()


@dataclass(slots=True)
class FoundResults:
    """What the sources hold.

    Attributes:
        unfinished: run directories without a result.
        train_split: how many score records were left out because they are of training images.
        damaged: records of ours that cannot be used, each as where it is and why.
        foreign: files named as a result that are not of smkd.
    """

    results: list[Result] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)
    train_split: int = 0
    damaged: list[str] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)

    def add(self, other: FoundResults) -> None:
        """Take over what ``other`` holds."""
        self.results += other.results
        self.unfinished += other.unfinished
        self.train_split += other.train_split
        self.damaged += other.damaged
        self.foreign += other.foreign
