"""CDR: only the weights that matter most for the loss are updated by it (Xia et al., ICLR 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, RefinedOutputs, cross_entropy
from smkd_cli.methods.selection.noise_rate import KnowsNoiseRate, rate_in
from smkd_cli.methods.selection.small_loss import kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def kth_largest(values: Tensor, k: Tensor) -> Tensor:
    """The k-th largest, (), of values (n,) of at least 0, float32 or float64; k (), from 1 to n."""
    if values.device.type != "cpu":
        return kth_largest_by_bits(values, k)
    import numpy as np
    import torch

    # Several times faster than what torch has for it.
    rank = len(values) - int(k)
    return torch.from_numpy(np.partition(values.numpy(), rank))[rank]


def kth_largest_by_bits(values: Tensor, k: Tensor) -> Tensor:
    """The same without asking the device for a number: numbers of at least 0 order like their bits."""
    import torch

    integers = torch.int32 if values.element_size() == 4 else torch.int64
    bits = values.view(integers)
    found = bits.new_zeros(())
    for position in reversed(range(8 * values.element_size() - 1)):
        larger = found + (1 << position)
        found = torch.where(bits.ge(larger).count_nonzero() >= k, larger, found)
    return found.view(values.dtype)


class CDR(KnowsNoiseRate):
    """CE, and after the backward pass g ← (1 − τ) g where |w·g| ≥ θ, else 0, for all weights w of 2 or 4 dimensions.

    θ is the k-th largest |w·g| among all these P weights of a network together, k = int((1 − τ) P), at least 1; τ is
    the noise rate. Biases and normalisation are left alone. As in the authors' code, the recipe's L2 weight decay acts
    on every weight, so that the others only decay; the paper has an L1 decay, λ sgn(w), there. The authors' code passes
    each batch through the network twice, once for its accuracy alone, so that the running statistics of normalisation
    follow it twice; here once.
    """

    name = "CDR"

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        return cross_entropy(batch.onehot, own).mean()

    def after_backward(self, parameters: Sequence[Tensor], memory: dict[str, Tensor], clock: Clock) -> None:
        import torch

        if self.estimating(clock):
            return
        ranked = [(w.detach(), w.grad) for w in parameters if w.ndim in (2, 4) and w.grad is not None]
        if not ranked:
            return
        importance = [(weight * gradient).abs() for weight, gradient in ranked]
        count = sum(part.numel() for part in importance)
        rate = rate_in(memory)
        limit = kth_largest(torch.cat([part.flatten() for part in importance]), kept(rate, count).clamp_min(1))
        for part, (_, gradient) in zip(importance, ranked, strict=True):
            gradient.mul_((part >= limit).to(gradient.dtype) * (1 - rate).to(gradient.dtype))
