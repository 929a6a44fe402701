"""The training step of a pair: the hot path. Nothing in it depends on data, and nothing is copied to the host."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from smkd_cli.methods import Batch, Clock, Method, Outputs
from smkd_cli.train.statistics import Statistics


class PairStep:
    """Both forwards, both losses, both backwards, both updates.

    Args:
        networks: peers A and B, on one device and in training mode.
        optimizers: one for each.
        method: what they learn from.
        memories: the method's buffers for each.
        classes: C.
        clock: the loop updates it before each call.
        statistics: takes the sums of the epoch.
        precision: of the forwards; losses are float32 whatever it is.
    """

    def __init__(
        self,
        networks: tuple[nn.Module, nn.Module],
        optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
        method: Method,
        memories: tuple[dict[str, Tensor], dict[str, Tensor]],
        classes: int,
        clock: Clock,
        statistics: Statistics,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.networks = networks
        self.optimizers = optimizers
        self.method = method
        self.memories = memories
        self.classes = classes
        self.clock = clock
        self.statistics = statistics
        self.precision = precision

    def __call__(self, images: Tensor, labels: Tensor, indices: Tensor) -> None:
        """Learn from one batch: images (N, C', H, W) float32, labels (N,), and the samples' indices (N,)."""
        method, clock = self.method, self.clock
        with torch.autocast(images.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = [network(images) for network in self.networks]
        a, b = (Outputs.of(z, memory) for z, memory in zip(logits, self.memories, strict=True))
        batch = Batch(labels, one_hot(labels, self.classes).to(a.probs.dtype), indices)
        with torch.no_grad():
            method.observe(a, batch, clock)
            method.observe(b, batch, clock)
        method.refine(a, batch, clock)
        method.refine(b, batch, clock)
        losses = method.loss(a, b, batch, clock), method.loss(b, a, batch, clock)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        # One backward serves both: what a peer teaches is detached, so neither loss reaches the other's weights.
        torch.autograd.backward(losses)
        for optimizer in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            self.statistics.add((a, b), losses, batch)
