"""What comes into a step: a batch, and what a method makes of its images before the networks learn from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """What a network learns from in a step, as :meth:`Hooks.inputs` makes it.

    Attributes:
        images: (M, channels, H, W), for the training forward.
        target: (M, C), what it should predict of them, detached.
        logits: (N, C), what it predicts of the batch's own images, detached; for the statistics, and needed wherever
            ``images`` are others (mixtures, several views). None: they are what the training forward predicts.
        refined: (N, C), what the labels of the batch's own images have become, where the targets are of others.
    """

    images: Tensor
    target: Tensor
    logits: Tensor | None = None
    refined: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """The samples of a step, N of them.

    Attributes:
        noisy_labels: (N,) int64.
        onehot: (N, C), the same, one-hot.
        indices: (N,) int64, of the samples in the training set.
        views: the augmented images, one tensor (N, channels, H, W) per view of this peer.
        drawn: rows of what the method's ``draw`` drew for this epoch, (N, …) by name.
        inputs: what the method made of the images; None where the images are used unchanged.
        distinct: whether no sample comes twice, so that rows need not be told apart.
    """

    noisy_labels: Tensor
    onehot: Tensor
    indices: Tensor
    views: tuple[Tensor, ...] = ()
    drawn: Mapping[str, Tensor] = field(default_factory=dict)
    inputs: Inputs | None = None
    distinct: bool = False

    @property
    def target(self) -> Tensor:
        """(M, C), what the network should predict: one-hot noisy labels, or what ``inputs`` made of them."""
        return self.onehot if self.inputs is None else self.inputs.target

    @property
    def images(self) -> Tensor:
        """(M, channels, H, W), what the training forward sees."""
        return self.views[0] if self.inputs is None else self.inputs.images

    def remember(self, memory: Tensor, values: Tensor) -> None:
        """Write a row of each sample into a memory; of a sample that comes twice, that of its last position.

        Without this, ``index_copy_`` would leave any of the two rows, or parts of both.

        Args:
            memory: (n, …), a row per sample of the training set.
            values: (N, …), a row per position of the batch.
        """
        indices = self.indices
        if self.distinct:
            memory.index_copy_(0, indices, values.to(memory.dtype))
            return
        positions = indices.new_ones(len(indices)).cumsum(0) - 1
        last = indices.new_empty(len(memory)).index_fill_(0, indices, -1)  # of other samples it is not needed
        last.scatter_reduce_(0, indices, positions, "amax")
        memory.index_copy_(0, indices, values[last[indices]].to(memory.dtype))


class Predictor(Protocol):
    """A peer's network before the training forward: gives predictions, without being trained by that."""

    @property
    def memory(self) -> dict[str, Tensor]:
        """What the method remembers of this network."""

    def predict(self, images: Tensor) -> Tensor:
        """(N, C) logits in evaluation mode, detached, of images (N, channels, H, W)."""

    def predict_in_training(self, images: Tensor, count: Tensor | None = None) -> Tensor:
        """(N, C) logits in training mode, detached: normalised by this batch. Only for the own network.

        Args:
            images: (N, channels, H, W).
            count: () bool, whether the running statistics of normalisation follow these images; None for yes. They do
                so after all inputs are made, so that no network sees a half of the other's step.
        """
