"""What the modules cost that a method trains beside the networks: their passes and updates, in plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from contestants import _sgd
from torch import Tensor, nn

from smkd_cli.train.step.pair import Pair


@dataclass(frozen=True)
class Call:
    """A module that was called: with what, and what a gradient is wanted of."""

    module: nn.Module
    given: Tensor
    reaches_parameters: bool

    def again(self) -> Callable[[], Tensor | None]:
        """The same pass over random numbers; gives what to go back from, or None where no gradient is wanted."""
        module, given = self.module, torch.randn_like(self.given)
        if not self.reaches_parameters:
            module = deepcopy(module).requires_grad_(False)
        wants = self.given.requires_grad

        def run() -> Tensor | None:
            output: Tensor = module(given.detach().requires_grad_(wants))
            return output.sum() if output.requires_grad else None

        return run


def modules_called(pair: Pair, step: Callable[[], None]) -> dict[Any, Callable[[], None]]:
    """Passes and updates of each peer's modules, by its number, and of the shared ones, as one step calls them."""
    shared = {name: extra.module for name, extra in pair.shared.items()}
    owners: dict[Any, list[nn.Module]] = {"shared": list(shared.values())}
    for index, peer in enumerate(pair.peers):
        owners[index] = [module for name, module in peer.modules.items() if name not in shared]
    with _recorded(owners) as calls:
        step()
    return {owner: _passes(owners[owner], calls[owner]) for owner in owners}


@contextmanager
def _recorded(owners: dict[Any, list[nn.Module]]) -> Iterator[dict[Any, list[Call]]]:
    """The outermost calls of modules within those of each owner."""
    calls: dict[Any, list[Call]] = {owner: [] for owner in owners}
    handles = []
    for owner, modules in owners.items():
        open_calls: list[nn.Module] = []

        def enter(
            module: nn.Module, given: tuple[Tensor, ...], owner: Any = owner, open_calls: list[nn.Module] = open_calls
        ) -> None:
            if not open_calls and any(True for _ in module.parameters()):
                wants = any(value.requires_grad for value in module.parameters())
                calls[owner].append(Call(module, given[0], wants))
            open_calls.append(module)

        def leave(_module: nn.Module, _given: Any, _output: Any, open_calls: list[nn.Module] = open_calls) -> None:
            open_calls.pop()

        for part in (part for module in modules for part in module.modules()):
            handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
    yield calls
    for handle in handles:
        handle.remove()


def _passes(modules: list[nn.Module], calls: list[Call]) -> Callable[[], None]:
    optimizers = [_sgd(module, fused=True) for module in modules if calls]
    again = [call.again() for call in calls]

    def run() -> None:
        total = [output for output in (one() for one in again) if output is not None]
        if total:
            for optimizer in optimizers:
                optimizer.zero_grad()
            sum(total[1:], total[0]).backward()  # type: ignore[no-untyped-call]
            for optimizer in optimizers:
                optimizer.step()

    return run
