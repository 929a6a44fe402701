"""The training step of a pair: the hot path. Nothing in it depends on data, and nothing is copied to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smkd_cli.methods import Batch, Clock, Method, Outputs
from smkd_cli.scoring import ImageBank, mixed_precision
from smkd_cli.train.peers import Both, in_turn
from smkd_cli.train.statistics import Statistics


@dataclass
class PairStep:
    """Both forwards, both losses, both backwards, both updates.

    Attributes:
        networks: peers A and B, on one device and in training mode: images (N, C', H, W) to logits (N, C).
        optimizers: one for each.
        method: what they learn from.
        memories: the method's buffers for each.
        images: the training images.
        labels: (n,) int64, the given labels of all training images.
        classes: C.
        clock: the loop updates it before each call.
        statistics: takes what was said in the epoch.
        precision: of the forwards; losses are float32 whatever it is.
        both: runs a piece of work for each peer.
    """

    networks: Sequence[Callable[[Tensor], Tensor]]
    optimizers: Sequence[torch.optim.Optimizer]
    method: Method
    memories: Sequence[dict[str, Tensor]]
    images: ImageBank
    labels: Tensor
    classes: int
    clock: Clock
    statistics: Statistics
    precision: torch.dtype = torch.float32
    both: Both = in_turn

    def __call__(self, indices: Tensor, offsets: Tensor, flips: Tensor) -> None:
        """Learn from one batch: sample indices (N,), crop offsets (N, 2) and flips (N,), as an epoch plan has them."""
        images = self.images.augmented(indices, offsets, flips)
        labels = self.labels[indices]
        onehot = (labels.unsqueeze(1) == torch.arange(self.classes, device=labels.device)).to(images.dtype)
        batch = Batch(labels, onehot, indices)
        said = self.both(lambda peer: self._say(peer, images, batch))
        self.both(lambda peer: self._learn(peer, said, batch))

    def _say(self, peer: int, images: Tensor, batch: Batch) -> Outputs:
        """What a peer says of the batch and, where it is confident, teaches."""
        with mixed_precision(images.device, self.precision):
            logits = self.networks[peer](images)
        own = Outputs.of(logits, self.memories[peer])
        with torch.no_grad():
            self.method.observe(own, batch, self.clock)
        self.method.refine(own, batch, self.clock)
        return own

    def _learn(self, peer: int, said: tuple[Outputs, Outputs], batch: Batch) -> None:
        """Update a peer. What the other teaches is detached, so this reaches none of the other's weights."""
        loss = self.method.loss(said[peer], said[1 - peer], batch, self.clock)
        self.optimizers[peer].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[peer].step()
        with torch.no_grad():
            self.statistics.add(peer, said[peer], loss, batch)
