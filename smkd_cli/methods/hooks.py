"""The hooks of the training loop that a method, or a rule that is a part of one, may define; all have a default.

In the order of a training:

* before it: ``problem``, ``needs``, ``stages``, ``memory``, ``companions``, ``extras``, then ``before_training``;
* each epoch: ``sampler`` and ``draw`` define the order of the samples, and what is drawn for them;
* each step: ``inputs`` (only where a method has it), the forward passes, ``observe``, and after the backward pass
  ``after_backward``;
* when an epoch has ended: ``after_epoch``.

What a method keeps, it keeps in its memory: a checkpoint holds that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from smkd_cli.methods.batch import Batch, Inputs, Predictor
from smkd_cli.methods.clock import Clock
from smkd_cli.methods.outputs import Outputs
from smkd_cli.methods.sampling import Sampler, Uniform
from smkd_cli.methods.stages import Companion, Extra, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Need = Literal["noise_rate", "transition_matrix"]


@dataclass(frozen=True)
class Views:
    """How often each peer sees an image in a step.

    Attributes:
        count: V, views of an image, each cropped and flipped in its own way.
        shared: whether both peers see the same ones.
    """

    count: int = 1
    shared: bool = True


@dataclass(frozen=True)
class LabelFacts:
    """What is known before training begins.

    Attributes:
        noisy_labels: (n,) int64, of all training samples.
        classes: C.
        noise_rate: fraction of wrong labels, in [0, 1]; None unless the method needs it.
        transition_matrix: (C, C) float64, row clean and column noisy; None unless the method needs it.
    """

    noisy_labels: Tensor
    classes: int
    noise_rate: float | None = None
    transition_matrix: Tensor | None = None


class Predictions(Protocol):
    """What a method may look at when an epoch has ended, of one network and of its peer, in evaluation mode."""

    @property
    def noisy_labels(self) -> Tensor:
        """(n,) int64, of all training samples."""

    @property
    def train_indices(self) -> Tensor:
        """(m,) int64, indices of the training samples."""

    def train_logits(self) -> Tensor:
        """(m, C) logits of this network on the training samples, without augmentation."""

    def peer_train_logits(self) -> Tensor:
        """(m, C) logits of the other network on the same samples."""

    def held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (h, C) of this network and of its peer on the noisy validation split, and its noisy labels (h,)."""


class Rule(BaseModel):
    """Something a recipe names. Its fields are its options and the keys of the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str]


class Hooks(Rule):
    """A rule that the training loop calls; see the module's text for when."""

    def defines(self, hook: str) -> bool:
        """Whether a hook is more than its default: a step does without ``inputs`` where it is not."""
        return getattr(type(self), hook) is not getattr(Hooks, hook)

    def capturable(self, stage: int) -> bool:
        """Whether a step of a stage, from 0, can be captured in a CUDA graph; where not, it is done eagerly.

        Nothing in it may wait for the device, and so no library that does: cuSOLVER factorises a matrix and looks.
        """
        return True

    def problem(self, batch_size: int, classes: int, held_out: bool) -> str | None:
        """What in a recipe does not go with the method, or None.

        Args:
            held_out: whether there is a noisy validation split.
        """
        return None

    def needs(self) -> frozenset[Need]:
        """The facts of the noise that the method needs; they come from clean labels, so the method is an oracle."""
        return frozenset()

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """The parts of a training, in order; ``epochs`` is the recipe's."""
        return (Stage("train", epochs),)

    def views(self) -> Views:
        """How often each peer sees an image in a step."""
        return Views()

    def wants_features(self) -> bool:
        """Whether ``Outputs.features`` is needed."""
        return False

    def companions(self) -> tuple[Companion, ...]:
        """Networks that predict beside each peer and are not trained by its loss."""
        return ()

    def extras(self) -> tuple[Extra, ...]:
        """What is trained beside the networks."""
        return ()

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the float buffers this method keeps per network; all start at zero."""
        return {}

    def before_training(self, memory: dict[str, Tensor], facts: LabelFacts) -> None:
        """Fill one network's memory in place before the first epoch.

        Raises:
            ValueError: what is known does not allow the method; the message says what to change.
        """

    def sampler(self, stage: int) -> Sampler:
        """In which order the epochs of a stage, from 0, take the samples."""
        return Uniform()

    def draw(
        self, random: np.random.Generator, batches: Sequence[int], stage: int
    ) -> Mapping[str, NDArray[np.floating] | NDArray[np.integer]]:
        """What is drawn for an epoch beside order, crops and flips: arrays (m, …) by name, a row per position.

        Args:
            random: draws nothing else from here on, and the same when an interrupted epoch is drawn again.
            batches: sizes of the epoch's batches, which add up to m.
            stage: number of the stage, from 0.
        """
        return {}

    def inputs(self, own: Predictor, other: Predictor, batch: Batch, clock: Clock) -> Inputs:
        """What ``own`` learns from in this step: images and targets, made of the batch without any gradient.

        Both networks may be used for predictions. Called before either network's training forward, and
        for both peers before any of these begins.
        """
        return Inputs(batch.views[0], batch.onehot)

    def passes_before(self, stage: int) -> int:
        """How many forward passes of a network ``inputs`` takes in a stage, for estimates of the cost."""
        return 0

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        """Update ``own.memory`` in place from a training batch."""

    def after_backward(self, parameters: Sequence[Tensor], memory: dict[str, Tensor], clock: Clock) -> None:
        """Change one network's gradients in place, between its backward pass and its update."""

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        """Update one network's memory in place when an epoch ends.

        Raises:
            ValueError: training cannot go on from here; the message says why and what to change.
        """
