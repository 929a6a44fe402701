"""A method made of an exchange rule over a target rule: every row of the paper's Tables I, II and V."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smkd_cli.methods.contract import Batch, Clock, Method, Outputs, Overview
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule

if TYPE_CHECKING:
    from torch import Tensor


class Composed(Method):
    """L_A = self-loss of A on its own refined labels + what B passes to A (the paper's Section III-A)."""

    name = ""
    exchange: ExchangeRule
    target_rule: TargetRule

    def capturable(self, stage: int) -> bool:
        return self.exchange.capturable(stage) and self.target_rule.capturable(stage)

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        return self.target_rule.memory(samples, classes)

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        self.target_rule.observe(own, batch, clock)

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, overview: Overview) -> None:
        self.target_rule.after_epoch(memory, clock, overview)

    def refine(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        own.trust = self.target_rule.trust(own, batch, clock)
        own.target = self.target_rule.target(own, batch, clock)
        self.exchange.teach(own, batch, clock, self.target_rule)

    def threshold(self, classes: int, clock: Clock) -> Tensor | None:
        return self.exchange.threshold(classes, clock)

    def loss(self, own: Outputs, other: Outputs, batch: Batch, clock: Clock) -> Tensor:
        return self.exchange.combine(self.target_rule.loss(own, batch, clock), own, other, self.target_rule)
