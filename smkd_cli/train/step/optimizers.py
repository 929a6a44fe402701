"""Optimisers whose state is there from the start, so that every update is alike: the first can be captured too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from smkd_cli.recipe import OptimizerOptions


def build(parameters: Sequence[nn.Parameter], options: OptimizerOptions) -> torch.optim.Optimizer:
    """The optimizer of a recipe's ``optimizer`` section."""
    if options.name == "adam":
        return adam(parameters, options.lr, options.weight_decay)
    optimizer = torch.optim.SGD(
        parameters,
        lr=_rate(options.lr, parameters),
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=options.nesterov,
        fused=True,
    )
    if options.momentum:
        for parameter in parameters:
            # From zero, the first update gives the bits of one without a buffer. Strides count in a fused update, so a
            # buffer has its parameter's layout.
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter, requires_grad=False)
    return optimizer


def adam(parameters: Sequence[nn.Parameter], lr: float, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba, ICLR 2015) with its usual moments, 0.9 and 0.999."""
    device = parameters[0].device
    optimizer = torch.optim.Adam(
        parameters,
        lr=_rate(lr, parameters),
        weight_decay=weight_decay,
        fused=True,
        capturable=device.type == "cuda",
    )
    for parameter in parameters:
        state = optimizer.state[parameter]
        state["step"] = torch.zeros((), device=device)
        state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(parameter, requires_grad=False) for _ in range(2))
    return optimizer


def of_extra(parameters: Sequence[nn.Parameter], lr: float | None, options: OptimizerOptions) -> torch.optim.Optimizer:
    """What trains a method's own parameters: Adam at a rate of their own, or (None) the recipe's optimiser."""
    return build(parameters, options) if lr is None else adam(parameters, lr)


def _rate(lr: float, parameters: Sequence[nn.Parameter]) -> float | Tensor:
    # A captured update reads the rate from the device; a processor takes a plain number faster.
    device = parameters[0].device
    return torch.tensor(lr, device=device) if device.type == "cuda" else lr


def set_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """The learning rate of the next step."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def states(optimizer: torch.optim.Optimizer, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of an optimiser's state, as ``momentum.<parameter>`` and so on."""
    for name, parameter in module.named_parameters():
        for key, value in optimizer.state[parameter].items():
            if isinstance(value, Tensor):
                yield f"{key.removesuffix('_buffer')}.{name}", value


def reset(optimizer: torch.optim.Optimizer) -> None:
    """Reset the optimizer's state, in place."""
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()
