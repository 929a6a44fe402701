"""The sections of a recipe that describe how networks are trained.

Numbers are strict: ``"1"`` is no number and ``true`` is no 1, but 1 does where a float is expected.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from smkd_cli.data import augmentation

# Far above any sensible value, and within PyTorch's limits.
_MOST_THREADS = 1024
SamplerName = Literal["uniform", "balanced"]
Epochs = Annotated[int, Field(ge=1, le=1_000_000)]

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
    if value == "auto" or (type(value) is int and 1 <= value <= _MOST_THREADS):
        threads: int | str = value
        return threads
    raise ValueError(f"should be a whole number from 1, or auto, and at most {_MOST_THREADS}, not {value!r}")


class Optimizer(Section):
    """Stochastic gradient descent; momentum and weight decay are the paper's, lr its cited ProSelfLC's.

    Or Adam, with its usual moments and a rate that must be given: that of SGD would be far too high.

    Attributes:
        weight_decay: added to the gradient, times the weight.
        gradient_clip: the norm that all gradients of a network together are scaled down to, where it is larger.
    """

    name: Literal["sgd", "adam"] = "sgd"
    lr: Annotated[float, Field(gt=0)] = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    nesterov: bool = False
    gradient_clip: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _keys_of_the_name(self) -> Self:
        if self.name == "adam":
            if useless := sorted({"momentum", "nesterov"} & self.model_fields_set):
                raise ValueError(f"adam has no {' and no '.join(useless)}")
            if "lr" not in self.model_fields_set:
                raise ValueError("adam needs an lr, for example 0.001")
        elif self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        useless = {"momentum", "nesterov"} if self.name == "adam" else set()
        if self.gradient_clip is None:
            useless.add("gradient_clip")
        return {key: value for key, value in serialise(self).items() if key not in useless}


# The keys of each schedule beside those that all have.
_KEYS_OF_SCHEDULE = {"multistep": {"milestones", "gamma"}, "linear": {"start"}}


class Schedule(Section):
    """Learning rate over time, after ``warmup_epochs`` of linear growth.

    ``multistep`` multiplies it by ``gamma`` at each of the ``milestones`` (fractions of the epochs), ``cosine`` falls
    to 0, ``linear`` stays until ``start`` (a fraction of the epochs) and then falls in a straight line to 0,
    ``constant`` stays.
    """

    name: Literal["multistep", "cosine", "linear", "constant"] = "multistep"
    milestones: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...], AsTuple, Field(min_length=1), AfterValidator(_increasing)
    ] = (0.5, 0.75)
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    start: Annotated[float, Field(ge=0, lt=1)] = 0.0
    warmup_epochs: Annotated[int, Field(ge=0)] = 0

    @property
    def _useless(self) -> set[str]:
        return {key for name, keys in _KEYS_OF_SCHEDULE.items() if name != self.name for key in keys}

    @model_validator(mode="after")
    def _keys_of_the_name(self) -> Self:
        if useless := sorted(self._useless & self.model_fields_set):
            raise ValueError(f"a {self.name} schedule has no {' and no '.join(useless)}")
        return self

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialise(self).items() if key not in self._useless}


class AugmentationRule(BaseModel):
    """An entry of ``augmentation.rules``: the name of a rule, and its options as further keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Mix(Section):
    """Images of a batch mixed with one another; see :class:`smkd_cli.train.step.mixture.Mixture`."""

    name: Literal["mixup", "cutmix"]
    alpha: Annotated[float, Field(gt=0)] = 1.0


class Augmentation(Section):
    """Random crops after padding by ``crop_padding`` pixels, horizontal flips, and then further rules in order.

    At last, images of a batch may be mixed.
    """

    crop_padding: Annotated[int, Field(ge=0)] = 4
    flip: bool = True
    rules: Annotated[tuple[Annotated[AugmentationRule, BeforeValidator(_named)], ...], AsTuple] = ()
    mix: Annotated[Mix | None, BeforeValidator(_named)] = None

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialise(self).items() if key not in {"rules", "mix"} or value}

    def build(self) -> list[augmentation.Augmentation]:
        """All rules, in the order in which they are applied; raises as :func:`smkd_cli.data.augmentation.build`."""
        return [
            augmentation.build(entry["name"], {key: value for key, value in entry.items() if key != "name"})
            for entry in self.entries()
        ]

    def entries(self) -> list[dict[str, Any]]:
        """All rules as ``rules`` has them, in that order."""
        made: list[dict[str, Any]] = [{"name": "crop", "padding": self.crop_padding}] if self.crop_padding else []
        made += [{"name": "flip"}] if self.flip else []
        return made + [{"name": rule.name, **rule.options} for rule in self.rules]


class Training(Section):
    """Keys of a recipe that a part of its grid has in its own way; a key that is not given is the recipe's.

    A section that is given replaces the recipe's as a whole.
    """

    epochs: Epochs | None = None
    batch_size: Annotated[int, Field(ge=2)] | None = None
    optimizer: Optimizer | None = None
    schedule: Schedule | None = None
    augmentation: Augmentation | None = None
    sampler: SamplerName | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The keys that are given, with their values."""
        return {key: value for key in TRAINING if (value := getattr(self, key, None)) is not None}

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialise(self).items() if value is not None}


TRAINING = (*Training.model_fields, "networks")


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
        step: ``captured`` in CUDA graphs, ``compiled`` networks (on CUDA captured too), or ``eager``. By themselves the
            first two come on CUDA only, and ``compiled`` only without ``deterministic``.
        deterministic: on a GPU too, only algorithms that give the same bits every time.
    """

    threads: Annotated[int | Literal["auto"], PlainValidator(_threads)] = "auto"
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = "auto"
    memory_format: Literal["auto", "channels_last", "contiguous"] = "auto"
    peers: Literal["auto", "in_turn", "side_by_side"] = "auto"
    step: Literal["auto", "eager", "captured", "compiled"] = "auto"
    deterministic: bool = False
