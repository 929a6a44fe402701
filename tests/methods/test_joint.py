"""Joint: reference values, the mean of the last epochs, and its two stages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, LabelFacts, Outputs, Stage
from smkd_cli.methods.labels.joint import joint_loss
from smkd_cli.methods.labels.prior import prior_cross_entropy, prior_divergence

INPUTS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())["inputs"]
SAMPLES, CLASSES = 6, 3


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def clock(epoch, epochs, stage=0):
    return Clock(*(double(float(time)) for time in (epoch, epochs, epoch, epochs)), stage=stage)


def reference():
    labels = torch.tensor(INPUTS["y"])
    own = Outputs.of(double(INPUTS["ZA"]).requires_grad_())
    return own, torch.nn.functional.one_hot(labels, 5).double(), labels


def started(method, labels, classes, dtype=torch.float64):
    memory = {key: torch.zeros(shape, dtype=dtype) for key, shape in method.memory(len(labels), classes).items()}
    method.before_training(memory, LabelFacts(labels, classes))
    return memory


def test_the_terms(expected, close):
    own, onehot, _ = reference()
    close(prior_cross_entropy(own.log_probs), expected("Joint L_p code"))
    close(prior_divergence(own.log_probs), expected("Joint L_p paper (KL)"))
    base = joint_loss(own, onehot, 0.0, 0.0)
    close(base, expected("CE(A)"))
    close(joint_loss(own, onehot, 0.0, 1.0) - base, expected("Joint L_e"))
    close(joint_loss(own, onehot, 1.0, 0.0) - base, expected("Joint L_p code"))
    close(joint_loss(own, onehot, 1.2, 0.8), expected("Joint a=1.2 b=0.8 (code L_p)"))


@pytest.mark.parametrize(
    ("stage", "key"), [(0, "Joint a=1.2 b=0.8 (code L_p)"), (1, "CE(A)")], ids=["joint", "retrain"]
)
def test_the_loss(expected, close, stage, key):
    method = methods.build("Joint", {"alpha": 1.2, "beta": 0.8})
    own, onehot, labels = reference()
    own = replace(own, memory=started(method, labels, 5))
    batch, now = Batch(labels, onehot, torch.arange(4)), clock(1, 1, stage)
    own = own.refined(method.refine(own, batch, now))
    close(method.loss(own, own, batch, now), expected(key))


def test_the_gradient_is_that_of_the_written_formula(close):
    own, onehot, _ = reference()
    (got,) = torch.autograd.grad(joint_loss(own, onehot, 1.2, 0.8), own.logits)
    logits = double(INPUTS["ZA"]).requires_grad_()
    p = logits.softmax(1)
    written = -(onehot * p.log()).sum(1).mean() - 1.2 * p.mean(0).log().mean() - 0.8 * (p * p.log()).sum(1).mean()
    close(got, torch.autograd.grad(written, logits)[0])


def test_a_class_that_nobody_predicts_has_a_finite_price():
    logits = torch.tensor([[300.0, 0.0], [300.0, 0.0]], requires_grad=True)
    loss = prior_cross_entropy(logits.log_softmax(1))
    torch.testing.assert_close(loss, torch.tensor(150.0))
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], torch.tensor([[0.25, -0.25]] * 2))


@given(samples=st.integers(1, 20), classes=st.integers(2, 20), seed=st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_the_price_of_unequal_classes_is_never_negative_and_zero_for_equal_ones(samples, classes, seed):
    logits = 5 * torch.randn(samples, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert prior_divergence(logits.log_softmax(1)) >= -1e-12
    assert prior_divergence((0 * logits).log_softmax(1)).abs() < 1e-12


# The labels


def predictions(epochs, seed=0):
    """Of each epoch, (epochs, n, C)."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(epochs, SAMPLES, CLASSES, generator=random, dtype=torch.float64).mul(2).softmax(2)


def labels_of(method, predicted, skipped=()):
    """The labels after each epoch of the first stage; ``skipped`` are pairs (epoch, sample) that did not come."""
    given_labels = torch.arange(SAMPLES) % CLASSES
    memory, kept = started(method, given_labels, CLASSES), []
    for epoch, probs in enumerate(predicted, 1):
        come = [i for i in range(SAMPLES) if (epoch, i) not in skipped]
        for indices in (torch.tensor(come[1::2]), torch.tensor(come[::2])):
            batch = Batch(given_labels[indices], torch.zeros(len(indices), CLASSES), indices)
            own = Outputs.of(probs[indices].log().requires_grad_(), memory)
            method.observe(own, batch, clock(epoch, len(predicted)))
            own = own.refined(method.refine(own, batch, clock(epoch, len(predicted))))
            if kept:
                # Within an epoch labels stay what they were at its beginning.
                torch.testing.assert_close(own.target, kept[-1][indices].to(own.target.dtype))
            assert not own.target.requires_grad
        method.after_epoch(memory, clock(epoch, len(predicted)), None)
        kept.append(memory["labels"].clone())
    return kept, memory


