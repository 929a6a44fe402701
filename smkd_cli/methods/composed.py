"""A method made of an exchange rule over a target rule: every row of the paper's Tables I, II and V."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from smkd_cli.methods.contract import (
    Batch,
    Clock,
    Hooks,
    Inputs,
    LabelFacts,
    Method,
    Need,
    Outputs,
    Predictions,
    Predictor,
    Refined,
    RefinedOutputs,
    Views,
)
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.hook_checks import called, twice_in
from smkd_cli.methods.sampling import Sampler
from smkd_cli.methods.stages import Companion, Extra, Stage
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor

# What only one of the two rules can decide.
_OF_ONE = ("stages", "views", "sampler", "draw", "inputs", "passes_before")


class Composed(Method):
    """L_A = self-loss of A on its own refined labels + what B passes to A (the paper's Section III-A).

    Every hook of both rules is called, the target rule's first. What only one can decide is decided by the rule that
    defines it. A rule with a function that looks like a hook and is none is refused (``hook_checks.py``).
    """

    name = ""
    exchange: ExchangeRule
    target_rule: TargetRule

    def defines(self, hook: str) -> bool:
        return any(rule.defines(hook) for rule in self._rules())

    def clash(self) -> str | None:
        """What both rules define though only one can, or None."""
        both = [hook for hook in _OF_ONE if self.exchange.defines(hook) and self.target_rule.defines(hook)]
        shared = self.exchange.memory(1, 2).keys() & self.target_rule.memory(1, 2).keys()
        clashes = [*both, *(f"memory {name}" for name in sorted(shared))]
        clashes += [f"companion {name}" for name in twice_in(made.name for made in self.companions())]
        clashes += [f"extra {name}" for name in twice_in(made.name for made in self.extras())]
        if called(self.exchange) != "Zero" and any(self.sampler(number).score for number in range(len(self.stages(1)))):
            clashes.append("what a peer gets, as each draws samples of its own")
        return ", ".join(clashes) or None

    def _deciding(self, hook: str) -> Hooks:
        return self.exchange if self.exchange.defines(hook) else self.target_rule

    def _rules(self) -> tuple[Hooks, Hooks]:
        return self.target_rule, self.exchange

    def capturable(self, stage: int) -> bool:
        return all(rule.capturable(stage) for rule in self._rules())

    def problem(self, batch_size: int, classes: int, held_out: bool) -> str | None:
        problems = (rule.problem(batch_size, classes, held_out) for rule in self._rules())
        return next((problem for problem in problems if problem), None)

    def needs(self) -> frozenset[Need]:
        return self.target_rule.needs() | self.exchange.needs()

    def stages(self, epochs: int) -> tuple[Stage, ...]:
        return self._deciding("stages").stages(epochs)

    def views(self) -> Views:
        return self._deciding("views").views()

    def wants_features(self) -> bool:
        return any(rule.wants_features() for rule in self._rules())

    def companions(self) -> tuple[Companion, ...]:
        return (*self.target_rule.companions(), *self.exchange.companions())

    def extras(self) -> tuple[Extra, ...]:
        return (*self.target_rule.extras(), *self.exchange.extras())

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return self.target_rule.memory(samples, classes) | self.exchange.memory(samples, classes)

    def before_training(self, memory: dict[str, Tensor], facts: LabelFacts) -> None:
        for rule in self._rules():
            rule.before_training(memory, facts)

    def sampler(self, stage: int) -> Sampler:
        return self._deciding("sampler").sampler(stage)

    def draw(self, random: Any, batches: Sequence[int], stage: int) -> Mapping[str, Any]:
        return self._deciding("draw").draw(random, batches, stage)

    def inputs(self, own: Predictor, other: Predictor, batch: Batch, clock: Clock) -> Inputs:
        return self._deciding("inputs").inputs(own, other, batch, clock)

    def passes_before(self, stage: int) -> int:
        return self._deciding("passes_before").passes_before(stage)

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        for rule in self._rules():
            rule.observe(own, batch, clock)

    def after_backward(self, parameters: Sequence[Tensor], memory: dict[str, Tensor], clock: Clock) -> None:
        for rule in self._rules():
            rule.after_backward(parameters, memory, clock)

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        for rule in self._rules():
            rule.after_epoch(memory, clock, predictions)

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> Refined:
        return self.exchange.send(own, self.target_rule.refine(own, batch, clock), clock)

    def threshold(self, classes: int, clock: Clock) -> Tensor | None:
        return self.exchange.threshold(classes, clock)

    def loss(self, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
        return self.exchange.combine(self.target_rule.loss(own, batch, clock), own, other, self.target_rule)
