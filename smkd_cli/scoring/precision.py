"""The precision in which a network computes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def mixed_precision(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """Autocast to a precision for one forward pass of a network; nothing for float32.

    Every weight is used once in a pass, so no cast copy of it is worth keeping.
    """
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, precision, cache_enabled=False)
