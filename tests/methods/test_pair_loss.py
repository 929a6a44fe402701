"""PairLoss: the same losses as the methods' own, a state that can be saved, and what it refuses."""

from __future__ import annotations

import pytest
import torch

import smkd_cli.api as smkd
from smkd_cli import methods
from smkd_cli.methods import Batch, Outputs
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.pair_loss import PairLoss, beyond_logits
from smkd_cli.methods.targets.contract import TargetRule

N, CLASSES, EPOCHS, STEPS = 12, 5, 4, 3
LABELS = torch.arange(N) % CLASSES


def logits(seed, size=N):
    random = torch.Generator().manual_seed(seed)
    return [(3 * torch.randn(size, CLASSES, generator=random)).requires_grad_() for _ in range(2)]


def pair_of(name, **options):
    facts = {"noise_rate": 0.3, "transition_matrix": torch.eye(CLASSES).double() * 0.7 + 0.06}
    return PairLoss(smkd.method(name, **options), LABELS, CLASSES, epochs=EPOCHS, steps_per_epoch=STEPS, **facts)


def all_names():
    for name in methods.names():
        rule = methods.rule(name)
        if issubclass(rule, ExchangeRule):
            yield f"{name}+MyLC"
        elif issubclass(rule, TargetRule):
            yield f"SMKD-S+{name}"
        elif "teacher" not in rule.model_fields:
            yield name


NAMES = [name for name in all_names() if not beyond_logits(smkd.method(name))]


def test_most_methods_need_no_more_than_logits():
    assert {"SMKD-P+MyLC", "SMKD-S+GCE", "Co-teaching", "KDCL", "DMI", "Forward"} <= set(NAMES)
    assert set(all_names()) - set(NAMES) == {"M-DYR", "AFD", "FFL", "PCL", "BAN", "Tf-KD_self", "CDR", "T-revision"}


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_those_of_the_method(name):
    pair, method = pair_of(name), smkd.method(name)
    a, b = logits(0)
    losses = pair(a, b, LABELS, torch.arange(N))
    assert int(pair.clock.iteration) == 1
    batch = Batch(LABELS, torch.nn.functional.one_hot(LABELS, CLASSES).float(), torch.arange(N))
    fresh = pair_of(name)
    fresh.clock.iteration.fill_(1)
    plain = []
    for index, own in enumerate((a, b)):
        outputs = Outputs.of(own, fresh.memory(index))
        method.observe(outputs, batch, fresh.clock)
        plain.append(outputs.refined(method.refine(outputs, batch, fresh.clock)))
    one, two = plain
    assert torch.equal(losses[0], method.loss(one, two, batch, fresh.clock))
    assert torch.equal(losses[1], method.loss(two, one, batch, fresh.clock))
    assert torch.equal(pair.refined[0].target, one.target.detach())
    assert torch.equal(pair.refined[1].sent, method.sent(two, one, batch, fresh.clock))
    for loss, own, other in ((losses[0], a, b), (losses[1], b, a)):
        found = torch.autograd.grad(loss, (own, other), allow_unused=True, retain_graph=True)
        assert found[1] is None or not found[1].any()


@pytest.mark.parametrize("name", ["SMKD-P+MyLC", "Co-teaching", "MentorNet", "Joint"])
def test_a_saved_state_goes_on_where_it_was(name):
    whole, saved = pair_of(name), pair_of(name)
    training = tuple(logits(9))
    for pair in (whole, saved):
        for step in range(STEPS):
            pair(*logits(step), LABELS, torch.arange(N))
        pair.end_epoch(training)
    again = pair_of(name)
    again.load_state_dict(saved.state_dict())
    for step in range(2):
        ours, theirs = (pair(*logits(10 + step), LABELS, torch.arange(N)) for pair in (whole, again))
        assert torch.equal(torch.stack(ours), torch.stack(theirs))
    assert int(again.clock.epoch) == 2
    assert int(again.clock.iteration) == STEPS + 2


def test_the_clock_runs_through_stages():
    pair = pair_of("DMI")
    assert [stage.name for stage in pair.stages] == ["ce", "dmi"]
    for epoch in range(1, EPOCHS + 1):
        assert int(pair.clock.epoch) == epoch
        for _ in range(STEPS):
            pair(*logits(epoch), LABELS, torch.arange(N))
        assert float(pair.clock.progress("iteration")) == pytest.approx(epoch / EPOCHS)
        pair.end_epoch()
    ce = torch.nn.functional.cross_entropy(logits(1)[0], LABELS)
    assert not torch.allclose(ce, pair_in_stage(1)(*logits(1), LABELS, torch.arange(N))[0])
    torch.testing.assert_close(ce, pair_in_stage(0)(*logits(1), LABELS, torch.arange(N))[0])
    later = pair_in_stage(1)
    state = later.state_dict()
    fresh = pair_of("DMI")
    fresh.load_state_dict(state)
    assert fresh.stage == 1
    assert int(fresh.clock.epochs) == pair.stages[1].epochs


def pair_in_stage(number):
    pair = pair_of("DMI")
    pair.begin_stage(number)
    return pair


def test_in_evaluation_mode_nothing_changes():
    pair = pair_of("SMKD-P+MyLC")
    pair.eval()
    before = {name: value.clone() for name, value in pair.state_dict().items() if isinstance(value, torch.Tensor)}
    pair(*logits(0), LABELS, torch.arange(N))
    assert before
    for name, value in before.items():
        assert torch.equal(value, pair.state_dict()[name]), name


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("M-DYR", "images of its own making"),
        ("AFD", "feature maps, further parameters"),
        ("BAN", "networks beside the two"),
        ("CDR", "changing gradients"),
        ("FFL", "a loss of both networks together"),
    ],
)
def test_what_asks_for_more_than_logits_is_refused(name, what):
    with pytest.raises(ValueError, match=f"{what}.*smkd train"):
        pair_of(name)(*logits(0), LABELS, torch.arange(N))


def test_what_is_not_given_is_required():
    with pytest.raises(ValueError, match="noise_rate is oracle"):
        PairLoss(smkd.method("Co-teaching"), LABELS, CLASSES)
    pair = pair_of("Forward", transition="estimated", estimate_share=0.25)
    with pytest.raises(ValueError, match="give end_epoch their logits"):
        pair.end_epoch()
    held_out = pair_of("KDCL", variant="general")
    with pytest.raises(ValueError, match="held-out samples"):
        held_out.end_epoch()
    held_out.end_epoch(held_out=(*logits(3), LABELS))
    weights = [held_out.memory(index)["own_weight"] for index in range(2)]
    assert float(sum(weights)) == pytest.approx(1)
    assert float(weights[0]) != 0.5
