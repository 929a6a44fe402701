"""What an epoch's metrics are made of: sums that add up on the device and are read once per epoch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from smkd_cli.methods import Batch, Outputs

_PER_PEER = ("loss", "train_accuracy", "clean_accuracy", "trust", "certainty", "sent", "right")


class Statistics:
    """Sums over the samples of an epoch, for both peers.

    Args:
        clean: (n,) clean labels by sample index, or None where they are unknown. They enter here and nowhere else in
            training: what a network learns from never sees them.
        device: where the sums live.
    """

    def __init__(self, clean: Tensor | None, device: torch.device) -> None:
        self._clean = clean
        self.sums = torch.zeros(2, len(_PER_PEER) + 1, dtype=torch.float64, device=device)

    def reset(self) -> None:
        """Start an epoch."""
        self.sums.zero_()

    def add(self, peers: tuple[Outputs, Outputs], losses: tuple[Tensor, Tensor], batch: Batch) -> None:
        """Add a batch; ``losses`` are the peers' mean losses."""
        count = len(batch.labels)
        clean = None if self._clean is None else self._clean[batch.indices]
        for sums, own, loss in zip(self.sums, peers, losses, strict=True):
            prediction = own.logits.argmax(1)
            nothing = sums.new_zeros(())
            correct = nothing if clean is None else (prediction == clean).sum()
            trust = nothing if own.trust is None else own.trust.expand(count).sum()
            sent = right = nothing
            if own.sent is not None and own.knowledge is not None:
                sent = own.sent.sum()
                if clean is not None:
                    right = (own.sent * (own.knowledge.argmax(1) == clean)).sum()
            parts = (loss.detach() * count, (prediction == batch.labels).sum(), correct, trust, own.certainty.sum())
            sums.add_(torch.stack([part.to(sums.dtype) for part in (*parts, sent, right, sums.new_full((), count))]))

    def row(self) -> dict[str, float | None]:
        """The epoch's metrics: accuracies in percent, ``sent`` as a count, ``right`` as a fraction of what was sent."""
        row: dict[str, float | None] = {}
        for peer, to, sums in zip("ab", "ba", self.sums.tolist(), strict=True):
            seen = max(sums[-1], 1)
            values = dict(zip(_PER_PEER, sums, strict=False))
            known = self._clean is not None
            row[f"loss_{peer}"] = values["loss"] / seen
            row[f"train_accuracy_{peer}"] = 100 * values["train_accuracy"] / seen
            row[f"clean_accuracy_{peer}"] = 100 * values["clean_accuracy"] / seen if known else None
            row[f"trust_{peer}"] = values["trust"] / seen
            row[f"certainty_{peer}"] = values["certainty"] / seen
            row[f"sent_{peer}_to_{to}"] = values["sent"]
            row[f"right_{peer}_to_{to}"] = values["right"] / values["sent"] if known and values["sent"] else None
        return row

    def finite(self) -> bool:
        """Whether both losses have been finite since :meth:`reset` (reads the device)."""
        return all(math.isfinite(loss) for loss in self.sums[:, 0].tolist())
