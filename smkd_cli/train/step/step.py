"""The training step of a pair: the hot path. Nothing in it depends on data, and nothing is copied to the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from smkd_cli.data.images.resident import ImageBank
from smkd_cli.methods import Batch, Clock, Method, Outputs
from smkd_cli.scoring import mixed_precision
from smkd_cli.train.machine.parallel import Both, in_turn
from smkd_cli.train.step.peer import Peer
from smkd_cli.train.step.statistics import Statistics


@dataclass
class PairStep:
    """Both forwards, both losses, both backwards, both updates.

    Attributes:
        peers: A and B, on one device, their networks in training mode.
        method: what they learn from.
        images: the training images.
        labels: (n,) int64, the given labels of all training images.
        classes: C.
        clock: the loop updates it before each call.
        statistics: takes the outputs of the epoch.
        shared: optimisers of what both peers share.
        precision: of the forwards; losses are float32 whatever it is.
        both: runs a piece of work for each peer.
        gradient_clip: largest norm of a network's gradient; None for no limit.
        compiled: whether the networks' compiled forms learn.
    """

    peers: Sequence[Peer]
    method: Method
    images: ImageBank
    labels: Tensor
    classes: int
    clock: Clock
    statistics: Statistics
    shared: Sequence[torch.optim.Optimizer] = ()
    precision: torch.dtype = torch.float32
    both: Both = in_turn
    gradient_clip: float | None = None
    compiled: bool = False

    def __call__(self, indices: Tensor, offsets: Tensor, flips: Tensor, mix: Tensor | None = None) -> None:
        """Learn from one batch, as an epoch plan has it.

        Args:
            indices: (N,) int64, of the samples.
            offsets: (N, V, 2) int64, of the crops of each view; one view serves both peers, of two each has its own.
            flips: (N, V) bool.
            mix: (N,), each image's share in its mixture with the next one; None to mix nothing.
        """
        views = [self.images.augmented(indices, offsets[:, v], flips[:, v]) for v in range(offsets.shape[1])]
        labels = self.labels[indices]
        onehot = (labels.unsqueeze(1) == torch.arange(self.classes, device=labels.device)).to(views[0].dtype)
        batch = Batch(labels, onehot, indices, None if mix is None else mix.to(views[0].dtype))
        outputs = self.both(lambda index: self._forward(index, views[index % len(views)], batch))
        if type(self.method).together is Method.together:
            self.both(lambda index: self._learn(index, outputs, batch))
        else:
            self._learn_together(outputs, batch)

    def _forward(self, index: int, images: Tensor, batch: Batch) -> Outputs:
        """A peer's outputs on the batch and, where it is confident, what it teaches."""
        peer, features = self.peers[index], None
        plain = None if batch.mix is None else self._unmixed(peer.network, images)
        seen = images if batch.mix is None else _mixed(images, batch.mix)
        with mixed_precision(images.device, self.precision):
            if self.method.wants_features:
                features = peer.network.maps(seen)  # type: ignore[operator]
                logits = peer.network.classify(features)  # type: ignore[operator]
            else:
                logits = peer.compiled(seen) if self.compiled else peer.network(seen)
        own = Outputs.of(logits, peer.memory)
        own.modules = peer.modules
        # A tensor of its own: the logits' gradient does not come through it, only what the method does with the maps.
        own.features = None if features is None else features.view_as(features).to(own.logits.dtype)
        with torch.no_grad():
            own.companions = self._companions(peer, images)
            own.plain = plain
            self.method.observe(own, batch, self.clock)
        self.method.refine(own, batch, self.clock)
        return own

    def _companions(self, peer: Peer, images: Tensor) -> dict[str, Tensor]:
        return {
            made.name: self._frozen(peer.companions[made.name], images)
            for made in self.method.companions()
            if self.clock.stage >= made.first_stage
        }

    def _frozen(self, network: torch.nn.Module, images: Tensor) -> Tensor:
        """Logits of a network that is in evaluation mode: what is only looked at does not change its statistics."""
        with mixed_precision(images.device, self.precision):
            logits: Tensor = network(images)
        return logits.to(images.dtype)

    @torch.no_grad()
    def _unmixed(self, network: torch.nn.Module, images: Tensor) -> Tensor:
        """Logits in training mode, (N, C); the statistics of normalisation are put back where the method says so."""
        counts = self.method.unmixed_counts(self.clock)
        before = [] if counts is None else [buffer.clone() for buffer in network.buffers()]
        with mixed_precision(images.device, self.precision):
            logits: Tensor = network(images)
        if counts is not None:
            for buffer, earlier in zip(network.buffers(), before, strict=True):
                buffer.copy_(buffer.where(counts, earlier))
        return logits.to(images.dtype)

    def _learn(self, index: int, outputs: tuple[Outputs, Outputs], batch: Batch) -> None:
        """Update a peer. What the other teaches is detached, so this reaches none of the other's weights."""
        peer = self.peers[index]
        loss = self.method.loss(outputs[index], outputs[1 - index], batch, self.clock)
        for optimizer in peer.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._update(index)
        with torch.no_grad():
            self.statistics.add(index, outputs[index], loss, batch)

    def _learn_together(self, outputs: tuple[Outputs, Outputs], batch: Batch) -> None:
        """Update both peers and what they share by the sum of all losses.

        Its gradient is taken as far as the networks' outputs; from there on each network's is its own, and the peers
        part again.
        """
        losses = [self.method.loss(outputs[index], outputs[1 - index], batch, self.clock) for index in range(2)]
        common = self.method.together(*outputs, batch, self.clock)
        total = losses[0] + losses[1] if common is None else losses[0] + losses[1] + common
        beside = [*self.shared, *(made for peer in self.peers for made in peer.optimizers[1:])]
        modules = [value for optimizer in beside for group in optimizer.param_groups for value in group["params"]]
        heads = [head for own in outputs for head in (own.logits, own.features) if head is not None]
        found = torch.autograd.grad(total, [*heads, *modules], allow_unused=True)
        for value, gradient in zip(modules, found[len(heads) :], strict=True):
            value.grad = gradient

        half = len(heads) // 2

        def learn(index: int) -> None:
            own = slice(index * half, (index + 1) * half)
            reached = [(head, back) for head, back in zip(heads[own], found[own], strict=True) if back is not None]
            self.peers[index].optimizers[0].zero_grad(set_to_none=True)
            torch.autograd.backward([head for head, _ in reached], [back for _, back in reached])
            self._update(index)
            with torch.no_grad():
                self.statistics.add(index, outputs[index], losses[index], batch)

        self.both(learn)
        for optimizer in self.shared:
            optimizer.step()

    def _update(self, index: int) -> None:
        peer = self.peers[index]
        with torch.no_grad():
            self.method.after_backward(peer.parameters, peer.memory, self.clock)
        if self.gradient_clip is not None:
            clip_grad_norm_(peer.parameters, self.gradient_clip)
        for optimizer in peer.optimizers:
            optimizer.step()
        peer.update_averages()


def _mixed(images: Tensor, mix: Tensor) -> Tensor:
    """Each image mixed with the next one of the batch, (N, C', H, W)."""
    return images.roll(-1, 0).lerp(images, mix.view(-1, 1, 1, 1))
