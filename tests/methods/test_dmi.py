"""DMI: reference values, batches that say nothing, and its two stages."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, Outputs, Stage
from smkd_cli.methods.losses.dmi import information_loss
from smkd_cli.methods.sampling import Balanced, Uniform

INPUTS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())["inputs"]
SIX, FOUR = ("ZD", "yD"), ("ZA", "y")


def given_batch(keys=SIX):
    """Logits and one-hot labels of the reference: six samples of three classes, or four of five."""
    logits = torch.tensor(INPUTS[keys[0]], dtype=torch.float64, requires_grad=True)
    return logits, torch.nn.functional.one_hot(torch.tensor(INPUTS[keys[1]]), logits.shape[1]).double()


def loss_of(logits, onehot, stage=1, **options):
    method = methods.build("DMI", options)
    batch = Batch(onehot.argmax(1), onehot, torch.arange(len(onehot)))
    clock = Clock(*(torch.ones(()) for _ in range(4)), stage=stage)
    own = Outputs.of(logits)
    own = own.refined(method.refine(own, batch, clock))
    return method.loss(own, own, batch, clock)


def gradient(loss, logits):
    return torch.autograd.grad(loss, logits)[0]


@pytest.mark.parametrize(
    ("keys", "form", "key"),
    [
        (FOUR, "authors", "DMI 4x5 (singular) code form"),
        (SIX, "authors", "DMI 6x3 code form"),
        (SIX, "normalised", "DMI 6x3 U/N -logabsdet"),
    ],
)
def test_the_loss(expected, close, keys, form, key):
    close(loss_of(*given_batch(keys), form=form), expected(key))


def test_the_forms_between(expected, close):
    logits, onehot = given_batch()
    log_probs = logits.log_softmax(1)
    close(information_loss(log_probs, onehot, normalised=False), expected("DMI 6x3 -logabsdet, no eps"))
    close(information_loss(log_probs, onehot, normalised=False).neg().exp(), expected("DMI 6x3 det"))
    close(information_loss(log_probs, onehot, floor=1e-3), expected("DMI 6x3 U/N, eps 1e-3"))
    four, labels = given_batch(FOUR)
    least = information_loss(four.log_softmax(1), labels, normalised=False, floor=1e-30).neg().exp()
    close(least - 1e-30, expected("DMI 4x5 det"))


@pytest.mark.parametrize("form", ["normalised", "authors"])
def test_the_gradient_is_that_of_the_written_formula(close, form):
    logits, onehot = given_batch()
    joint = onehot.T @ logits.softmax(1)
    written = -torch.det(joint / 6).abs().log() if form == "normalised" else -(torch.det(joint).abs() + 1e-3).log()
    close(gradient(loss_of(logits, onehot, form=form), logits), gradient(written, logits))


def test_one_over_n_changes_the_value_by_a_constant_and_no_gradient(close):
    logits, onehot = given_batch()
    one, other = (
        information_loss(logits.log_softmax(1), onehot, normalised=normalised) for normalised in (True, False)
    )
    close(one - other, torch.tensor(3 * math.log(6), dtype=torch.float64))
    close(gradient(one, logits), gradient(other, logits))


def absent_class():
    logits, _ = given_batch()
    return logits, torch.nn.functional.one_hot(torch.tensor([0, 1, 0, 0, 1, 1]), 3).double()


def fewer_samples_than_classes():
    return given_batch(FOUR)


def all_alike():
    logits, onehot = given_batch()
    return torch.ones_like(logits).requires_grad_(), onehot


def two_classes_alike():
    logits, onehot = given_batch()
    alike = logits.detach()[[0, 0, 2, 0, 0, 5]]
    return alike.requires_grad_(), onehot


def alike_but_for_rounding():
    logits, onehot = all_alike()
    return (logits.detach() * (1 + 1e-9 * torch.eye(6, 3, dtype=torch.float64))).requires_grad_(), onehot


def certain_of_one_class():
    logits, onehot = given_batch()
    sure = torch.zeros_like(logits)
    sure[:, 1] = 2000
    return sure.requires_grad_(), onehot


SINGULAR = [
    absent_class,
    fewer_samples_than_classes,
    all_alike,
    two_classes_alike,
    alike_but_for_rounding,
    certain_of_one_class,
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("form", "value"), [("normalised", 0.0), ("authors", -math.log(1e-3))])
@pytest.mark.parametrize("make", SINGULAR)
def test_a_batch_without_a_determinant_trains_nothing(make, form, value, dtype):
    logits, onehot = (part.detach().to(dtype) for part in make())
    logits.requires_grad_()
    loss = loss_of(logits, onehot, form=form)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(value)
    assert (gradient(loss, logits) == 0).all()


def test_predictions_that_are_no_numbers_are_not_passed_over():
    logits, onehot = given_batch()
    assert loss_of((logits.detach() * float("nan")).requires_grad_(), onehot).isnan()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_noise_independent_of_the_image_adds_a_constant(seed):
    """The paper's theorem on the joint itself: U T has the information of U and that of T."""
    random = torch.Generator().manual_seed(seed)
    joint = torch.rand(5, 5, generator=random, dtype=torch.float64) + 3 * torch.eye(5)
    probs = joint / joint.sum(1, keepdim=True)
    transition = 0.6 * torch.eye(5, dtype=torch.float64) + 0.1 * torch.rand(5, 5, generator=random, dtype=torch.float64)
    transition = transition / transition.sum(1, keepdim=True)
    clean, noisy = (information_loss(probs.log(), labels) for labels in (torch.eye(5).double(), transition))
    torch.testing.assert_close(noisy - clean, -torch.linalg.slogdet(transition).logabsdet)


def test_single_precision_says_nearly_the_same():
    logits, onehot = given_batch()
    double, single = loss_of(logits, onehot), loss_of(logits.detach().float(), onehot.float())
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(double.item(), rel=1e-5)


def test_nothing_synchronises_with_the_device():
    logits = torch.empty(6, 3, device="meta", requires_grad=True)
    for form in ("normalised", "authors"):
        loss = loss_of(logits, torch.empty(6, 3, device="meta"), form=form)
        assert gradient(loss, logits).shape == (6, 3)


def test_the_first_stage_is_the_cross_entropy(close):
    logits, onehot = given_batch()
    close(loss_of(logits, onehot, stage=0), torch.nn.functional.cross_entropy(logits, onehot).detach())


def test_the_stages():
    assert methods.build("DMI", {}).stages(120) == (
        Stage("ce", 120),
        Stage("dmi", 100, lr_factor=1e-5, schedule="constant"),
    )
    assert isinstance(methods.build("DMI", {}).sampler(0), Uniform)
    assert isinstance(methods.build("DMI", {}).sampler(1), Balanced)
    later = methods.build("DMI", {"dmi_share": 0.01, "dmi_rate": 0.5}).stages(3)[1]
    assert (later.epochs, later.lr_factor) == (1, 0.5)


def test_a_batch_smaller_than_the_classes_is_a_problem():
    method = methods.build("DMI", {})
    assert method.problem(10, 10, True) is None
    assert "at least 100, not 99" in method.problem(99, 100, True)


@pytest.mark.parametrize("options", [{"form": "paper"}, {"dmi_share": 0.0}, {"dmi_rate": 0.0}, {"dmi_rate": "1e-6"}])
def test_options_that_are_wrong(options):
    with pytest.raises(ValidationError):
        methods.full_options("DMI", options)


def test_dmi_stands_alone():
    with pytest.raises(ValueError, match="EXCHANGE"):
        methods.rules_of("MKD+DMI")
