"""A peer's file: its final weights, and facts about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter

from smkd_cli.artifacts.results import CellRecord, Record
from smkd_cli.artifacts.run_directory import PEER_SCHEMA, RunDirectory
from smkd_cli.artifacts.tensors import load_as, read_facts
from smkd_cli.errors import DataError
from smkd_cli.words import plain, shown

if TYPE_CHECKING:
    from torch import Tensor

_MOST_RULES = 100
Number = Annotated[float, Field(strict=False, allow_inf_nan=True)]


class FrozenRecord(Record):
    """The frozen network whose features a head was trained on; ``other`` is that of peer B, where it is another."""

    network: str
    weights: str
    weights_sha256: str
    other: FrozenRecord | None = None


class RuleRecord(BaseModel):
    """A rule of the augmentation: its name, and its options as further keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", allow_inf_nan=False)

    name: str


class TrainedCell(CellRecord):
    """What was run, as far as scoring needs to know it.

    ``validation_fraction`` of the samples were held out; ``source`` says where one's own images are,
    ``frozen`` whose features of them it was trained on, and ``test_rules`` what of its augmentation test images have.
    """

    classes: int | None = None
    source: dict[str, Any] | None = None
    frozen: FrozenRecord | None = None
    test_rules: Annotated[tuple[RuleRecord, ...], Field(max_length=_MOST_RULES)] = ()
    validation_fraction: Annotated[float, Field(ge=0, lt=1)]
    seed: Annotated[int, Field(ge=0)]


class WrittenBy(Record):
    """The part of the provenance that scoring needs to know."""

    precision: Literal["float32", "tf32", "bfloat16"]


class PeerFacts(Record):
    """The facts of a peer's file.

    Attributes:
        network: its name.
        cell: what was run.
        record: the cell as it stands there, with all its keys.
        memory: single numbers that the method remembered, by name.
    """

    network: str
    peer: Literal["a", "b"]
    cell: TrainedCell
    record: dict[str, Any] = Field(validation_alias=AliasChoices("cell"))
    memory: dict[str, Number]
    written_by: WrittenBy


_FACTS = TypeAdapter(PeerFacts)


def peer_file(path: Path) -> Path:
    """The file of a trained network: itself, or peer A of a run directory."""
    return RunDirectory(path).peer("a") if path.is_dir() else path


def read_peer_facts(path: Path) -> PeerFacts:
    """The facts of a peer's file alone, without torch. Its checksum is left to who reads the weights.

    Raises:
        DataError: the file is missing, damaged, or no peer's.
    """
    return read_facts(path, PEER_SCHEMA, _FACTS)


def load_peer(path: Path) -> tuple[dict[str, Tensor], PeerFacts]:
    """Weights by name, on the CPU, and facts.

    Raises:
        DataError: the file is missing, damaged, no peer's, or its weights are not finite.
    """
    weights, facts = load_as(path, PEER_SCHEMA, _FACTS)
    for name, weight in weights.items():
        # double, because isfinite does not support every type that a file may hold
        if weight.is_floating_point() and not weight.double().isfinite().all():
            raise DataError(f"{shown(path)}: {plain(name)} is not finite: its training diverged")
    return weights, facts


def describe_memory(memory: dict[str, float]) -> dict[str, float | str]:
    """``PeerFacts.memory`` as JSON has it, which knows no number that is not finite."""
    return {name: value if abs(value) < float("inf") else str(value) for name, value in memory.items()}
