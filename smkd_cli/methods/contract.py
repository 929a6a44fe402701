"""The contract between a method and the training loop.

For every batch the loop runs both peers and hands the method what each said:

1. ``method.observe(own, batch, clock)`` once per peer, in training only: the method may update its memory;
2. ``method.refine(own, batch, clock)`` once per peer: fills ``own.target``, ``own.knowledge`` and ``own.sent``;
3. ``method.loss(own, other, batch, clock)`` once with each peer as ``own``: A learns from B, B from A;
4. ``method.after_backward(parameters, memory, clock)`` once per peer, between the backward pass and the update.

All of it are tensor operations whose shapes do not depend on the data, without a copy to the host, so that the whole
step can be captured in a CUDA graph; a method that cannot keep to that says so by ``capturable``. ``observe`` and
``refine`` of one peer may run beside those of the other, and so may the two calls of ``loss``: each writes to its
``own`` alone. N is the batch size, C the number of classes.

Between epochs a method may take its time: ``before_training`` and ``after_epoch`` run once per peer, without these
limits, and may look at the whole training set. What a method keeps, it keeps in its memory: a checkpoint holds that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from smkd_cli.methods.stages import Companion, Extra, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

TimeUnit = Literal["epoch", "iteration"]
Need = Literal["noise_rate", "transition_matrix"]


@dataclass
class Outputs:
    """What one network said about a batch, computed once.

    Attributes:
        logits: (N, C), float32 or wider.
        log_probs: (N, C), log-softmax of the logits; carries the gradient.
        probs: (N, C), softmax of the logits; carries the gradient.
        entropy: (N,), H(p) in nats, at least 0, detached.
        memory: the method's buffers for this network, kept from batch to batch and in checkpoints.
        target: (N, C), the refined label q̃ that this network learns from; set by ``refine``.
        knowledge: (N, C), what this network teaches its peer, detached; None when it teaches nothing.
        sent: (N,) of 0 and 1, where the network is confident enough to teach; None when it teaches nothing.
        trust: (N,) or (), ε, the weight of the network's own prediction in its target; None where there is none.
        companions: what the networks beside this one said, (N, C) logits by the companion's name, detached.
        plain: (N, C) logits of the images before they were mixed, in training mode, detached; None where nothing is
            mixed.
        modules: what the method trains beside this network, by name.
        features: (N, D, h, w) the last feature maps, with their gradient; None unless the method wants them.
    """

    logits: Tensor
    log_probs: Tensor
    probs: Tensor
    entropy: Tensor
    memory: dict[str, Tensor] = field(default_factory=dict)
    target: Tensor | None = None
    knowledge: Tensor | None = None
    sent: Tensor | None = None
    trust: Tensor | None = None
    companions: dict[str, Tensor] = field(default_factory=dict)
    plain: Tensor | None = None
    modules: dict[str, nn.Module] = field(default_factory=dict)
    features: Tensor | None = None

    @classmethod
    def of(cls, logits: Tensor, memory: dict[str, Tensor] | None = None) -> Outputs:
        """Compute everything from logits (N, C); half-precision logits are widened to float32 first."""
        if logits.element_size() < 4:
            logits = logits.float()
        log_probs = logits.log_softmax(1)
        probs = log_probs.exp()
        entropy = (probs.detach() * log_probs.detach()).sum(1).neg().clamp_min(0)
        return cls(logits, log_probs, probs, entropy, {} if memory is None else memory)

    @cached_property
    def certainty(self) -> Tensor:
        """(N,), 1 − H(p)/H(u), in [0, 1], detached: ProSelfLC's local trust l(p)."""
        return (1 - self.entropy / math.log(self.logits.shape[1])).clamp(0, 1)


@dataclass(frozen=True)
class Batch:
    """The given labels of a batch: ``labels`` (N,) int64, ``onehot`` (N, C); ``indices`` (N,) int64 of the samples.

    Where images are mixed, image i is ``mix[i]`` of itself and the rest of image i + 1 (the last: of the first).
    """

    labels: Tensor
    onehot: Tensor
    indices: Tensor
    mix: Tensor | None = None


@dataclass(frozen=True)
class Clock:
    """Where training stands, as tensors of no dimension that the loop updates in place.

    ``epoch`` runs from 1 to ``epochs`` and ``iteration`` from 1 to ``iterations``, so that each ratio ends at 1; a
    stage begins anew. ``stage`` is its number, from 0.
    """

    epoch: Tensor
    epochs: Tensor
    iteration: Tensor
    iterations: Tensor
    stage: int = 0

    def progress(self, unit: TimeUnit) -> Tensor:
        """t/Γ in (0, 1], counted in epochs or in iterations."""
        return self.epoch / self.epochs if unit == "epoch" else self.iteration / self.iterations


