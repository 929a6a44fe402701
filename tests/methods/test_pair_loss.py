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
    with pytest.raises(smkd.UsageError, match=f"^{name} needs.*{what}.*smkd train"):
        pair_of(name)


def test_what_is_not_given_is_required():
    with pytest.raises(smkd.UsageError, match="noise_rate is oracle"):
        PairLoss(smkd.method("Co-teaching"), LABELS, CLASSES)
    pair = pair_of("Forward", transition="estimated", estimate_share=0.25)
    with pytest.raises(smkd.UsageError, match="give end_epoch their logits"):
        pair.end_epoch()
    held_out = pair_of("KDCL", variant="general")
    with pytest.raises(ValueError, match="held-out samples"):
        held_out.end_epoch()
    held_out.end_epoch(held_out=(*logits(3), LABELS))
    weights = [held_out.memory(index)["own_weight"] for index in range(2)]
    assert float(sum(weights)) == pytest.approx(1)
    assert float(weights[0]) != 0.5


# What it refuses


def made(**changes):
    arguments = {"method": smkd.method("SMKD-S+MyLC"), "noisy_labels": LABELS, "classes": CLASSES} | changes
    return PairLoss(**arguments)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "SMKD-S+MyLC"}, r"method should be what smkd.method\(\) gives, not str"),
        ({"noisy_labels": LABELS.tolist()}, r"noisy_labels should be a tensor \(n,\) of int64, not list"),
        ({"noisy_labels": LABELS.float()}, r"not \(12,\) of float32"),
        ({"noisy_labels": LABELS.int()}, r"not \(12,\) of int32"),
        ({"noisy_labels": LABELS[None]}, r"not \(1, 12\) of int64"),
        ({"noisy_labels": LABELS[:0]}, "at least one label"),
        ({"noisy_labels": LABELS + 1}, "noisy_labels should be from 0 to 4, not from 1 to 5"),
        ({"classes": 1}, "classes should be a whole number from 2 on, not 1"),
        ({"classes": 5.0}, "classes should be a whole number"),
        ({"epochs": 0}, "epochs should be a whole number from 1 on"),
        ({"steps_per_epoch": True}, "steps_per_epoch should be"),
        ({"noise_rate": 40}, "noise_rate should be a number from 0 to 1, not 40"),
        ({"transition_matrix": torch.eye(4)}, r"transition_matrix should be a tensor \(5, 5\) of floats, not \(4, 4\)"),
    ],
)
def test_a_pair_is_not_made_of_anything_else(changes, words):
    with pytest.raises(smkd.UsageError, match=words):
        made(**changes)


def step(**changes):
    a, b = logits(0)
    given = {"logits_a": a, "logits_b": b, "noisy_labels": LABELS, "indices": torch.arange(N)} | changes
    return made()(**given)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"logits_a": torch.zeros(N)}, r"logits_a should be a tensor \(12, 5\) of floats, not \(12,\)"),
        ({"logits_a": torch.zeros(N, 4)}, r"not \(12, 4\) of float32"),
        ({"logits_a": torch.zeros(())}, r"not \(\) of float32"),
        ({"logits_b": torch.zeros(N - 1, CLASSES)}, r"logits_b should be a tensor \(12, 5\) of floats, not \(11, 5\)"),
        ({"logits_b": torch.zeros(N, CLASSES).long()}, "logits_b should be.* of int64"),
        ({"logits_b": torch.zeros(N, CLASSES).double()}, "of type float32, as logits_a is, not float64"),
        ({"logits_b": torch.zeros(N, CLASSES, device="meta")}, "logits_b should be on cpu.*not on meta"),
        ({"noisy_labels": LABELS[1:]}, r"noisy_labels should be a tensor \(12,\) of int64, not \(11,\)"),
        ({"noisy_labels": LABELS.float()}, "noisy_labels should be.*float32"),
        ({"noisy_labels": LABELS - 1}, "noisy_labels should be from 0 to 4, not from -1 to 3"),
        ({"indices": torch.arange(N) + 1}, "indices should be from 0 to 11, not from 1 to 12"),
        ({"indices": list(range(N))}, "indices should be a tensor.*not list"),
    ],
)
def test_a_step_is_not_taken_on_anything_else(changes, words):
    with pytest.raises(smkd.UsageError, match=words):
        step(**changes)


