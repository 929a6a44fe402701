"""``samples.safetensors``: records of every training sample, written beside a cell's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from smkd_cli.artifacts.results import Record
from smkd_cli.artifacts.tensors import load_as, save_tensors
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES, MAX_SAMPLES
from smkd_cli.words import plain, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

SAMPLES_SCHEMA = "smkd/samples/1"
PEERS = ("a", "b")
_COUNTS, _NUMBERS = (
    ("seen", "predicted", "sent", "refined_class"),
    ("margin", "probability", "refined_mass"),
)


class SamplesFacts(Record):
    """The facts of the file.

    Attributes:
        manifest_sha256: of the run directory's manifest; samples stand in its order.
        samples: n.
        classes: C.
    """

    manifest_sha256: str
    samples: Annotated[int, Field(ge=1, le=MAX_SAMPLES)]
    classes: Annotated[int, Field(ge=2, le=MAX_CLASSES)]


@dataclass(frozen=True, eq=False)
class SampleRecord:
    """Of one peer, (n,) each, over the epochs since its weights last began anew.

    Attributes:
        seen: int32, epochs in which the sample was trained on; 0 where it was held out.
        margin: float32, mean margin of the noisy label: its logit less the largest other; not a number if never seen.
        probability: float32, mean probability of the noisy label; not a number if never seen.
        predicted: int32, epochs in which the noisy label was the prediction.
        sent: int32, epochs in which the peer taught the other by this sample.
        refined_class: int32, class of the last refined label; -1 if never seen.
        refined_mass: float32, mass of the last refined label on the noisy label; not a number if never seen.
    """

    seen: NDArray[np.int32]
    margin: NDArray[np.float32]
    probability: NDArray[np.float32]
    predicted: NDArray[np.int32]
    sent: NDArray[np.int32]
    refined_class: NDArray[np.int32]
    refined_mass: NDArray[np.float32]


_FACTS = TypeAdapter(SamplesFacts)


def write_samples(path: Path, tensors: Mapping[str, Tensor], manifest_sha256: str, classes: int) -> None:
    """Publish what was kept of every sample, (n,) tensors by ``a.`` or ``b.`` and a name of :class:`SampleRecord`.

    Raises:
        DataError: the file cannot be written.
    """
    count = len(tensors[f"a.{_COUNTS[0]}"])
    facts: dict[str, Any] = {"manifest_sha256": manifest_sha256, "samples": count, "classes": classes}
    save_tensors(path, tensors, SAMPLES_SCHEMA, facts)


def read_samples(path: Path) -> tuple[SampleRecord, SampleRecord, SamplesFacts]:
    """What was kept of every sample, of peer A and of peer B.

    Raises:
        DataError: the file is missing, damaged, or none of samples.
    """
    tensors, facts = load_as(path, SAMPLES_SCHEMA, _FACTS)
    types = dict.fromkeys(_COUNTS, "int32") | dict.fromkeys(_NUMBERS, "float32")
    wanted = {f"{peer}.{name}": (kind, (facts.samples,)) for peer in PEERS for name, kind in types.items()}
    found = {name: (str(value.dtype).rpartition(".")[2], tuple(value.shape)) for name, value in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise DataError(f"{shown(path)}: damaged: {plain(name)} is not what {facts.samples:,} samples have")
    for peer in PEERS:
        _check_counts(path, peer, tensors, facts.classes)
    a, b = (SampleRecord(**{name: tensors[f"{peer}.{name}"].numpy() for name in types}) for peer in PEERS)
    return a, b, facts


def _check_counts(path: Path, peer: str, tensors: Mapping[str, Tensor], classes: int) -> None:
    seen = tensors[f"{peer}.seen"]
    for name in ("seen", "predicted", "sent"):
        counts = tensors[f"{peer}.{name}"]
        if bool((counts < 0).any()) or bool((counts > seen).any()):
            raise DataError(f"{shown(path)}: damaged: {peer}.{name} has counts below 0 or above the epochs")
    refined = tensors[f"{peer}.refined_class"]
    if bool((refined < -1).any()) or bool((refined >= classes).any()):
        raise DataError(f"{shown(path)}: damaged: {peer}.refined_class is not one of {classes} classes")