@dataclass(frozen=True)
class Facts:
    """What is known before training begins.

    Attributes:
        labels: (n,) int64, the given labels of all training samples.
        classes: C.
        noise_rate: fraction of wrong labels, in [0, 1]; None unless the method needs it.
        transition_matrix: (C, C) float64, row clean and column given; None unless the method needs it.
    """

    labels: Tensor
    classes: int
    noise_rate: float | None = None
    transition_matrix: Tensor | None = None


class Overview(Protocol):
    """What a method may look at when an epoch has ended, of one network and of its peer, in evaluation mode."""

    @property
    def labels(self) -> Tensor:
        """(n,) int64, the given labels of all training samples."""

    @property
    def learned(self) -> Tensor:
        """(m,) int64, indices of the samples that are learned from."""

    def training(self) -> Tensor:
        """(m, C) logits of this network on the samples that are learned from, without augmentation."""

    def held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (h, C) of this network and of its peer on the noisy validation split, and its given labels (h,)."""


class Rule(BaseModel):
    """Something a recipe names. Its fields are its options and the keys of the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    name: ClassVar[str]

    def capturable(self, stage: int) -> bool:
        """Whether a step of a stage, from 0, can be captured in a CUDA graph; where not, it is done eagerly.

        Nothing in it may wait for the device, and so no library that does: cuSOLVER factorises a matrix and looks.
        """
        return True


class Method(Rule):
    """What both peers learn from; see the module's text for when each function is called.

    Attributes:
        own_views: whether each peer sees the images cropped and flipped in its own way.
        wants_features: whether ``Outputs.features`` is needed.
    """

    own_views: ClassVar[bool] = False
    wants_features: ClassVar[bool] = False

    def mixup(self) -> float | None:
        """Parameter of the symmetric Beta distribution by which images are mixed, one draw per batch; None for none."""
        return None

    def unmixed_counts(self, clock: Clock) -> Tensor | None:
        """Whether the running statistics of normalisation follow unmixed images too, () bool; None for always.

        Where images are mixed, each network says something of the unmixed ones first, in training mode.
        """
        return None

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        """The parts of a training, in order; ``epochs`` is the recipe's."""
        return (Stage("train", epochs),)

    def needs(self) -> frozenset[Need]:
        """What the loop has to know of the noise: clean labels tell it, and whoever uses them knows an oracle."""
        return frozenset()

    def problem(self, batch_size: int, classes: int, held_out: bool) -> str | None:
        """What in a recipe does not go with the method, or None.

        Args:
            held_out: whether there is a noisy validation split.
        """
        return None

    def companions(self) -> tuple[Companion, ...]:
        """Networks that say something beside each peer and are not trained by its loss."""
        return ()

    def extras(self) -> tuple[Extra, ...]:
        """What is trained beside the networks."""
        return ()

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the float buffers this method keeps per network; all start at zero."""
        return {}

    def before_training(self, memory: dict[str, Tensor], facts: Facts) -> None:
        """Fill one network's memory in place before the first epoch.

        Raises:
            ValueError: what is known does not allow the method; the message says what to change.
        """

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        """Update ``own.memory`` in place from a training batch."""

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, overview: Overview) -> None:
        """Update one network's memory in place when an epoch ends.

        Raises:
            ValueError: training cannot go on from here; the message says why and what to change.
        """

    def after_backward(self, parameters: Sequence[Tensor], memory: dict[str, Tensor], clock: Clock) -> None:
        """Change one network's gradients in place, between its backward pass and its update."""

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        """Set ``own.target`` and, if the network teaches, ``own.knowledge`` and ``own.sent``."""
        own.target = batch.onehot

    def threshold(self, classes: int, clock: Clock) -> Tensor | None:
        """The entropy below which knowledge is sent, (), in nats; None where nothing is compared."""
        return None

    def loss(self, own: Outputs, other: Outputs, batch: Batch, clock: Clock) -> Tensor:
        """The loss of the network ``own``, (), the mean over the batch."""
        raise NotImplementedError(f"{type(self).__name__} defines no loss")

    def together(self, a: Outputs, b: Outputs, batch: Batch, clock: Clock) -> Tensor | None:
        """A loss of both networks and of what they share, (), added to the sum of their own; None where there is none.

        Where there is one, its gradient reaches both networks, and one backward pass serves all.
        """
        return None


def logistic(x: Tensor, b: float) -> Tensor:
    """h(x, b) = 1 / (1 + exp(−x·b)), elementwise."""
    return (x * b).sigmoid()


def cross_entropy(target: Tensor, own: Outputs) -> Tensor:
    """H(t, p) = −Σ_c t_c ln p_c per sample, (N,), for a target (N, C) of any mass."""
    return (target * own.log_probs).sum(1).neg()


def mix(labels: Tensor, prediction: Tensor, trust: Tensor | float) -> Tensor:
    """q̃ = (1 − ε) q + ε p̃ (Eq. 3), (N, C), for a trust ε that is a number, () or (N,)."""
    if not isinstance(trust, float) and trust.ndim == 1:
        trust = trust.unsqueeze(1)
    return labels + trust * (prediction - labels)
