"""The training step of a pair: the hot path. Nothing in it depends on data, and nothing is copied to the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils import clip_grad_norm_

from smkd_cli.data.images.contract import Columns, TrainingImages
from smkd_cli.methods import Batch, Inputs, Method, Outputs, RefinedOutputs, mixing
from smkd_cli.methods.pair_loss import PairLoss
from smkd_cli.methods.step_checks import check_inputs, check_loss
from smkd_cli.scoring import mixed_precision
from smkd_cli.train.machine.parallel import Both, in_turn
from smkd_cli.train.step.epoch_plan import named
from smkd_cli.train.step.mixture import Mixture
from smkd_cli.train.step.peer import Peer
from smkd_cli.train.step.predictor import PeerPredictor
from smkd_cli.train.step.statistics import Statistics

# Outputs are computed in single precision at least.
_LEAST = torch.float32
# Where a kernel for each weight costs time.
_FEWER_KERNELS = {"cuda"}


@dataclass
class PairStep:
    """Both forwards, both losses, both backwards, both updates.

    Attributes:
        peers: A and B, on one device, their networks in training mode.
        loss: the method, with its memories and clock; the loop sets the clock before each call.
        images: the training images.
        rules: number of rules in their augmentation.
        noisy_labels: (n,) int64, of all training images.
        classes: C.
        statistics: takes the outputs of the epoch.
        shared: optimisers of what both peers share.
        precision: of the forwards; losses are float32 whatever it is.
        both: runs a piece of work for each peer.
        gradient_clip: largest norm of a network's gradient; None for no limit.
        compiled: whether the networks' compiled forms are trained.
        mixture: how images of a batch are mixed, if they are.
        distinct: whether no sample comes twice in a batch.
    """

    peers: Sequence[Peer]
    loss: PairLoss
    images: TrainingImages
    rules: int
    noisy_labels: Tensor
    classes: int
    statistics: Statistics
    shared: Sequence[torch.optim.Optimizer] = ()
    precision: torch.dtype = torch.float32
    both: Both = in_turn
    gradient_clip: float | None = None
    compiled: bool = False
    mixture: Mixture | None = None
    distinct: bool = False

    @property
    def method(self) -> Method:
        """The method."""
        return self.loss.method

    @cached_property
    def _predictors(self) -> tuple[PeerPredictor, ...]:
        return tuple(PeerPredictor(peer, self.precision) for peer in self.peers)

    def __call__(self, columns: Columns) -> None:
        """Train on one batch of an epoch plan."""
        batches = self._batches(columns)
        if self.method.defines("inputs"):
            predictors = self._predictors  # made here, once, and not by each peer's thread
            batches = self.both(lambda index: self._with_inputs(predictors, index, batches[index]))
        elif self.mixture is not None:
            mixture, drawn, predictors = self.mixture, named(columns, "mix."), self._predictors
            batches = self.both(lambda index: self._mixed(mixture, drawn, predictors[index], batches[index]))
        outputs = self.both(lambda index: self._forward(index, batches[index]))
        if type(self.method).together is Method.together:
            self.both(lambda index: self._train_peer(index, outputs, batches[index]))
        else:
            self._train_together(outputs, batches)

    def _batches(self, columns: Columns) -> tuple[Batch, Batch]:
        """Each peer's batch: one for both, where they see the same."""
        declared = self.method.views()
        indices, drawn = columns["indices"], named(columns, "drawn.")
        of_rules = [named(columns, f"view.{position}.") for position in range(self.rules)]
        made: list[Batch] = []
        for peer in range(1 if declared.shared and indices.shape[1] == 1 else 2):
            of = indices[:, peer % indices.shape[1]]
            first = 0 if declared.shared else peer * declared.count
            views = tuple(
                self.images.view(of, [{name: value[:, view] for name, value in rule.items()} for rule in of_rules])
                for view in range(first, first + declared.count)
            )
            noisy_labels = self.noisy_labels[of]
            classes = torch.arange(self.classes, device=noisy_labels.device)
            onehot = (noisy_labels.unsqueeze(1) == classes).to(views[0].dtype)
            made.append(Batch(noisy_labels, onehot, of, views, drawn, distinct=self.distinct))
        return made[0], made[-1]

    def _with_inputs(self, predictors: Sequence[PeerPredictor], index: int, batch: Batch) -> Batch:
        own, other = predictors[index], predictors[1 - index]
        with torch.no_grad():
            inputs = self.method.inputs(own, other, batch, self.loss.clock)
        if not self.loss.checked:
            check_inputs(self.method, inputs, batch)
        return replace(batch, inputs=inputs)

    @torch.no_grad()
    def _mixed(self, mixture: Mixture, drawn: dict[str, Tensor], own: PeerPredictor, batch: Batch) -> Batch:
        """A batch whose images, and labels, are mixed; for the statistics the network looks at the unmixed ones."""
        images, share = mixture(batch.views[0], drawn)
        target = mixing.mixed(batch.onehot, batch.onehot[drawn["partner"]], share.to(batch.onehot.dtype))
        logits = own.predict(batch.views[0])
        unmixed = Outputs.of(logits, own.memory)
        refined = self.method.refine(unmixed, batch, self.loss.clock).target
        return replace(batch, inputs=Inputs(images, target, logits, refined))

    def _forward(self, index: int, batch: Batch) -> RefinedOutputs:
        """A peer's outputs on the batch, refined."""
        peer, features = self.peers[index], None
        images = batch.images
        if batch.inputs is not None:
            self._predictors[index].commit()
        with mixed_precision(images.device, self.precision):
            if self.method.wants_features():
                features = peer.network.maps(images)  # type: ignore[operator]
                logits = peer.network.classify(features)  # type: ignore[operator]
            elif self.compiled:
                logits = peer.compiled(images)
            elif self.precision == torch.bfloat16 and images.device.type in _FEWER_KERNELS:
                logits = functional_call(peer.network, peer.half_weights(), (images,))
            else:
                logits = peer.network(images)
        with torch.no_grad():
            companions = self._companions(peer, batch.views[0])
        # Maps of their own: the logits' gradient does not come through them, only what the method does with the maps.
        maps = None if features is None else features.view_as(features).to(torch.promote_types(logits.dtype, _LEAST))
        return self.loss.outputs(index, logits, batch, companions, peer.modules, maps)

    def _companions(self, peer: Peer, images: Tensor) -> dict[str, Tensor]:
        return {
            made.name: self._frozen(peer.companions[made.name], images)
            for made in self.method.companions()
            if self.loss.stage >= made.first_stage
        }

    def _frozen(self, network: torch.nn.Module, images: Tensor) -> Tensor:
        """Logits of a network that is in evaluation mode: what is only looked at does not change its statistics."""
        with mixed_precision(images.device, self.precision):
            logits: Tensor = network(images)
        return logits.to(images.dtype)

    def _train_peer(self, index: int, outputs: tuple[RefinedOutputs, RefinedOutputs], batch: Batch) -> None:
        """Update a peer. The other's knowledge is detached, so no gradient reaches the other's weights."""
        peer = self.peers[index]
        loss = self.loss.loss(outputs[index], outputs[1 - index], batch)
        for optimizer in peer.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._update(index)
        self._count(index, outputs, loss, batch)

    @torch.no_grad()
    def _count(self, index: int, outputs: tuple[RefinedOutputs, RefinedOutputs], loss: Tensor, batch: Batch) -> None:
        own, other = outputs[index], outputs[1 - index]
        self.statistics.add(index, own, self.method.sent(own, other, batch, self.loss.clock), loss, batch)

    def _train_together(self, outputs: tuple[RefinedOutputs, RefinedOutputs], batches: tuple[Batch, Batch]) -> None:
        """Update both peers and what they share by the sum of all losses.

        Its gradient is taken as far as the networks' outputs; from there on each network's is its own, and the peers
        part again.
        """
        losses = [self.loss.loss(outputs[index], outputs[1 - index], batches[index]) for index in range(2)]
        common = self.method.together(*outputs, batches[0], self.loss.clock)
        if common is not None and not self.loss.checked:
            check_loss(self.method, "together", common, outputs[0])
        total = losses[0] + losses[1] if common is None else losses[0] + losses[1] + common
        beside = [*self.shared, *(made for peer in self.peers for made in peer.optimizers[1:])]
        modules = [value for optimizer in beside for group in optimizer.param_groups for value in group["params"]]
        heads = [head for own in outputs for head in (own.logits, own.maps) if head is not None]
        found = torch.autograd.grad(total, [*heads, *modules], allow_unused=True)
        for value, gradient in zip(modules, found[len(heads) :], strict=True):
            value.grad = gradient

        half = len(heads) // 2

        def learn(index: int) -> None:
            own = slice(index * half, (index + 1) * half)
            reached = [(head, back) for head, back in zip(heads[own], found[own], strict=True) if back is not None]
            self.peers[index].optimizers[0].zero_grad(set_to_none=True)
            torch.autograd.backward([head for head, _ in reached], [back for _, back in reached])
            self._update(index)
            self._count(index, outputs, losses[index], batches[index])

        self.both(learn)
        for optimizer in self.shared:
            optimizer.step()

    def _update(self, index: int) -> None:
        peer = self.peers[index]
        with torch.no_grad():
            self.method.after_backward(peer.parameters, peer.memory, self.loss.clock)
        if self.gradient_clip is not None:
            clip_grad_norm_(peer.parameters, self.gradient_clip)
        for optimizer in peer.optimizers:
            optimizer.step()
        peer.update_averages()
