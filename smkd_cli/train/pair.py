"""A pair of peers ready to learn: both learners, what they share, statistics, and the step that changes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from smkd_cli import networks
from smkd_cli.data.images.resident import ImageBank
from smkd_cli.methods import Clock, Facts, Stage
from smkd_cli.seeds import torch_seed
from smkd_cli.train import optimizers
from smkd_cli.train.captured import CapturedStep, NoGraphs, Step
from smkd_cli.train.cuda_graphs import CudaGraphs
from smkd_cli.train.learner import Learner, Plan
from smkd_cli.train.site import Site
from smkd_cli.train.statistics import Statistics
from smkd_cli.train.step import PairStep

PEERS = ("a", "b")


class Pair:
    """Two networks that learn from the same labels.

    Args:
        plan: what it is made of.
        images: the training images, on the site's device.
        labels: (n,) int64, the given labels of all training images, there too.
        clean: (n,) int64, or None where nobody knows them; for statistics only.
        site: device, precision, layout.
    """

    def __init__(self, plan: Plan, images: ImageBank, labels: Tensor, clean: Tensor | None, site: Site) -> None:
        self.plan, self.site, self.method, self.classes = plan, site, plan.method, plan.classes
        self.learners = tuple(Learner(plan, peer, site) for peer in range(2))
        self.shared: dict[str, tuple[nn.Module, torch.optim.Optimizer]] = {}
        self._rated: list[torch.optim.Optimizer] = []
        self._share()
        # What draws while training (dropout) draws from here on, from torch's own generator.
        torch.manual_seed(torch_seed(plan.seed, "training"))
        self.statistics = Statistics(labels, clean)
        epoch, epochs, iteration, iterations = torch.zeros(4, dtype=torch.float64, device=site.device).unbind()
        self.clock = Clock(epoch, epochs, iteration, iterations)
        self._images, self._labels = images, labels
        self.set_stage(0)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The two networks."""
        return tuple(learner.network for learner in self.learners)

    @property
    def memories(self) -> tuple[dict[str, Tensor], ...]:
        """What the method remembers of each."""
        return tuple(learner.memory for learner in self.learners)

    def _share(self) -> None:
        widths = [networks.facts(name).features for name in self.plan.recipe.networks]
        for extra in self.method.extras():
            if extra.shared:
                torch.manual_seed(torch_seed(self.plan.seed, f"module {extra.name}"))
                module = extra.build(self.classes, widths).to(self.site.device)
                made = optimizers.of_extra(list(module.parameters()), extra.lr, self.plan.recipe.optimizer)
                self.shared[extra.name] = module, made
                for learner in self.learners:
                    learner.modules[extra.name] = module
                if extra.lr is None:
                    self._rated.append(made)

    def prepare(self, facts: Facts) -> None:
        """Let the method fill its memories before the first epoch; raises what it raises."""
        for memory in self.memories:
            self.method.before_training(memory, facts)

    def begin(self, stage: Stage, number: int) -> None:
        """Enter a stage of training."""
        for learner in self.learners:
            learner.begin(stage, number)
        for _, optimizer in self.shared.values():
            optimizers.reset(optimizer)
        self.set_stage(number)

    def set_stage(self, number: int) -> None:
        """Take the steps of a stage from now on; changes no tensor."""
        self.clock = replace(self.clock, stage=number)
        site = self.site
        self.step = PairStep(
            learners=self.learners,
            shared=[made for _, made in self.shared.values()],
            method=self.method,
            images=self._images,
            labels=self._labels,
            classes=self.classes,
            clock=self.clock,
            statistics=self.statistics,
            precision=site.precision,
            both=site.both,
            gradient_clip=self.plan.recipe.optimizer.gradient_clip,
        )
        self._whole, self._rest = self._prepared(number)

    def learn(self, *batch: Tensor) -> None:
        """One step on a batch as an epoch plan has it: indices, offsets, flips, and the mix if there is one."""
        self._step_of(batch)(*batch)

    def prepare_steps(self, batches: Iterable[tuple[Tensor, ...]]) -> None:
        """Compile and capture the steps of batches like these, if that is still to be done; training stays where it is.

        Raises:
            torch.OutOfMemoryError: there is not enough memory.
        """
        for batch in batches:
            step = self._step_of(batch)
            if isinstance(step, CapturedStep):
                step.prepare(*batch)

    def _step_of(self, batch: tuple[Tensor, ...]) -> Step:
        return self._whole if len(batch[0]) == self.plan.recipe.batch_size else self._rest

    @property
    def falls_back(self) -> str | None:
        """Why a step is not done as the setup says, once that is known."""
        steps = [step for step in (self._whole, self._rest) if isinstance(step, CapturedStep)]
        return next((step.impossible for step in steps if step.impossible), None)

    def set_learning_rate(self, rate: float) -> None:
        """For the next step, of both peers and of what is trained with them."""
        for learner in self.learners:
            optimizers.set_rate(learner.rated, rate)
        optimizers.set_rate(self._rated, rate)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that a step or a stage changes, by name: writing into them restores an earlier state."""
        tensors = {"statistics.said": self.statistics.said, "statistics.losses": self.statistics.losses}
        for peer, learner in zip(PEERS, self.learners, strict=True):
            tensors |= {f"{peer}.{name}": value for name, value in learner.tensors().items()}
        for name, (module, optimizer) in self.shared.items():
            tensors |= {f"shared.{name}.{key}": value for key, value in module.state_dict().items()}
            tensors |= {f"shared.{name}.{key}": value for key, value in optimizers.states(optimizer, module)}
        return tensors

    def _prepared(self, number: int) -> tuple[Step, Step]:
        """The steps of whole batches and of an epoch's last batch, if smaller, in a stage, as the setup says.

        Another batch size would have to be compiled anew, so the smaller batch takes the networks as they are.
        """
        step, state, setup = self.step, self.tensors, self.site.setup
        captured = setup.device == "cuda" and setup.step != "eager" and self.method.capturable(number)
        graphs = CudaGraphs() if captured else NoGraphs()
        whole, rest = (CapturedStep(step, state, graphs) if captured else step for _ in range(2))
        if setup.step == "compiled":
            compiled = replace(step, compiled=True)
            whole = CapturedStep(compiled, state, graphs, whole, "goes on without compiled networks")
        return whole, rest