def test_no_samples_have_no_loss():
    empty = torch.zeros(0, CLASSES)
    with pytest.raises(smkd.UsageError, match="has no samples"):
        made()(empty, empty, LABELS[:0], LABELS[:0])


def test_the_clock_does_not_run_past_its_ends():
    pair = made(epochs=2, steps_per_epoch=2)
    for _ in range(3):
        pair(*logits(0), LABELS, torch.arange(N))
    with pytest.raises(smkd.UsageError, match="epoch 1 had 3 steps, but steps_per_epoch is 2"):
        pair.end_epoch()
    pair.begin_stage(0)
    pair.end_epoch()
    pair.end_epoch()
    with pytest.raises(smkd.UsageError, match="stage 0 is over after 2 epochs"):
        pair.end_epoch()
    with pytest.raises(smkd.UsageError, match="the method's stages are 0 to 0; 1 is none"):
        pair.begin_stage(1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"training": (torch.zeros(3, CLASSES),) * 2}, r"training should be a tensor \(12, 5\)"),
        ({"training": (torch.zeros(N, CLASSES),)}, "training should be the logits of both"),
        ({"held_out": (torch.zeros(3, CLASSES),) * 2}, "held_out should be both networks' logits and the labels"),
        ({"held_out": (torch.zeros(3, 5), torch.zeros(2, 5), LABELS[:3])}, r"held_out should be a tensor \(3, 5\)"),
        ({"held_out": (torch.zeros(3, 5), torch.zeros(3, 5), LABELS[:3] + 9)}, "labels of held_out should be from 0"),
    ],
)
def test_predictions_of_an_epoch_are_checked(given, words):
    with pytest.raises(smkd.UsageError, match=words):
        made().end_epoch(**given)


# What it takes


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_wider_and_half_precision_and_a_sample_twice(name, dtype):
    indices = torch.tensor([0, 0, *range(1, N - 1)])
    pair = pair_of(name)
    a, b = (value.detach().to(dtype).requires_grad_() for value in logits(0))
    losses = pair(a, b, LABELS[indices], indices)
    assert all(loss.dtype == torch.promote_types(dtype, torch.float32) for loss in losses)
    sum(losses).backward()
    assert a.grad.dtype == b.grad.dtype == dtype
    plain = pair_of(name)(a.detach().float(), b.detach().float(), LABELS[indices], indices)
    torch.testing.assert_close(torch.stack(losses).float(), torch.stack(plain), rtol=1e-4, atol=1e-5)


def test_half_precision_neither_counts_nor_remembers():
    pair = pair_of("MentorNet")
    pair.clock.iteration.fill_(4097)
    pair.memory(0)["loss_percentile"].fill_(1 / 3)
    pair.half()
    assert int(pair.clock.iteration) == 4097
    assert pair.memory(0)["loss_percentile"].dtype == torch.float32
    assert pair.double().memory(0)["loss_percentile"].dtype == torch.float64
    pair(*(value.double() for value in logits(0)), LABELS, torch.arange(N))
    pair.float()
    assert pair.clock.iteration.dtype == torch.float64
    assert int(pair.clock.iteration) == 4098


@pytest.mark.parametrize("name", NAMES)
def test_a_step_waits_for_no_device(name):
    """On a device without numbers, looking at one is an error."""
    pair = pair_of(name).to("meta")
    losses = pair(*(value.to("meta") for value in logits(0)), LABELS.to("meta"), torch.arange(N, device="meta"))
    assert [loss.shape for loss in losses] == [(), ()]


def test_labels_out_of_range_are_found_when_the_epoch_ends():
    pair = made()
    pair.get_buffer("out_of_range").fill_(True)  # as a GPU has it
    with pytest.raises(smkd.UsageError, match="epoch 1 had labels that are not from 0 to 4, or indices of none"):
        pair.end_epoch()
