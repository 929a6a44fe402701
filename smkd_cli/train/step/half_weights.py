"""Half-precision copies of all weights by one kernel, where autocast would make them one layer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

# What autocast computes in half precision, so that it casts their weights. Not what is derived from them: such a layer
# may compute something of its weights before.
_CAST = {nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear}


class HalfWeights:
    """The weights of a network's convolutions and linear layers, cast to half precision when it is called.

    The gradient of a copy is that of the weight, as with autocast's own copies; so are all bits. On a GPU a network has
    dozens of small kernels fewer, forward and backward.

    Args:
        network: with its weights in single precision.
        dtype: of the copies.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.bfloat16) -> None:
        self._dtype = dtype
        of_layers = [
            (f"{layer}.{name}" if layer else name, value)
            for layer, module in network.named_modules()
            if type(module) in _CAST
            for name, value in module.named_parameters(recurse=False)
        ]
        self._names = [name for name, _ in of_layers]
        self._weights = [value for _, value in of_layers]

    def __call__(self) -> dict[str, Tensor]:
        """The copies by the names of the weights, for ``torch.func.functional_call``."""
        return dict(zip(self._names, _Copies.apply(self._dtype, *self._weights), strict=True))


class _Copies(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, dtype: torch.dtype, *weights: Tensor) -> tuple[Tensor, ...]:
        _ctx.set_materialize_grads(False)  # a layer that was not used has no gradient
        return _copied(weights, dtype)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        wide = iter(_copied([gradient for gradient in gradients if gradient is not None], torch.float32))
        return (None, *(None if gradient is None else next(wide) for gradient in gradients))


def _copied(values: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    copies = [torch.empty_like(value, dtype=dtype) for value in values]
    torch._foreach_copy_(copies, list(values))
    return tuple(copies)
