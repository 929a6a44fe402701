"""Distillation from a fixed teacher: closed forms, stages, and what the gradient reaches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn.functional import cross_entropy, kl_div, log_softmax, one_hot, softmax

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, Outputs
from smkd_cli.methods.distillation.kd import divergence, ramp_at, ramp_up

INPUTS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())["inputs"]
LABELS = torch.tensor(INPUTS["y"])
BATCH = Batch(LABELS, one_hot(LABELS, 5).double(), torch.arange(4))
TAUGHT = {"T2S-KD": {"teacher": "runs/teacher"}, "Tf-KD_self": {}, "BAN": {}}


def logits(key):
    return torch.tensor(INPUTS[key], dtype=torch.float64, requires_grad=True)


@pytest.fixture
def taught(clock_at):
    """Loss of network A with the reference teacher, and both logits."""

    def run(name, stage=1, **options):
        method = methods.build(name, TAUGHT[name] | options)
        own, teacher = Outputs.of(logits("ZA")), logits("ZT")
        clock = replace(clock_at(1.0), stage=stage)
        if stage >= method.companions()[0].first_stage:
            own.companions["teacher"] = teacher
        own = own.refined(method.refine(own, BATCH, clock))
        other = Outputs.of(logits("ZB")).refined(own.refinement)
        return method.loss(own, other, BATCH, clock), own.logits, teacher

    return run


@pytest.mark.parametrize(
    ("student", "teacher", "tau", "key"),
    [
        ("ZA", "ZB", 1, "KL(pB||pA)"),
        ("ZB", "ZA", 1, "KL(pA||pB)"),
        ("ZA", "ZB", 3, "KL(pB||pA) T=3, T^2 (FFL/PCL form)"),
        ("ZB", "ZA", 3, "KL(pA||pB) T=3, T^2"),
    ],
)
def test_divergences(expected, close, student, teacher, tau, key):
    close(divergence(logits(student), logits(teacher), tau), expected(key))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"alpha": 0.5, "tau": 1}, "T2S Eq.1 eps=0.5 (no temperature)"),
        ({}, "T2S Hinton a=0.9 T=4 (batchmean, T^2)"),
        (
            {"alpha": 0.95, "tau": 20, "over_classes": "mean"},
            "T2S Tf-KD repo loss_kd a=0.95 T=20 (elementwise mean)",
        ),
    ],
)
def test_learning_from_a_trained_teacher(taught, expected, close, options, key):
    close(taught("T2S-KD", **options)[0], expected(key))


def test_the_ramp(expected, close):
    epochs = torch.tensor([0, 1, 40, 79, 80, 200], dtype=torch.float64)
    close(
        ramp_up(epochs, torch.tensor(80.0, dtype=torch.float64)), expected("ramp exp(-5(1-e/80)^2), e=0,1,40,79,80,200")
    )


def test_the_ramp_lasts_for_its_part_of_all_epochs(clock_at, expected, close):
    first = clock_at(1.0)
    at = [replace(first, epoch=first.epoch * (e + 1), epochs=first.epochs * 300) for e in (0, 1, 40, 79, 80, 200)]
    got = torch.stack([ramp_at(clock, 80 / 300) for clock in at])
    close(got, expected("ramp exp(-5(1-e/80)^2), e=0,1,40,79,80,200"))
    assert ramp_at(at[0], 0.0) == 1


@pytest.mark.parametrize("tau", [6, 20])
@pytest.mark.parametrize(("options", "multiplier"), [({"multiplier": 1}, 1), ({"multiplier": 50}, 50), ({}, 5 / 2)])
def test_tf_kd_self_is_the_elementwise_mean_of_torch(taught, close, tau, options, multiplier):
    loss, own, teacher = taught("Tf-KD_self", tau=tau, **options)
    mean = kl_div(log_softmax(own / tau, 1), softmax(teacher / tau, 1), reduction="none").mean()
    close(loss, 0.05 * cross_entropy(own, LABELS) + 0.95 * multiplier * tau**2 * mean)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_the_weight_of_a_tf_kd_teacher_does_not_change_with_the_number_of_classes(classes):
    """Its authors' factors, 100 and 50, are for 100 classes."""
    for name, of_100_classes in (("Tf-KD_reg", 100.0), ("Tf-KD_self", 50.0)):
        losses = []
        for options in ({}, {"multiplier": of_100_classes * classes / 100}):
            method = methods.build(name, options)
            own = Outputs.of(torch.linspace(-1, 2, 3 * classes, dtype=torch.float64).view(classes, 3).T.contiguous())
            own.companions["teacher"] = own.logits.flip(0)
            labels = torch.tensor([0, 1, 1])
            batch = Batch(labels, one_hot(labels, classes).double(), torch.arange(3))
            clock = Clock(*torch.ones(4).unbind(), stage=1)
            own = own.refined(method.refine(own, batch, clock))
            losses.append(method.loss(own, own, batch, clock))
        torch.testing.assert_close(*losses)