@pytest.mark.parametrize(("epochs", "window"), [(40, 10), (37, 10), (20, 4), (11, 10), (9, 2)])
def test_labels_are_given_ones_then_the_mean_of_the_last_epochs(close, epochs, window):
    method, predicted = methods.build("Joint", {"window": window}), predictions(epochs)
    kept, _ = labels_of(method, predicted)
    given_labels = torch.eye(CLASSES, dtype=torch.float64).repeat(2, 1)
    first = round(0.35 * epochs)
    exact = 0
    for epoch, labels in enumerate(kept, 1):
        if epoch < first:
            close(labels, given_labels)
            continue
        close(labels.sum(1), torch.ones(SAMPLES, dtype=torch.float64))
        if (epochs - epoch) % (window // 2) == 0:
            close(labels, predicted[max(epoch - window, 0) : epoch].mean(0))
            exact += 1
    assert exact
    close(kept[-1], predicted[-window:].mean(0))


def test_between_blocks_the_oldest_one_counts_less(close):
    predicted = predictions(40)
    kept, _ = labels_of(methods.build("Joint", {}), predicted)
    # At the end of epoch 33 the blocks are 21 to 25, 26 to 30 and 31 to 33: five epochs, five, and three.
    oldest, rest = predicted[20:25].mean(0), predicted[25:33].sum(0)
    close(kept[32], (rest + 2 * oldest) / 10)


@given(seed=st.integers(0, 100), epochs=st.integers(1, 30), half=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_a_network_that_predicts_the_same_in_every_epoch_gets_that_for_labels(seed, epochs, half):
    predicted = predictions(1, seed).expand(epochs, -1, -1)
    kept, _ = labels_of(methods.build("Joint", {"window": 2 * half}), predicted)
    torch.testing.assert_close(kept[-1], predicted[0], rtol=0, atol=1e-9)


def test_a_sample_that_did_not_come_is_averaged_over_the_epochs_in_which_it_did(close):
    predicted = predictions(20)
    kept, _ = labels_of(
        methods.build("Joint", {"window": 4}), predicted, skipped={(18, 2), *((e, 5) for e in range(21))}
    )
    close(kept[-1][:2], predicted[-4:, :2].mean(0))
    close(kept[-1][2], predicted[[16, 18, 19], 2].mean(0))
    close(kept[-1][5], double([0, 0, 1]))  # it never came: the given label


def test_hard_labels_are_the_arg_max_of_the_mean(close):
    predicted = predictions(20)
    kept, _ = labels_of(methods.build("Joint", {"soft": False}), predicted)
    close(kept[-1], torch.nn.functional.one_hot(predicted[-10:].mean(0).argmax(1), CLASSES).double())


def test_the_second_stage_leaves_the_labels_as_they_are(close):
    method = methods.build("Joint", {})
    _, memory = labels_of(method, predictions(20))
    before = {key: value.clone() for key, value in memory.items()}
    own = Outputs.of(torch.zeros(SAMPLES, CLASSES, dtype=torch.float64), memory)
    batch, now = Batch(torch.zeros(SAMPLES), torch.zeros(SAMPLES, CLASSES), torch.arange(SAMPLES)), clock(1, 1, stage=1)
    method.observe(own, batch, now)
    method.after_epoch(memory, now, None)
    for key, value in before.items():
        close(memory[key], value)


def test_the_stages():
    assert methods.build("Joint", {}).stages(200) == (
        Stage("joint", 200, schedule="constant"),
        Stage("retrain", 120, fresh=True),
    )
    assert methods.build("Joint", {"retrain_share": 0.01}).stages(10)[1].epochs == 1


def test_memory_of_a_pair_on_cifar100():
    shapes = methods.build("Joint", {}).memory(50_000, 100).values()
    assert 2 * 4 * sum(torch.Size(shape).numel() for shape in shapes) < 200_000_000


@pytest.mark.parametrize("stage", [0, 1])
def test_nothing_synchronises_with_the_device(stage):
    method, device = methods.build("Joint", {}), torch.device("meta")
    labels = torch.zeros(16, dtype=torch.int64, device=device)
    batch = Batch(labels, torch.zeros(16, 7, device=device), labels)
    now = Clock(*(torch.ones((), dtype=torch.float64, device=device) for _ in range(4)), stage=stage)
    memory = {key: torch.zeros(shape, device=device) for key, shape in method.memory(16, 7).items()}
    own = Outputs.of(torch.zeros(16, 7, device=device, requires_grad=True), memory)
    method.observe(own, batch, now)
    own = own.refined(method.refine(own, batch, now))
    loss = method.loss(own, own, batch, now)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == own.target.dtype == own.logits.grad.dtype == torch.float32


@pytest.mark.parametrize(
    "options",
    [{"window": 5}, {"window": 0}, {"soft": "no"}, {"alpha": -1.0}, {"hard_share": 0.0}, {"retrain_share": 0.0}],
)
def test_options_that_are_wrong(options):
    with pytest.raises(ValidationError):
        methods.full_options("Joint", options)
