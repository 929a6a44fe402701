"""The contract between a method and the training loop; all that a method's file needs is imported from here.

For every batch the loop runs both peers and hands the method what each predicts:

1. ``method.inputs(own, other, batch, clock)`` once per peer, if the method has it: what the networks learn from;
2. ``method.observe(own, batch, clock)`` once per peer, in training only: the method may update its memory;
3. ``method.refine(own, batch, clock)`` once per peer: the refined target, and what the peer gets;
4. ``method.loss(own, other, batch, clock)`` once with each peer as ``own``: A learns from B, B from A;
5. ``method.after_backward(parameters, memory, clock)`` once per peer, between the backward pass and the update.

All of it are tensor operations whose shapes do not depend on the data, without a copy to the host, so that the whole
step can be captured in a CUDA graph; where that is impossible, ``capturable`` is False. What is called for
one peer may run beside what is called for the other: it changes nothing but memory of its ``own``. N is the batch
size, C the number of classes, M the number of images in the training forward: N, unless ``inputs`` makes others.

Between epochs a method may take its time: ``before_training`` and ``after_epoch`` run once per peer, without these
limits, and may look at the whole training set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.batch import Batch, Inputs, Predictor
from smkd_cli.methods.clock import Clock, TimeUnit
from smkd_cli.methods.formulas import cross_entropy, interpolate, logistic
from smkd_cli.methods.hooks import Hooks, LabelFacts, Need, Predictions, Rule, Views
from smkd_cli.methods.outputs import Outputs, Refined, RefinedOutputs

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Batch",
    "Clock",
    "Hooks",
    "Inputs",
    "LabelFacts",
    "Method",
    "Need",
    "Outputs",
    "Predictions",
    "Predictor",
    "Refined",
    "RefinedOutputs",
    "Rule",
    "TimeUnit",
    "Views",
    "cross_entropy",
    "interpolate",
    "logistic",
]


class Method(Hooks):
    """What both peers learn from; ``loss`` is the one function that a method must define.

    Example:
        >>> class Squared(smkd.Method):
        ...     name = "Squared"
        ...     def loss(self, own, other, batch, clock):  # own.probs and batch.onehot are (N, C)
        ...         return (own.probs - batch.onehot).square().sum(1).mean()
        >>> smkd.method(Squared).stages(10)[0].epochs
        10
    """

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        """The labels that ``own`` learns from, and what its peer gets; by default the noisy ones, and nothing."""
        return Refined(batch.target)

    def threshold(self, classes: int, clock: Clock) -> Tensor | None:
        """The entropy below which knowledge is sent, (), in nats; None where nothing is compared."""
        return None

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        """The loss of the network ``own``, (), the mean over the batch."""
        raise NotImplementedError(f"{type(self).__name__} defines no loss")

    def sent(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        """(N,) of 0 and 1, what ``own`` sends, for the statistics; for methods that decide it with both outputs."""
        return own.sent

    def together(self, a: RefinedOutputs, b: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor | None:
        """A loss of both networks and of what they share, (), added to the sum of their own; None where there is none.

        Where there is one, its gradient reaches both networks, and one backward pass serves all.
        """
        return None