def test_both_forms_of_ban(taught, expected, close):
    loss, own, teacher = taught("BAN")
    close(loss, expected("CE(A)") + kl_div(log_softmax(own, 1), softmax(teacher, 1), reduction="batchmean"))
    mean = kl_div(log_softmax(own / 20, 1), softmax(teacher / 20, 1), reduction="none").mean()
    close(taught("BAN", form="weighted")[0], 0.8 * expected("CE(A)") + 0.2 * mean)


@pytest.mark.parametrize("name", ["Tf-KD_self", "BAN"])
def test_who_has_no_teacher_yet_learns_from_the_labels_alone(taught, expected, close, name):
    close(taught(name, stage=0)[0], expected("CE(A)"))


@pytest.mark.parametrize("name", TAUGHT)
def test_the_teacher_is_a_constant(taught, name):
    loss, own, teacher = taught(name)
    to_own, to_teacher = torch.autograd.grad(loss, [own, teacher], allow_unused=True)
    assert to_own.abs().sum() > 0
    assert to_teacher is None


def test_the_gradient_of_a_taught_student(taught, close):
    loss, own, teacher = taught("T2S-KD", alpha=0.7, tau=3)
    by_labels = softmax(own, 1) - BATCH.onehot
    by_teacher = 3 * (softmax(own / 3, 1) - softmax(teacher / 3, 1))
    close(torch.autograd.grad(loss, own)[0] * 4, 0.3 * by_labels + 0.7 * by_teacher)


def test_stages_and_companions():
    t2s = methods.build("T2S-KD", {"teacher": "a.safetensors"})
    assert [stage.epochs for stage in t2s.stages(7)] == [7]
    assert [(c.name, c.source, c.first_stage) for c in t2s.companions()] == [("teacher", "a.safetensors", 0)]
    for name, options, count in (("Tf-KD_self", {}, 2), ("BAN", {}, 3), ("BAN", {"generations": 5}, 5)):
        method = methods.build(name, options)
        first, *further = method.stages(7)
        assert len(further) == count - 1
        assert (first.epochs, first.fresh, first.taught) == (7, False, False)
        assert {(stage.epochs, stage.fresh, stage.taught) for stage in further} == {(7, True, True)}
        assert len({stage.name for stage in (first, *further)}) == count
        assert [(c.name, c.source, c.first_stage) for c in method.companions()] == [("teacher", "stage", 1)]


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("T2S-KD", {}, "teacher"),
        ("T2S-KD", {"teacher": ""}, "teacher"),
        ("T2S-KD", {"teacher": 3}, "teacher"),
        ("T2S-KD", {"teacher": "t", "tau": 0}, "tau"),
        ("T2S-KD", {"teacher": "t", "alpha": 1.1}, "alpha"),
        ("T2S-KD", {"teacher": "t", "over_classes": "batchmean"}, "over_classes"),
        ("Tf-KD_self", {"multiplier": -1}, "multiplier"),
        ("Tf-KD_self", {"teacher": "t"}, "teacher"),
        ("BAN", {"generations": 1}, "generations"),
        ("BAN", {"generations": 2.0}, "generations"),
        ("BAN", {"form": "mean"}, "form"),
    ],
)
def test_options_that_are_wrong(name, options, key):
    with pytest.raises(ValidationError) as error:
        methods.full_options(name, options)
    assert [detail["loc"] for detail in error.value.errors()] == [(key,)]


rows = st.lists(st.floats(-30, 30), min_size=4, max_size=4)


@given(own=rows, teacher=rows, shift=st.floats(-50, 50), tau=st.floats(0.5, 20))
@settings(max_examples=50, deadline=None)
def test_a_divergence_is_a_divergence(own, teacher, shift, tau):
    own, teacher = (torch.tensor([values], dtype=torch.float64) for values in (own, teacher))
    apart = divergence(own, teacher, tau)
    assert apart >= -1e-9
    torch.testing.assert_close(divergence(own + shift, teacher - shift, tau), apart, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(divergence(own, own + shift, tau), apart * 0, rtol=0, atol=1e-9)


def test_float32_stays_float32(taught):
    own = Outputs.of(torch.randn(4, 5, generator=torch.Generator().manual_seed(0)))
    batch = replace(BATCH, onehot=BATCH.onehot.float())
    for name, options in TAUGHT.items():
        own.companions["teacher"] = own.logits.flip(1)
        clock = methods.Clock(*torch.ones(4, dtype=torch.float64).unbind(), stage=1)
        loss = methods.build(name, options).loss(own, own, batch, clock)
        assert loss.dtype == torch.float32
        assert loss.shape == ()
