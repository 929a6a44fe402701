"""A peer's network before its training forward, for predictions that a method needs."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.func import functional_call

from smkd_cli.scoring import mixed_precision
from smkd_cli.train.step.peer import Peer


class PeerPredictor:
    """Predicts without learning; see :class:`smkd_cli.methods.batch.Predictor`.

    Predictions do not change the network, so both peers may use each other at the same time: what running
    statistics become is kept until :meth:`commit`.
    """

    def __init__(self, peer: Peer, precision: torch.dtype) -> None:
        self._peer, self._precision = peer, precision
        self._pending: list[tuple[Tensor, Tensor]] = []
        network = peer.network
        # The same weights and statistics in evaluation mode: the network itself stays in training mode. Made at once,
        # because later, in another thread, the network may be at work on buffers that are not its own.
        shared = {id(value): value for value in (*network.parameters(), *network.buffers())}
        self._evaluating = copy.deepcopy(network, shared).eval()

    @property
    def memory(self) -> dict[str, Tensor]:
        """What the method remembers of this network."""
        return self._peer.memory

    @torch.no_grad()
    def predict(self, images: Tensor) -> Tensor:
        """(N, C) logits in evaluation mode."""
        with mixed_precision(images.device, self._precision):
            logits: Tensor = self._evaluating(images)
        return logits.to(images.dtype)

    @torch.no_grad()
    def predict_in_training(self, images: Tensor, count: Tensor | None = None) -> Tensor:
        """(N, C) logits in training mode; ``count``: whether running statistics follow these images."""
        network = self._peer.network
        buffers = dict(network.named_buffers())
        copies = {name: buffer.clone() for name, buffer in buffers.items()}
        with mixed_precision(images.device, self._precision):
            logits: Tensor = functional_call(network, copies, (images,))
        for name, buffer in buffers.items():
            after = copies[name] if count is None else copies[name].where(count, buffer)
            self._pending.append((buffer, after))
        return logits.to(images.dtype)

    @torch.no_grad()
    def commit(self) -> None:
        """Let the running statistics follow what was predicted in training mode."""
        for buffer, after in self._pending:
            buffer.copy_(after)
        self._pending.clear()
