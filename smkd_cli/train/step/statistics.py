"""What an epoch's metrics are made of: each sample's predictions, kept on the device and read once per epoch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from smkd_cli.methods import Batch, RefinedOutputs

_COLUMNS = ("prediction", "certainty", "trust", "sent", "taught")
# What is kept of each sample over the epochs; see records.py.
_KEPT = ("margin", "probability", "refined_class", "refined_mass")


class Statistics:
    """Both peers' predictions of every sample of an epoch, the last one of a sample that comes more than once.

    A batch costs one write into a table per peer.

    Args:
        noisy_labels: (n,) by sample index.
        clean_labels: (n,) by sample index, or None where they are unknown. In training they are used here, and in
            ``run/oracle.py`` where a method uses the true noise rate or transition matrix.

    Attributes:
        table: (2, n, 9) float32, a row per peer and sample: predicted class (not a number while the epoch has not come
            to the sample), certainty, trust, whether it was sent, and the class that was taught; margin and
            probability of the noisy label, class of the refined label and its mass on the noisy one.
        losses: (2, 2) float64, of each peer the summed loss and how many samples it is of; a sample may come twice.
    """

    def __init__(self, noisy_labels: Tensor, clean_labels: Tensor | None) -> None:
        self._noisy_labels = noisy_labels
        self._clean_labels = clean_labels
        self.table = torch.empty(2, len(noisy_labels), len(_COLUMNS + _KEPT), device=noisy_labels.device)
        self.losses = torch.empty(2, 2, dtype=torch.float64, device=noisy_labels.device)
        self.reset()

    def reset(self) -> None:
        """Start an epoch."""
        self.table.fill_(math.nan)
        self.losses.zero_()

    def add(self, peer: int, own: RefinedOutputs, sent: Tensor, loss: Tensor, batch: Batch) -> None:
        """Add the outputs of peer 0 or 1 on a batch.

        Args:
            own: of M images; of more than N, the first N count.
            sent: (M,) of 0 and 1, what it sent.
            loss: its mean loss, ().
        """
        count = len(batch.indices)
        inputs = batch.inputs
        logits, probs, refined = own.logits, own.probs, own.target
        if inputs is not None and inputs.logits is not None:  # the step was trained on other images
            logits, probs = inputs.logits, inputs.logits.softmax(1)
            refined = own.target if inputs.refined is None else inputs.refined
        noisy_labels = batch.noisy_labels.unsqueeze(1)
        columns = (
            logits.argmax(1),
            own.certainty,
            own.trust.expand(own.entropy.shape),
            sent,
            own.knowledge.argmax(1),
            logits.gather(1, noisy_labels).squeeze(1) - logits.scatter(1, noisy_labels, -math.inf).amax(1),
            probs.gather(1, noisy_labels).squeeze(1),
            refined.argmax(1),
            refined[:count].gather(1, noisy_labels).squeeze(1),
        )
        batch.remember(self.table[peer], torch.stack([column[:count] for column in columns], 1))
        self.losses[peer, 0].add_(loss.detach() * count)
        self.losses[peer, 1].add_(count)

    def columns(self) -> dict[str, Tensor]:
        """The table's columns, (2, n) each, by name."""
        return dict(zip(_COLUMNS + _KEPT, self.table.unbind(-1), strict=True))

    def row(self) -> dict[str, float | None]:
        """The epoch's metrics: accuracies in percent, ``sent`` as a count, ``precision`` as a fraction of that."""
        row: dict[str, float | None] = {}
        losses = self.losses.tolist()
        for peer, to, (loss, positions), table in zip("ab", "ba", losses, self.table, strict=True):
            seen = ~table[:, 0].isnan()
            known = table[seen].double()
            columns = dict(zip(_COLUMNS + _KEPT, known.T, strict=True))
            count, sent = max(len(known), 1), columns["sent"].sum().item()
            clean_labels = None if self._clean_labels is None else self._clean_labels[seen]
            row[f"loss_{peer}"] = loss / max(positions, 1)
            row[f"train_accuracy_{peer}"] = 100 * _agreement(columns["prediction"], self._noisy_labels[seen]) / count
            row[f"clean_accuracy_{peer}"] = None
            row[f"trust_{peer}"] = columns["trust"].sum().item() / count
            row[f"certainty_{peer}"] = columns["certainty"].sum().item() / count
            row[f"sent_{peer}_to_{to}"] = sent
            row[f"precision_{peer}_to_{to}"] = None
            if clean_labels is not None:
                row[f"clean_accuracy_{peer}"] = 100 * _agreement(columns["prediction"], clean_labels) / count
                if sent:
                    correct = (columns["sent"] * (columns["taught"] == clean_labels)).sum().item()
                    row[f"precision_{peer}_to_{to}"] = correct / sent
        return row

    def finite(self) -> bool:
        """Whether both losses have been finite since :meth:`reset` (reads the device)."""
        return all(math.isfinite(loss) for loss, _ in self.losses.tolist())


def _agreement(predicted: Tensor, labels: Tensor) -> int:
    return int((predicted == labels).sum())
