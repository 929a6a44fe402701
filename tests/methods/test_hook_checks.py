"""Hooks of a rule that nothing would call, and hooks that give something else than they should, are named."""

from __future__ import annotations

import pytest
import torch

import smkd_cli.api as smkd

HEAD = """\
from typing import ClassVar

import torch
from smkd_cli.methods.contract import *
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.sampling import TwoPools, Uniform
from smkd_cli.methods.stages import Companion, Extra, Stage
from smkd_cli.methods.targets.ce import CE
from smkd_cli.methods.losses.gce import GCE
"""
LABELS = torch.arange(4) % 3


@pytest.fixture
def method(tmp_path):
    """The method that a class of some lines is, after ``Zero`` or another exchange rule."""

    def build(base, *lines, exchange="Zero+"):
        body = "\n    ".join([f"name: ClassVar[str] = 'Mine{abs(hash(lines))}'", *lines])
        (tmp_path / "mine.py").write_text(f"{HEAD}\nclass Mine({base}):\n    {body}\n")
        alone = base in {"Method", "ExchangeRule"}
        target = "+CE" if base == "ExchangeRule" else ""
        return smkd.method(f"{'' if alone else exchange}{tmp_path}/mine.py:Mine{abs(hash(lines))}{target}")

    return build


REFINE = "def refine(self, own, batch, clock): return Refined(batch.target)"


@pytest.mark.parametrize(
    ("base", "line", "words"),
    [
        (
            "CE",
            "def after_epochs(self, memory, clock, predictions): pass",
            "after_epochs, which nothing calls; did",
        ),
        ("CE", "def after_epochs(self, memory, clock, predictions): pass", "did you mean after_epoch?"),
        ("CE", "def befor_training(self, memory, facts): pass", "did you mean before_training?"),
        ("CE", "def before_step(self): pass", "before_step, which nothing calls"),
        ("CE", "def on_stage(self): pass", "on_stage, which nothing calls; there are"),
        ("CE", "@staticmethod\n    def wants_feature(): return True", "did you mean wants_features?"),
        (
            "CE",
            "def together(self, a, b, batch, clock): pass",
            "is a target rule, and defines together, which only a",
        ),
        ("CE", "def combine(self, a, b, c, d): return a", "which only an exchange rule can define"),
        ("ExchangeRule", "def imitation(self, own, knowledge): return own", "which only a target rule can define"),
        ("ExchangeRule", "def sent(self, own, other, batch, clock): pass", "which only a method can define"),
        ("ExchangeRule", "def sends(self, own, refined, clock): return refined", "did you mean send?"),
        ("Method", "def losses(self, own, other, batch, clock): pass", "did you mean loss?"),
        ("Method", "def send(self, own, refined, clock): pass", "which only an exchange rule can define"),
        ("CE", "def observe(self, own): pass", r"observe\(self, own\) is called as observe\(self, own, batch, clock\)"),
        ("CE", "def memory(self, samples, classes, more): return {}", r"is called as memory\(self, samples, classes\)"),
        ("CE", "views: ClassVar[Views] = Views(2)", "views is a hook, and so a function"),
        ("CE", "def memory(self, samples, classes): return [samples]", "memory should give a dict of shapes"),
        ("CE", "def memory(self, samples, classes): return {'r': samples}", "memory should give a dict of shapes"),
        ("CE", "def stages(self, epochs): return Stage('one', epochs)", "stages should give a tuple of Stage"),
        ("CE", "def stages(self, epochs): return ()", "at least one"),
        ("CE", "def stages(self, epochs): return (Stage('one', epochs // 2),)", "at least 1"),
        ("CE", "def sampler(self, stage): return None", "sampler should give a Sampler, not None"),
        ("CE", "def sampler(self, stage): return TwoPools('clean')", "a score that is"),
        ("CE", "def views(self): return 2", "views should give Views"),
        ("CE", "def needs(self): return {'noise'}", "needs should give a set of noise_rate and transition_matrix"),
        ("CE", "def capturable(self, stage): pass", "capturable should give True or False, not None"),
        (
            "CE",
            "def companions(self): return [Companion('a'), Companion('a')]",
            "gives two that are called a",
        ),
        ("CE", "def extras(self): return Extra('a', None)", "extras should give a tuple of Extra"),
    ],
)
def test_what_a_rule_may_not_define_or_declare(method, base, line, words):
    with pytest.raises(ValueError, match=f"Mine.*{words}") as error:
        method(base, line)
    assert isinstance(error.value, smkd.UsageError)


@pytest.mark.parametrize(
    ("base", "lines"),
    [
        ("CE", ["def weights(self, own): pass", "def _after_epochs(self): pass", "def scores(self): pass"]),
        ("GCE", ["def losses(self, own, batch): return super().losses(own, batch)"]),
        ("Method", ["def loss(self, own, other, batch, clock): pass", "def losses(self, own): pass"]),
        (
            "CE",
            ["def observe(self, *all): pass", "def stages(self, epochs, more=2): return super().stages(epochs)"],
        ),
        ("CE", ["def memory(self, samples, classes): return {'a': [samples, 2], 'b': ()}"]),
    ],
)
def test_functions_of_a_rules_own_are_let_be(method, base, lines):
    method(base, *lines)


def test_a_recipe_with_such_a_rule_says_where_it_is(smkd, tmp_path):
    (tmp_path / "mine.py").write_text(f"{HEAD}\nclass Mine(CE):\n    name = 'Mine'\n    def after_epochs(self): pass\n")
    result = smkd("recipes", "validate", "quickstart", "--set", 'methods=["mine.py:Mine"]', "--set", "options={}")
    assert result.code == 3, result.err
    assert "methods.0: mine.py:Mine defines after_epochs" in result.err


