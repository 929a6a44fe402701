"""Records of every sample: each network's confidence in its noisy label, and its refined label.

The mean margin is the area under the margin of Pleiss et al., NeurIPS 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smkd_cli.train.step.statistics import Statistics

SUMS = ("seen", "margin", "probability", "predicted", "sent")
LAST = ("refined_class", "refined_mass")


class SampleRecords:
    """Sums over the epochs since the networks last began anew; an epoch is added when it ends.

    Args:
        noisy_labels: (n,) int64.

    Attributes:
        sums: (2, n, 5) float32 by peer and sample: epochs in which the sample came; over these the sums of the margin
            of its noisy label (its logit less the largest other) and of its probability; how often it was the
            prediction, and how often the peer sent the sample.
        last: (2, n, 2) float32: class of the last refined label, and its mass on the noisy label; not numbers where
            the sample never came.
    """

    def __init__(self, noisy_labels: Tensor) -> None:
        self._noisy_labels = noisy_labels
        self.sums = torch.zeros(2, len(noisy_labels), len(SUMS), device=noisy_labels.device)
        self.last = torch.full((2, len(noisy_labels), len(LAST)), torch.nan, device=noisy_labels.device)

    def begin(self) -> None:
        """Forget everything: the networks begin anew."""
        self.sums.zero_()
        self.last.fill_(torch.nan)

    def add(self, statistics: Statistics) -> None:
        """Add an epoch that has ended."""
        columns = statistics.columns()
        seen = ~columns["prediction"].isnan()
        terms = {
            "seen": seen,
            "margin": columns["margin"],
            "probability": columns["probability"],
            "predicted": columns["prediction"] == self._noisy_labels,
            "sent": columns["sent"],
        }
        self.sums += torch.stack([terms[name].to(self.sums.dtype) for name in SUMS], -1).where(seen.unsqueeze(-1), 0)
        refined = torch.stack([columns[name] for name in LAST], -1)
        self.last.copy_(refined.where(seen.unsqueeze(-1), self.last))

    def by_sample(self) -> dict[str, Tensor]:
        """What ``samples.safetensors`` holds, (n,) each, by ``a.`` or ``b.`` and name; see docs/formats.md."""
        found: dict[str, Tensor] = {}
        for peer, sums, last in zip("ab", self.sums, self.last, strict=True):
            columns = dict(zip(SUMS, sums.T, strict=True)) | dict(zip(LAST, last.T, strict=True))
            seen = columns["seen"]
            for name in ("seen", "predicted", "sent"):
                found[f"{peer}.{name}"] = columns[name].to(torch.int32)
            for name in ("margin", "probability"):
                found[f"{peer}.{name}"] = columns[name] / seen  # not a number where it never came
            found[f"{peer}.refined_class"] = columns["refined_class"].nan_to_num(-1).to(torch.int32)
            found[f"{peer}.refined_mass"] = columns["refined_mass"]
        return found
