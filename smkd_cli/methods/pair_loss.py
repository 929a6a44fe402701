"""The losses of a pair of networks, for a training loop of one's own; ours is made of the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from smkd_cli.errors import SmkdError, UsageError
from smkd_cli.methods.batch import Batch
from smkd_cli.methods.clock import Clock
from smkd_cli.methods.contract import Method
from smkd_cli.methods.hooks import LabelFacts
from smkd_cli.methods.loss_checks import check_pair, check_predictions, check_step
from smkd_cli.methods.outputs import Outputs, Refined, RefinedOutputs
from smkd_cli.methods.predictions import GivenPredictions
from smkd_cli.methods.step_checks import check_memory, checked_loss, checked_refine, name_of

_TIMES = ("epoch", "epochs", "iteration", "iterations")
_NETWORKS = ("a", "b")


class PairLoss(nn.Module):
    """What both networks of a pair learn from, as one module: it keeps the method's memories and its clock.

    The order of the samples and their augmentation are up to the loop: DMI, for one, wants batches in which
    every class is (``method.sampler``), and KDCL views of its own for each network (``method.views``).

    In training mode every call counts as a step, and the memories follow it; in evaluation mode nothing changes. Its
    ``state_dict`` holds memories, clock and stage, so that a loop of one's own can be resumed.

    Args:
        method: of :func:`smkd_cli.api.method`.
        noisy_labels: (n,) int64, of all training samples.
        classes: C.
        epochs: of the training; a method of several stages makes the length of each from it.
        steps_per_epoch: number of calls between two of :meth:`end_epoch`.
        noise_rate: fraction of wrong labels, for a method that needs to know it.
        transition_matrix: (C, C), row clean and column noisy, for a method that needs to know it.
        prepared: False leaves it to :meth:`prepare` to give the method these facts.

    Raises:
        UsageError: an argument is not what it should be, or the method needs to know what is not given, or it needs
            more of a training loop than losses.
        MethodError: the code of the method is wrong.

    Attributes:
        stages: the method's, in order.
        stage: number of the current one, from 0.
        checked: whether what the method's hooks give has been looked at, which is done in the first step of a stage.
        refined: what the last call made of both networks' outputs, detached; empty before the first.

    Example:
        >>> import torch, smkd_cli.api as smkd
        >>> noisy_labels = torch.tensor([0, 1, 2, 1])
        >>> method = smkd.method("SMKD-S+MyLC", eta=4.0)
        >>> pair = smkd.PairLoss(method, noisy_labels, classes=3, epochs=10, steps_per_epoch=1)
        >>> logits_a, logits_b = torch.zeros(4, 3, requires_grad=True), torch.zeros(4, 3, requires_grad=True)
        >>> loss_a, loss_b = pair(logits_a, logits_b, noisy_labels, torch.arange(4))
        >>> loss_a.backward(), loss_b.backward()
        (None, None)
        >>> pair.end_epoch()
        >>> f"{loss_a.item():.4f}, epoch {int(pair.clock.epoch)}"
        '1.0986, epoch 2'
    """

    def __init__(
        self,
        method: Method,
        noisy_labels: Tensor,
        classes: int,
        *,
        epochs: int = 1,
        steps_per_epoch: int = 1,
        noise_rate: float | None = None,
        transition_matrix: Tensor | None = None,
        prepared: bool = True,
    ) -> None:
        super().__init__()
        facts = LabelFacts(noisy_labels, classes, noise_rate, transition_matrix)
        if prepared:
            check_pair(method, facts, epochs, steps_per_epoch)
            _refuse_more(method)
        self.method, self.classes, self.steps_per_epoch = method, classes, steps_per_epoch
        self.stages, self.stage = method.stages(epochs), 0
        self.register_buffer("noisy_labels", noisy_labels, persistent=False)
        shapes = method.memory(len(noisy_labels), classes)
        self._remembered = {name: _buffer_of(name) for name in shapes}
        for network in _NETWORKS:
            memory = nn.Module()
            for name, shape in shapes.items():
                memory.register_buffer(_buffer_of(name), torch.zeros(shape, device=noisy_labels.device))
            self.add_module(network, memory)
        times = torch.zeros(4, dtype=torch.float64, device=noisy_labels.device)
        for name, value in zip(_TIMES, times.unbind(), strict=True):
            self.register_buffer(name, value)
        self.begin_stage(0)
        self.refined: tuple[Refined, ...] = ()
        # Whether a label was out of range on a device that is not waited for in a step; read when an epoch ends.
        self.register_buffer("out_of_range", torch.zeros((), device=noisy_labels.device) > 0, persistent=False)
        if prepared:
            self.prepare(facts)

    def memory(self, index: int) -> dict[str, Tensor]:
        """What the method remembers of network 0 or 1."""
        memory: Any = self._modules[_NETWORKS[index]]
        return {name: memory._buffers[buffer] for name, buffer in self._remembered.items()}

    @property
    def clock(self) -> Clock:
        """Where training stands, as tensors."""
        # Not get_buffer, which is slow: a step needs the clock ten times.
        times: Any = self._buffers
        return Clock(times["epoch"], times["epochs"], times["iteration"], times["iterations"], self.stage)

    def prepare(self, facts: LabelFacts) -> None:
        """Give the method what it needs to know before training.

        Raises:
            UsageError: it needs more than that.
        """
        for index in range(2):
            memory = self.memory(index)
            with _ours():
                self.method.before_training(memory, facts)
            check_memory(self.method, "before_training", memory, self.memory(index))

    def begin_stage(self, number: int) -> None:
        """Enter a stage of the method, from 0; the training loop follows what ``stages[number]`` requires.

        Raises:
            UsageError: the method has no such stage.
        """
        if number not in range(len(self.stages)):
            raise UsageError(f"the method's stages are 0 to {len(self.stages) - 1}; {number!r} is none")
        self.stage, self.checked = number, False
        self.set_time(1, 0)

    def get_extra_state(self) -> dict[str, int]:
        """What ``state_dict`` holds beside tensors."""
        return {"stage": self.stage}

    def set_extra_state(self, state: Any) -> None:
        """Go back to a stage; the clock is among the tensors."""
        self.stage, self.checked = state["stage"], False

    def set_time(self, epoch: int, step: int) -> None:
        """Set the clock to a step, from 0, of an epoch, from 1, of the current stage."""
        clock = self.clock
        epochs = self.stages[self.stage].epochs
        clock.epoch.fill_(epoch)
        clock.epochs.fill_(epochs)
        clock.iteration.fill_((epoch - 1) * self.steps_per_epoch + step)
        clock.iterations.fill_(epochs * self.steps_per_epoch)

    def forward(
        self, logits_a: Tensor, logits_b: Tensor, noisy_labels: Tensor, indices: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The loss of each network, (): what the other sends is detached, so that each reaches one network alone.

        Args:
            logits_a, logits_b: (N, C), of both networks on the same samples; half precision is widened to float32. For
                float64 ``pair.double()`` makes the memory so too.
            noisy_labels: (N,) int64, theirs.
            indices: (N,) int64, their positions in the ``noisy_labels`` that the pair was made with; some may repeat.

        Raises:
            UsageError: an argument is not what it should be; what is out of range on a GPU is found by
                :meth:`end_epoch`, because a step does not wait for the device.
            MethodError: the code of the method is wrong.
        """
        samples = len(self.get_buffer("noisy_labels"))
        check_step(logits_a, logits_b, noisy_labels, indices, self.classes, samples)
        if logits_a.device.type != "cpu":
            outside = (noisy_labels < 0) | (noisy_labels >= self.classes) | (indices < 0) | (indices >= samples)
            self.get_buffer("out_of_range").logical_or_(outside.any())
        if self.training:
            self.get_buffer("iteration").add_(1)
        classes = torch.arange(self.classes, device=noisy_labels.device)
        onehot = (noisy_labels.unsqueeze(1) == classes).to(torch.promote_types(logits_a.dtype, torch.float32))
        batch = Batch(noisy_labels, onehot, indices)
        a, b = (self.outputs(index, logits, batch) for index, logits in enumerate((logits_a, logits_b)))
        self.refined = tuple(
            Refined(own.target.detach(), own.knowledge, self.method.sent(own, other, batch, self.clock), own.trust)
            for own, other in ((a, b), (b, a))
        )
        losses = self.loss(a, b, batch), self.loss(b, a, batch)
        self.checked = True
        return losses

    def outputs(
        self,
        index: int,
        logits: Tensor,
        batch: Batch,
        companions: dict[str, Tensor] | None = None,
        modules: Mapping[str, nn.Module] | None = None,
        maps: Tensor | None = None,
    ) -> RefinedOutputs:
        """What network 0 or 1 predicts, observed and refined; see :class:`Outputs` for the arguments."""
        own = Outputs.of(logits, self.memory(index), companions, dict(modules or {}), maps)
        clock = self.clock
        if self.training:
            with torch.no_grad():
                self.method.observe(own, batch, clock)
        if self.checked:
            return own.refined(self.method.refine(own, batch, clock))
        check_memory(self.method, "observe", own.memory, self.memory(index))
        return own.refined(checked_refine(self.method, own, batch, clock))

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch) -> Tensor:
        """The loss of the network ``own``, ()."""
        if self.checked:
            return self.method.loss(own, other, batch, self.clock)
        return checked_loss(self.method, own, other, batch, self.clock)

    def end_epoch(
        self,
        training: tuple[Tensor, Tensor] | None = None,
        held_out: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> None:
        """An epoch has ended: the method looks back, and the next begins.

        Args:
            training: (n, C) logits of both networks on all training samples, without augmentation, in evaluation mode.
            held_out: (h, C) logits of both networks on held-out samples, and their noisy labels (h,).

        Raises:
            UsageError: there were more steps than ``steps_per_epoch``, or the stage is over, or a label was out of
                range, or the method needs predictions that are not given, or cannot go on; the message says which.
        """
        clock = self.clock
        check_predictions(training, held_out, len(self.get_buffer("noisy_labels")), self.classes)
        epoch, epochs, steps = int(clock.epoch), int(clock.epochs), self.steps_per_epoch
        if (done := int(clock.iteration) - (epoch - 1) * steps) > steps:
            raise UsageError(f"epoch {epoch} had {done} steps, but steps_per_epoch is {steps}")
        if epoch > epochs:
            raise UsageError(f"stage {self.stage} is over after {epochs} epochs: begin_stage enters another one")
        if self.get_buffer("out_of_range"):
            raise UsageError(f"epoch {epoch} had labels that are not from 0 to {self.classes - 1}, or indices of none")
        for index in range(2):
            seen = GivenPredictions(self.get_buffer("noisy_labels"), index, training, held_out)
            memory = self.memory(index)
            with _ours():
                self.method.after_epoch(memory, clock, seen)
            check_memory(self.method, "after_epoch", memory, self.memory(index))
        self.set_time(epoch + 1, 0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PairLoss:
        """What ``to`` does; half precision could neither count steps nor keep what is remembered, and is not taken."""
        before = dict(self.named_buffers())
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, value in before.items():
            module, _, own = name.rpartition(".")
            buffers: Any = self.get_submodule(module)._buffers
            if name in _TIMES or (value.is_floating_point() and buffers[own].element_size() < 4):
                buffers[own] = value.to(buffers[own].device)
        return self


def _buffer_of(name: str) -> str:
    """The buffer's name of a part of the memory: a module has attributes of its own, and allows no dots."""
    return f"memory_{name.replace('.', '-')}"


@contextmanager
def _ours() -> Iterator[None]:
    """What a method words for the user is an error of ours."""
    try:
        yield
    except SmkdError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error


def _refuse_more(method: Method) -> None:
    if missing := beyond_logits(method):
        raise UsageError(f"{name_of(method)} needs {', '.join(missing)}: train it with smkd.train, or smkd train")


def beyond_logits(method: Method) -> list[str]:
    """What a method needs of a step beside both networks' logits; such a method needs our training loop."""
    needs = {
        "images of its own making": method.defines("inputs"),
        "random numbers of its own": method.defines("draw"),
        "batches that its memory decides": any(method.sampler(k).score for k in range(len(method.stages(1)))),
        "feature maps": method.wants_features(),
        "networks beside the two": bool(method.companions()),
        "further parameters": bool(method.extras()),
        "changing gradients": method.defines("after_backward"),
        "a loss of both networks together": type(method).together is not Method.together,
    }
    return [what for what, needed in needs.items() if needed]
