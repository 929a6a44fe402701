"""One peer: its network, what stands beside it, and what a step changes of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from smkd_cli import methods, networks
from smkd_cli.methods import Companion
from smkd_cli.recipe import Recipe
from smkd_cli.seeds import torch_seed
from smkd_cli.train.machine.device import Site
from smkd_cli.train.step import optimizers

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Plan:
    """What a pair is made of.

    Attributes:
        recipe: its networks, optimiser, batch size and epochs count.
        method: what is learned from.
        seed: of the initial weights.
        samples: n, of the training set.
        classes, channels: of the data set.
        teachers: trained networks by the path that the method names them with.
    """

    recipe: Recipe
    method: methods.Method
    seed: int
    samples: int
    classes: int
    channels: int
    teachers: Mapping[str, nn.Module] = field(default_factory=dict)


class Learner:
    """A peer's network with its optimiser, the method's memory, and the modules and companions beside it.

    Args:
        plan: of the pair.
        peer: 0 or 1.
        site: device, precision, layout.

    Attributes:
        rated: the optimisers that follow the recipe's schedule.
        optimizers: those and the others.
        modules: what the method trains beside the network.
        companions: networks that are not trained, by name.
    """

    def __init__(self, plan: Plan, peer: int, site: Site) -> None:
        self._plan, self._peer, self._site = plan, peer, site
        recipe, device = plan.recipe, site.device
        self.network = self._fresh_network(0)
        self.parameters = list(self.network.parameters())
        self.rated = [optimizers.build(self.parameters, recipe.optimizer)]
        self._unrated: list[torch.optim.Optimizer] = []
        self.modules: dict[str, nn.Module] = {}
        self._own_modules: dict[str, tuple[nn.Module, torch.optim.Optimizer]] = {}
        widths = [networks.facts(recipe.networks[number]).features for number in (peer, 1 - peer)]
        for extra in plan.method.extras():
            if not extra.shared:
                torch.manual_seed(torch_seed(plan.seed, f"module {extra.name}", peer))
                module = extra.build(plan.classes, widths).to(device)
                made = optimizers.of_extra(list(module.parameters()), extra.lr, recipe.optimizer)
                self.modules[extra.name], self._own_modules[extra.name] = module, (module, made)
                (self.rated if extra.lr is None else self._unrated).append(made)
        self.companions = {companion.name: self._companion(companion) for companion in plan.method.companions()}
        shapes = plan.method.memory(plan.samples, plan.classes)
        self.memory = {name: torch.zeros(shape, device=device) for name, shape in shapes.items()}

    @cached_property
    def compiled(self) -> Forward:
        """The network in its compiled form, for one shape of batches; compiled when it is first called.

        Without the compiler's own graphs: on CUDA it is a part of ours.
        """
        return torch.compile(self.network, dynamic=False, options={"triton.cudagraphs": False})

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        return [*self.rated, *self._unrated]

    def _fresh_network(self, stage: int) -> nn.Module:
        plan, site = self._plan, self._site
        beginning = (stage,) if stage else ()
        torch.manual_seed(torch_seed(plan.seed, "network", self._peer, *beginning))
        network = networks.build(plan.recipe.networks[self._peer], classes=plan.classes, channels=plan.channels)
        return network.to(site.device, memory_format=site.memory_format)  # type: ignore[call-overload, no-any-return]

    def _companion(self, made: Companion) -> nn.Module:
        network = self._plan.teachers[made.source] if made.is_file else self.network
        return copy.deepcopy(network).requires_grad_(False).eval()

    def begin(self, stage: methods.Stage, number: int) -> None:
        """Enter a stage: new weights and a teacher if it has them; what the optimisers remember is forgotten."""
        if stage.taught:
            self.companions["teacher"].load_state_dict(self.network.state_dict())
        if stage.fresh:
            self.network.load_state_dict(self._fresh_network(number).state_dict())
            for made in self._plan.method.companions():
                if made.source == "average":
                    self.companions[made.name].load_state_dict(self.network.state_dict())
        for optimizer in self.optimizers:
            optimizers.reset(optimizer)

    @torch.no_grad()
    def update_averages(self) -> None:
        """Move every averaging companion towards the network."""
        for made in self._plan.method.companions():
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
        tensors |= dict(optimizers.states(self.rated[0], self.network))
        for name, (module, optimizer) in self._own_modules.items():
            tensors |= {f"module.{name}.{key}": value for key, value in module.state_dict().items()}
            tensors |= {f"module.{name}.{key}": value for key, value in optimizers.states(optimizer, module)}
        for made in self._plan.method.companions():
            if not made.is_file:
                beside = self.companions[made.name].state_dict()
                tensors |= {f"companion.{made.name}.{key}": value for key, value in beside.items()}
        return tensors