def test_names_of_two_rules_are_not_shared(method, tmp_path):
    lines = (
        "def companions(self): return (Companion('average', 'average'),)\n"
        "    def extras(self): return (Extra('more', lambda classes, widths: torch.nn.Linear(classes, 1)),)\n"
    )
    (tmp_path / "two.py").write_text(
        f"{HEAD}class One(CE):\n    name = 'One'\n    {lines}class Two(ExchangeRule):\n    name = 'Two'\n    {lines}"
    )
    with pytest.raises(ValueError, match="both of its rules decide companion average, extra more"):
        smkd.method(f"{tmp_path}/two.py:Two+{tmp_path}/two.py:One")


@pytest.mark.parametrize(
    ("base", "line", "words"),
    [
        ("CE", "def refine(self, own, batch, clock): return batch.target", r"refine should give Refined, not \(4, 3\)"),
        (
            "CE",
            "def refine(self, own, batch, clock): return Refined(batch.target[:, :2])",
            r"refine should give a target \(4, 3\) of floats on cpu, not \(4, 2\) of float32",
        ),
        ("CE", "def refine(self, own, batch, clock): return Refined(batch.target.long())", r"not \(4, 3\) of int64"),
        (
            "CE",
            "def refine(self, own, batch, clock): return Refined(batch.target, own.probs)",
            "knowledge without a",
        ),
        ("CE", "def refine(self, own, batch, clock): return Refined(batch.target, trust=0.5)", "trust .4,.* not float"),
        ("CE", "def loss(self, own, batch, clock): return own.logits.mean(1)", r"loss should give a loss \(\)"),
        ("CE", "def loss(self, own, batch, clock): return 1.0", "not float 1.0"),
        ("CE", "def loss(self, own, batch, clock): return own.logits.detach().sum()", "a loss without a gradient"),
        (
            "ExchangeRule",
            "def send(self, own, refined, clock): return Refined(refined.target, sent=own.entropy[:2])",
            r"send should give sent \(4,\) of 0 and 1 on cpu, not \(2,\)",
        ),
        ("ExchangeRule", "def combine(self, self_loss, own, other, rule): return None", "combine should give a loss"),
        ("ExchangeRule", "def threshold(self, classes, clock): return 0.5", "threshold should give a threshold"),
        ("Method", "def loss(self, own, other, batch, clock): return own.logits[0]", "loss should give a loss"),
        ("Method", "def sent(self, own, other, batch, clock): return 1", "sent should give sent"),
    ],
)
def test_what_a_hook_gives_in_the_first_step(method, base, line, words):
    pair = smkd.PairLoss(method(base, line), LABELS, 3)
    logits = [torch.zeros(4, 3, requires_grad=True) for _ in range(2)]
    with pytest.raises(ValueError, match=f"Mine.*{words}"):
        pair(*logits, LABELS, torch.arange(4))


@pytest.mark.parametrize("hook", ["before_training", "observe", "after_epoch"])
def test_memory_is_changed_in_place(method, hook):
    parameters = {
        "before_training": "self, memory, facts",
        "observe": "self, own, batch, clock",
        "after_epoch": "self, memory, clock, predictions",
    }
    memory = "own.memory" if hook == "observe" else "memory"
    made = method(
        "CE",
        "def memory(self, samples, classes): return {'r': ()}",
        f"def {hook}({parameters[hook]}): {memory}['r'] = torch.ones(())",
    )

    def train():
        pair = smkd.PairLoss(made, LABELS, 3)
        pair(torch.zeros(4, 3), torch.zeros(4, 3), LABELS, torch.arange(4))
        pair.end_epoch()

    with pytest.raises(ValueError, match=f"{hook} should change what it remembers in place.*another tensor as r"):
        train()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "def refine(self, own, batch, clock): return Refined(batch.target[:, :2])",
            "Mine: refine should give a",
        ),
        ("def inputs(self, own, other, batch, clock): return batch", "Mine: inputs should give Inputs, not Batch"),
        (
            "def inputs(self, own, other, batch, clock): return Inputs(batch.views[0][:2], batch.onehot)",
            "Mine: inputs should give a target (2, 10) of floats on cpu, not (128, 10)",
        ),
        (
            "def draw(self, random, batches, stage): return {'x': random.random(3)}",
            "Zero+mine.py:Mine: draw should give x",
        ),
        (
            "def draw(self, random, batches, stage): return [1]",
            "Mine: draw should give arrays by name, not [1]",
        ),
        (
            "def sampler(self, stage): return Odd()",
            "Mine: sampler should order 1437 indices from 0 to 1436 as",
        ),
        ("def after_epoch(self, memory, clock, predictions): memory['x'] = 1", "another tensor as x"),
    ],
)
def test_training_ends_with_such_words_and_no_traceback(smkd, tmp_path, line, words):
    odd = "class Odd(Uniform):\n    def order(self, random, population): return population.samples[:9]\n"
    (tmp_path / "mine.py").write_text(f"{HEAD}\n{odd}\nclass Mine(CE):\n    name = 'Mine'\n    {line}\n")
    settings = ["methods=[mine.py:Mine]", "options={}", "seeds=[1]", "epochs=1", "compute={threads: 1}"]
    result = smkd("train", "quickstart", *(word for setting in settings for word in ("--set", setting)))
    assert result.code == 2, result.err
    assert words in " ".join(result.err.split())
    assert "captured" not in result.err
