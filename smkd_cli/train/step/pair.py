"""A pair of peers ready to learn: both peers, what they share, statistics, and the step that changes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from smkd_cli.data.images.contract import Columns, TrainingImages
from smkd_cli.methods import Clock, LabelFacts, Stage
from smkd_cli.methods.pair_loss import PairLoss
from smkd_cli.methods.sampling import Balanced, Sampler, Uniform
from smkd_cli.methods.step_checks import name_of
from smkd_cli.seeds import torch_seed
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.step import optimizers
from smkd_cli.train.step.epoch_plan import Draws, EpochPlan, plan_epoch
from smkd_cli.train.step.extras import build_extras
from smkd_cli.train.step.mixture import Mixture
from smkd_cli.train.step.peer import Peer
from smkd_cli.train.step.records import SampleRecords
from smkd_cli.train.step.spec import PairSpec
from smkd_cli.train.step.stage_steps import StageSteps
from smkd_cli.train.step.statistics import Statistics
from smkd_cli.train.step.step import PairStep

PEERS = ("a", "b")


class Pair:
    """Two networks that learn from the same noisy labels; :func:`~smkd_cli.train.step.build.build_pair` makes one.

    Args:
        spec: what it is made of.
        images: the training images; they come out on the machine's device.
        machine: device, precision, memory format.

    Attributes:
        noisy_labels: (n,) int64, of all training images, on the device.
        loss: the method, with its memory and clock.
        shared: the modules that the method trains for both, by name.
    """

    def __init__(self, spec: PairSpec, images: TrainingImages, machine: Machine) -> None:
        self.spec, self.images, self.machine = spec, images, machine
        self.method, self.classes = spec.method, spec.classes
        self.augmentation = tuple(spec.recipe.drawn)
        mix = spec.recipe.augmentation.mix
        self.mixture = None if mix is None else Mixture(mix.name, mix.alpha)
        self.noisy_labels = torch.from_numpy(spec.noisy_labels).to(machine.device)
        self.loss = PairLoss(self.method, self.noisy_labels, self.classes, epochs=spec.recipe.epochs, prepared=False)
        self.peers = tuple(Peer(spec, index, machine, self.loss.memory(index)) for index in range(2))
        self.shared = build_extras(spec, machine.device)
        for peer in self.peers:
            peer.modules |= {name: extra.module for name, extra in self.shared.items()}
        # What draws while training (dropout) draws from here on, from torch's own generator.
        torch.manual_seed(torch_seed(spec.seed, "training"))
        clean_labels = None if spec.clean_labels is None else torch.from_numpy(spec.clean_labels).to(machine.device)
        self.statistics = Statistics(self.noisy_labels, clean_labels)
        self.records = SampleRecords(self.noisy_labels)
        self.set_stage(0)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The two networks."""
        return tuple(peer.network for peer in self.peers)

    @property
    def clock(self) -> Clock:
        """Where training stands."""
        return self.loss.clock

    @property
    def memories(self) -> tuple[dict[str, Tensor], ...]:
        """What the method remembers of each."""
        return tuple(peer.memory for peer in self.peers)

    def prepare(self, facts: LabelFacts) -> None:
        """Let the method fill its memories before the first epoch; raises what it raises."""
        self.loss.prepare(facts)

    def begin(self, stage: Stage, number: int) -> None:
        """Enter a stage of training."""
        for peer in self.peers:
            peer.begin(stage, number)
        for extra in self.shared.values():
            optimizers.reset(extra.optimizer)
        if stage.fresh:
            self.records.begin()
        self.set_stage(number)

    def set_stage(self, number: int) -> None:
        """Take the steps of a stage from now on; changes no tensor."""
        self.loss.stage, self.loss.checked = number, False
        machine, recipe = self.machine, self.spec.recipe
        self.step = PairStep(
            peers=self.peers,
            shared=[extra.optimizer for extra in self.shared.values()],
            loss=self.loss,
            images=self.images,
            rules=len(self.augmentation),
            noisy_labels=self.noisy_labels,
            classes=self.classes,
            statistics=self.statistics,
            precision=machine.precision,
            both=machine.both,
            gradient_clip=recipe.optimizer.gradient_clip,
            mixture=self.mixture,
            distinct=type(self._sampler(number)) is Uniform,  # a subclass may order otherwise
        )
        capturable = self.method.capturable(number)
        self._steps = StageSteps(self.step, self.tensors, recipe.batch_size, machine.compute, capturable)

    def plan_epoch(self, indices: np.ndarray, epoch: int) -> EpochPlan:
        """Draw an epoch of this stage over the samples with these indices (m,); epochs count from 1, through all."""
        recipe, method = self.spec.recipe, self.method
        stage = self.loss.stage
        sampler = self._sampler(stage)
        scores = () if sampler.score is None else self._remembered(sampler.score)
        draws = Draws(
            self.augmentation,
            method.views(),
            sampler,
            scores,
            lambda random, sizes: method.draw(random, sizes, stage),
            name_of(method),
            self.mixture,
        )
        noisy_labels, size, device = self.spec.noisy_labels, recipe.batch_size, self.machine.device
        return plan_epoch(indices, noisy_labels, self.spec.seed, epoch, size, draws, device)

    def _sampler(self, stage: int) -> Sampler:
        if self.spec.recipe.sampler == "balanced" and not self.method.defines("sampler"):
            return Balanced()
        return self.method.sampler(stage)

    def batches(self, plan: EpochPlan, first: int = 0) -> Iterator[Columns]:
        """The batches of an epoch from number ``first`` on, whose images are got ready ahead of their steps."""
        size = self.spec.recipe.batch_size
        return self.images.ahead(plan.batches(size, first), plan.samples_of_batches(size, first))

    def _remembered(self, name: str) -> list[np.ndarray]:
        """A buffer of each peer's memory, read from the device."""
        return [memory[name].cpu().numpy() for memory in self.memories]

    def train_step(self, batch: Columns) -> None:
        """One step on a batch as an epoch plan has it."""
        self.images.stage(batch)
        self._steps(batch)
        if not self.loss.checked:
            self.loss.checked = True

    def prepare_steps(self, batches: Iterable[Columns]) -> None:
        """Compile and capture the steps of batches like these, if that is still to be done; training stays where it is.

        Raises:
            torch.OutOfMemoryError: there is not enough memory.
        """
        for batch in batches:
            if self._steps.is_prepared(batch):
                continue
            self.images.stage(batch)
            self._steps.prepare(batch)

    @property
    def falls_back(self) -> str | None:
        """Why steps are not taken as configured, once that is known."""
        return self._steps.impossible

    def set_learning_rate(self, rate: float) -> None:
        """For the next step, of both peers and of what is trained with them."""
        for peer in self.peers:
            optimizers.set_rate(peer.scheduled, rate)
        optimizers.set_rate((extra.optimizer for extra in self.shared.values() if extra.scheduled), rate)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that a step or a stage changes, by name: writing into them restores an earlier state."""
        tensors = {"statistics.table": self.statistics.table, "statistics.losses": self.statistics.losses}
        tensors |= {"records.sums": self.records.sums, "records.last": self.records.last}
        for letter, peer in zip(PEERS, self.peers, strict=True):
            tensors |= {f"{letter}.{name}": value for name, value in peer.tensors().items()}
        for name, extra in self.shared.items():
            tensors |= {f"shared.{name}.{key}": value for key, value in extra.tensors()}
        return tensors
