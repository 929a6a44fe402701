"""A method of two rules uses all hooks that its rules use, or is refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from smkd_cli.errors import UnknownName
from smkd_cli.methods import Batch, Clock, Companion, Extra, Inputs, LabelFacts, Outputs, Stage, Views, catalogue
from smkd_cli.methods.composed import Composed
from smkd_cli.methods.exchange.all_knowledge import All
from smkd_cli.methods.exchange.static import Static
from smkd_cli.methods.exchange.zero import Zero
from smkd_cli.methods.hooks import Hooks
from smkd_cli.methods.sampling import Balanced, TwoPools
from smkd_cli.methods.targets.ce import CE

CLOCK = Clock(*torch.ones(4, dtype=torch.float64).unbind())
CALLED: list[str] = []


class Asking(CE):
    """A target rule that defines every hook."""

    name = "Asking"

    def capturable(self, stage):
        return stage == 7

    def problem(self, batch_size, classes, held_out):
        return f"no batches of {batch_size}" if batch_size > 3 else None

    def needs(self):
        return frozenset({"noise_rate"})

    def stages(self, epochs):
        return Stage("one", epochs), Stage("two", epochs)

    def views(self):
        return Views(3)

    def wants_features(self):
        return True

    def companions(self):
        return (Companion("average", "average"),)

    def extras(self):
        return (Extra("more", lambda classes, widths: torch.nn.Linear(classes, 1)),)

    def memory(self, samples, classes):
        return {"kept": (samples,)}

    def before_training(self, memory, facts):
        CALLED.append("before_training")

    def sampler(self, stage):
        return Balanced()

    def draw(self, random, batches, stage):
        return {"number": random.random(sum(batches))}

    def inputs(self, own, other, batch, clock):
        return Inputs(batch.views[0] * 2, batch.onehot)

    def passes_before(self, stage):
        return 5

    def observe(self, own, batch, clock):
        CALLED.append("observe")

    def after_backward(self, parameters, memory, clock):
        CALLED.append("after_backward")

    def after_epoch(self, memory, clock, predictions):
        CALLED.append("after_epoch")


class AskingExchange(Asking, All):
    """The same on the other side."""

    name = "AskingExchange"


def test_every_hook_is_defined_here_and_known_to_what_composes():
    hooks = {name for name, value in vars(Hooks).items() if inspect.isfunction(value)} - {"defines"}
    assert hooks <= vars(Asking).keys()
    assert hooks <= vars(Composed).keys()


@pytest.mark.parametrize(
    "method",
    [Composed(exchange=All(), target_rule=Asking()), Composed(exchange=AskingExchange(), target_rule=CE())],
    ids=["target rule", "exchange rule"],
)
def test_what_a_rule_asks_for_is_asked_for(method):
    assert method.capturable(7)
    assert not method.capturable(0)
    assert method.problem(4, 2, True) == "no batches of 4"
    assert method.problem(3, 2, True) is None
    assert method.needs() == {"noise_rate"}
    assert [stage.name for stage in method.stages(3)] == ["one", "two"]
    assert method.views() == Views(3)
    assert method.wants_features()
    assert [made.name for made in method.companions()] == ["average"]
    assert [made.name for made in method.extras()] == ["more"]
    assert method.memory(9, 2) == {"kept": (9,)}
    assert isinstance(method.sampler(0), Balanced)
    assert method.draw(np.random.default_rng(0), [2, 1], 0)["number"].shape == (3,)
    assert method.defines("inputs")
    assert method.passes_before(0) == 5
    labels = torch.zeros(2, dtype=torch.int64)
    batch = Batch(labels, torch.eye(2), labels, (torch.ones(2, 1, 4, 4),))
    assert (method.inputs(None, None, batch, CLOCK).images == 2).all()
    CALLED.clear()
    method.before_training({}, LabelFacts(labels, 2))
    method.observe(Outputs.of(torch.zeros(2, 2)), batch, CLOCK)
    method.after_backward([], {}, CLOCK)
    method.after_epoch({}, CLOCK, None)
    assert CALLED == ["before_training", "observe", "after_backward", "after_epoch"]


def test_rules_that_ask_for_nothing_special_take_no_further_work():
    method = Composed(exchange=Static(), target_rule=CE())
    assert not method.defines("inputs")
    assert method.views() == Views()
    assert method.memory(5, 2) == {}
    assert method.clash() is None


def test_what_only_one_can_decide_is_not_asked_of_two(monkeypatch):
    rules = {"AskingExchange": AskingExchange, "Asking": Asking}
    monkeypatch.setattr(catalogue, "rules_of", lambda name: tuple(rules[part] for part in name.split("+")))
    with pytest.raises(UnknownName, match="decide stages, views, sampler, draw, inputs, passes_before, memory kept"):
        catalogue.build("AskingExchange+Asking", {})
    assert Composed(exchange=Zero(), target_rule=Asking()).clash() is None


class InPools(CE):
    """A target rule whose batches depend on a score of each peer."""

    name = "InPools"

    def memory(self, samples, classes):
        return {"clean": (samples,)}

    def sampler(self, stage):
        return TwoPools("clean")


def test_peers_with_batches_of_their_own_teach_each_other_nothing():
    assert "each draws samples of its own" in Composed(exchange=All(), target_rule=InPools()).clash()
    assert Composed(exchange=Zero(), target_rule=InPools()).clash() is None
