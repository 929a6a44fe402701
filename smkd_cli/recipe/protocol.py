"""The sections of a recipe that describe how networks are trained.

Numbers are strict: ``"1"`` is no number and ``true`` is no 1, but 1 does where a float is expected.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

# YAML has lists where the models, which never change, have tuples.
AsTuple = Field(strict=False)


class Section(BaseModel):
    """What all parts of a recipe have in common."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


def _increasing(items: tuple[float, ...]) -> tuple[float, ...]:
    if any(second <= first for first, second in itertools.pairwise(items)):
        raise ValueError("should increase")
    return items


def _threads(value: Any) -> int | str:
    if value == "auto" or (type(value) is int and value >= 1):
        threads: int | str = value
        return threads
    raise ValueError(f"should be a whole number from 1, or auto, not {value!r}")


class Optimizer(Section):
    """Stochastic gradient descent; momentum and weight decay are the paper's, lr its cited ProSelfLC's."""

    name: Literal["sgd"] = "sgd"
    lr: Annotated[float, Field(gt=0)] = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Schedule(Section):
    """Learning rate over time, after ``warmup_epochs`` of linear growth.

    ``multistep`` multiplies it by ``gamma`` at each of the ``milestones`` (fractions of the epochs), ``cosine`` falls
    to 0, ``constant`` stays.
    """

    name: Literal["multistep", "cosine", "constant"] = "multistep"
    milestones: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...], AsTuple, Field(min_length=1), AfterValidator(_increasing)
    ] = (0.5, 0.75)
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    warmup_epochs: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _steps_only_if_multistep(self) -> Self:
        useless = sorted({"milestones", "gamma"} & self.model_fields_set)
        if self.name != "multistep" and useless:
            raise ValueError(f"a {self.name} schedule has no {' and no '.join(useless)}")
        return self

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        useless = () if self.name == "multistep" else ("milestones", "gamma")
        return {key: value for key, value in serialise(self).items() if key not in useless}


class Augmentation(Section):
    """Random crops after padding by so many pixels, and horizontal flips."""

    crop_padding: Annotated[int, Field(ge=0)] = 4
    flip: bool = True


class Validation(Section):
    """Which fraction of the noisy training set is kept apart to choose an epoch by; 0 trains on all of it."""

    fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Compute(Section):
    """How the machine is used; ``auto`` leaves it to a measurement on the machine.

    Attributes:
        threads: of a cell on a CPU; ``auto`` is all cores, or fewer where they are no faster.
        precision: of the networks; losses and updates are float32 always.
        memory_format: of images and weights.
        peers: one after the other, or on two threads (two streams on a GPU).
        step: ``captured`` in a CUDA graph, ``compiled`` networks, or neither; never ``compiled`` by itself.
        deterministic: on a GPU too, only algorithms that give the same bits every time.
    """

    threads: Annotated[int | Literal["auto"], PlainValidator(_threads)] = "auto"
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = "auto"
    memory_format: Literal["auto", "channels_last", "contiguous"] = "auto"
    peers: Literal["auto", "in_turn", "side_by_side"] = "auto"
    step: Literal["auto", "eager", "captured", "compiled"] = "auto"
    deterministic: bool = False
