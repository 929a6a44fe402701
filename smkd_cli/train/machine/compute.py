"""The compute configuration of a cell: a recipe's ``compute`` section, resolved for one device.

It does not import torch, so records can be read and written quickly.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from smkd_cli.recipe import Recipe


@dataclass(frozen=True)
class ComputeConfig:
    """The compute configuration of a cell, with nothing left to ``auto``: all settings that can change a result's bits.

    Attributes:
        device: ``cpu`` or ``cuda``.
        threads: processor threads of the cell.
        precision: of the networks: ``float32``, ``tf32`` (float32 with its products in TF32) or ``bfloat16``
            (autocast); losses and updates are float32 always.
        memory_format: of images and weights, ``channels_last`` or ``contiguous``.
        peers: ``in_turn`` or ``side_by_side`` (two threads with half of ``threads`` each, or two CUDA streams).
        step: ``eager``, ``captured`` (one CUDA graph) or ``compiled`` (compiled networks; on CUDA captured too).
        deterministic: only algorithms that give the same bits every time, on CUDA (on a CPU all do).
        matrix_peak: floating-point operations per second of a large matrix product with these threads and this
            precision, measured; None where it was not.
    """

    device: Annotated[str, Field(pattern="^(cpu|cuda)$")]
    threads: Annotated[int, Field(ge=1)]
    precision: Annotated[str, Field(pattern="^(float32|tf32|bfloat16)$")]
    memory_format: Annotated[str, Field(pattern="^(channels_last|contiguous)$")]
    peers: Annotated[str, Field(pattern="^(in_turn|side_by_side)$")]
    step: Annotated[str, Field(pattern="^(eager|captured|compiled)$")]
    deterministic: bool = False
    matrix_peak: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def record(self) -> dict[str, Any]:
        """The values by name, as JSON-able types."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: object) -> ComputeConfig | None:
        """The inverse of :meth:`record`, ignoring unknown keys; None if the record is not valid."""
        try:
            return TypeAdapter(cls).validate_python(record)
        except ValidationError:
            return None


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def first_choice(recipe: Recipe, device: str) -> ComputeConfig:
    """The configuration that needs no measuring: the recipe's values, and the device's usual best for each ``auto``."""
    wanted = recipe.compute
    threads = cores() if wanted.threads == "auto" else int(wanted.threads)
    precision = {"cpu": "float32", "cuda": "bfloat16"}[device] if wanted.precision == "auto" else wanted.precision
    if device == "cpu" and precision == "tf32":
        precision = "float32"  # a processor has no TF32
    step = {"cpu": "eager", "cuda": "captured"}[device] if wanted.step == "auto" else wanted.step
    if device == "cpu" and step == "captured":
        step = "eager"  # a processor has no graphs
    peers = "in_turn" if wanted.peers == "auto" else wanted.peers
    if device == "cpu" and threads == 1:
        peers = "in_turn"
    layout = "channels_last" if wanted.memory_format == "auto" else wanted.memory_format
    return ComputeConfig(device, threads, precision, layout, peers, step, wanted.deterministic)
