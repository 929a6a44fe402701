"""One peer: its network, what stands beside it, and what a step changes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from smkd_cli import networks
from smkd_cli.methods import Companion, Stage
from smkd_cli.networks.heads import Head
from smkd_cli.seeds import torch_seed
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.step import optimizers
from smkd_cli.train.step.extras import build_extras
from smkd_cli.train.step.half_weights import HalfWeights
from smkd_cli.train.step.spec import PairSpec

Forward = Callable[[Tensor], Tensor]


class Peer:
    """A network with its optimiser, the method's memory, and the modules and companions beside it.

    Args:
        spec: of the pair.
        index: 0 or 1.
        machine: device, precision, memory format.
        memory: what the method remembers of the network.

    Attributes:
        scheduled: the optimisers whose learning rate follows the recipe's schedule.
        optimizers: those and the others.
        modules: what the method trains beside the network.
        companions: networks that are not trained, by name.
    """

    def __init__(self, spec: PairSpec, index: int, machine: Machine, memory: dict[str, Tensor]) -> None:
        self._spec, self._index, self._machine, self.memory = spec, index, machine, memory
        device = machine.device
        self.network = self._fresh_network(0)
        self.parameters = list(self.network.parameters())
        self._extras = build_extras(spec, device, index)
        extras = self._extras.values()
        self.scheduled = [optimizers.build(self.parameters, spec.recipe.optimizer)]
        self.scheduled += [extra.optimizer for extra in extras if extra.scheduled]
        self._unscheduled = [extra.optimizer for extra in extras if not extra.scheduled]
        self.modules = {name: extra.module for name, extra in self._extras.items()}
        self.companions = {companion.name: self._companion(companion) for companion in spec.method.companions()}

    @cached_property
    def compiled(self) -> Forward:
        """The network in its compiled form, for one shape of batches; compiled when it is first called.

        Without the compiler's own graphs: on CUDA it is a part of ours.
        """
        return torch.compile(self.network, dynamic=False, options={"triton.cudagraphs": False})

    @cached_property
    def half_weights(self) -> HalfWeights:
        """Half-precision copies of the network's weights."""
        return HalfWeights(self.network)

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        return [*self.scheduled, *self._unscheduled]

    def _fresh_network(self, stage: int) -> nn.Module:
        spec, machine = self._spec, self._machine
        beginning = (stage,) if stage else ()
        torch.manual_seed(torch_seed(spec.seed, "network", self._index, *beginning))
        part = None if spec.parts is None else spec.parts[self._index]
        channels = spec.channels if part is None else part[1]
        network = networks.build(spec.recipe.trained[self._index], classes=spec.classes, channels=channels)
        if isinstance(network, Head):
            network.part = part
        if (load := spec.pretrained[self._index]) is not None:
            load(network)
        return network.to(machine.device, memory_format=machine.memory_format)  # type: ignore[call-overload, no-any-return]

    def _companion(self, made: Companion) -> nn.Module:
        network = self._spec.teachers[made.source] if made.is_file else self.network
        return copy.deepcopy(network).requires_grad_(False).eval()

    def begin(self, stage: Stage, number: int) -> None:
        """Enter a stage: new weights and a teacher if it has them; what the optimisers remember is forgotten."""
        if stage.taught:
            self.companions["teacher"].load_state_dict(self.network.state_dict())
        if stage.fresh:
            self.network.load_state_dict(self._fresh_network(number).state_dict())
            for made in self._spec.method.companions():
                if made.source == "average":
                    self.companions[made.name].load_state_dict(self.network.state_dict())
        for optimizer in self.optimizers:
            optimizers.reset(optimizer)

    @torch.no_grad()
    def update_averages(self) -> None:
        """Move every averaging companion towards the network."""
        for made in self._spec.method.companions():
            if made.source == "average":
                average, own = self.companions[made.name].state_dict(), self.network.state_dict()
                floating = [name for name, value in own.items() if value.is_floating_point()]
                torch._foreach_lerp_(  # one kernel for all weights, as torch's own averaging does
                    [average[name] for name in floating], [own[name] for name in floating], 1 - made.momentum
                )

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that a step or a stage changes, by name."""
        tensors: dict[str, Tensor] = {f"weights.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"memory.{name}": value for name, value in self.memory.items()}
        tensors |= dict(optimizers.states(self.scheduled[0], self.network))
        for name, extra in self._extras.items():
            tensors |= {f"module.{name}.{key}": value for key, value in extra.tensors()}
        for made in self._spec.method.companions():
            if not made.is_file:
                beside = self.companions[made.name].state_dict()
                tensors |= {f"companion.{made.name}.{key}": value for key, value in beside.items()}
        return tensors
