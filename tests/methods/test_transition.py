"""Forward, Backward, T-Revision, and the transition matrix they need: reference values, gradients, bad inputs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, LabelFacts, Outputs, Stage
from smkd_cli.methods.transition.backward import backward_losses, inverse_of
from smkd_cli.methods.transition.estimation import check_informative, check_invertible, estimate_transition
from smkd_cli.methods.transition.forward import forward_losses
from smkd_cli.methods.transition.t_revision import importance, revision_loss, reweighted_loss

INPUTS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())["inputs"]
NAMES = ["Forward", "Backward", "T-revision"]


def double(values):
    return torch.tensor(values, dtype=torch.float64)


T, DT, EYE = double(INPUTS["T"]), double(INPUTS["dT"]), torch.eye(5, dtype=torch.float64)


def clock(epoch=1, epochs=1, stage=0):
    return Clock(*(double(float(time)) for time in (epoch, epochs, epoch, epochs)), stage=stage)


def revision(delta):
    module = torch.nn.Module()
    module.register_parameter("delta", torch.nn.Parameter(delta.clone()))
    return {"revision": module}


def scene(name="Forward", matrix=T, stage=0, delta=DT, **options):
    """A method that is given T, a network's outputs on the reference batch, and that batch."""
    method = methods.build(name, {"transition": "oracle", **options})
    labels = torch.tensor(INPUTS["y"])
    batch = Batch(labels, torch.nn.functional.one_hot(labels, 5).double(), torch.arange(4))
    memory = {key: torch.zeros(shape, dtype=torch.float64) for key, shape in method.memory(4, 5).items()}
    method.before_training(memory, LabelFacts(labels, 5, transition_matrix=matrix))
    own = Outputs.of(double(INPUTS["ZA"]).requires_grad_(), memory, modules=revision(delta))
    method.observe(own, batch, clock(stage=stage))
    own = own.refined(method.refine(own, batch, clock(stage=stage)))
    return SimpleNamespace(method=method, own=own, batch=batch, loss=method.loss(own, own, batch, clock(stage=stage)))


@pytest.mark.parametrize(
    ("name", "stage", "key"),
    [
        ("Forward", 0, "Forward"),
        ("Backward", 0, "Backward"),
        ("T-revision", 0, "T-Rev reweight loss (T)"),
        ("T-revision", 1, "T-Rev revision loss (T+dT)"),
    ],
)
def test_the_loss(expected, close, name, stage, key):
    close(scene(name, stage=stage).loss, expected(key))


def test_what_is_known_of_each_sample(expected, close):
    known = scene()
    close(forward_losses(known.own.probs, known.batch.noisy_labels, T), expected("Forward per"))
    close(importance(known.own, known.batch, T), expected("T-Rev reweight beta"))
    close(reweighted_loss(known.own, known.batch, T), expected("T-Rev reweight loss (T)"))
    close(revision_loss(known.own, known.batch, T, DT), expected("T-Rev revision loss (T+dT)"))


def test_delta_is_added_once_and_not_again_for_each_sample(expected, close):
    known = scene()
    losses = []
    for i in range(4):
        own = Outputs.of(known.own.logits[i : i + 1])
        batch = Batch(known.batch.noisy_labels[i : i + 1], known.batch.onehot[i : i + 1], torch.arange(1))
        losses.append(revision_loss(own, batch, T, (i + 1) * DT))
    added_up = torch.stack(losses).mean()
    # What public code does, and what is not done here.
    close(added_up, expected("T-Rev revision loss, repo v1 loop (T+(i+1)dT)"))
    assert (scene("T-revision", stage=1).loss - added_up).abs() > 0.01


def test_the_gradient_of_the_reweighted_loss_is_that_of_weights_that_are_constants(expected, close):
    known = scene("T-revision", stage=0)
    (gradient,) = torch.autograd.grad(known.loss, known.own.logits, retain_graph=True)
    close(gradient * 4, expected("T-Rev reweight beta").unsqueeze(1) * (known.own.probs - known.batch.onehot).detach())
    (unused,) = torch.autograd.grad(known.loss, known.own.modules["revision"].delta, allow_unused=True)
    assert unused is None


def test_the_gradient_of_the_revision_reaches_delta_and_the_network_and_is_that_of_the_formula(close):
    known = scene("T-revision", stage=1)
    logits, delta = double(INPUTS["ZA"]).requires_grad_(), DT.clone().requires_grad_()
    p, labels = logits.softmax(1), known.batch.noisy_labels
    given_label = p[torch.arange(4), labels]
    written = (given_label / (p @ (T + delta))[torch.arange(4), labels] * -given_label.log()).mean()
    want = torch.autograd.grad(written, [logits, delta])
    got = torch.autograd.grad(known.loss, [known.own.logits, known.own.modules["revision"].delta])
    for one, other in zip(got, want, strict=True):
        assert other.abs().sum() > 0.01
        close(one, other)


@pytest.mark.parametrize("name", ["Forward", "Backward"])
def test_the_gradients_of_the_corrections_are_those_of_the_formulas(close, name):
    known = scene(name)
    logits = double(INPUTS["ZA"]).requires_grad_()
    p, q = logits.softmax(1), known.batch.onehot
    written = -((p @ T) * q).sum(1).log() if name == "Forward" else -(q @ torch.linalg.inv(T) * p.log()).sum(1)
    (want,) = torch.autograd.grad(written.mean(), logits)
    (got,) = torch.autograd.grad(known.loss, known.own.logits)
    close(got, want)


@pytest.mark.parametrize(("name", "stage"), [("Forward", 0), ("Backward", 0), ("T-revision", 0), ("T-revision", 1)])
def test_without_noise_all_are_cross_entropy(expected, close, name, stage):
    close(scene(name, matrix=EYE, stage=stage, delta=0 * DT).loss, expected("CE(A)"))


def random_matrix(classes, seed, strength=2.0):
    """A transition matrix whose diagonal dominates."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.rand(classes, classes, generator=random, dtype=torch.float64)
    matrix = noise / noise.sum(1, keepdim=True) + strength * torch.eye(classes, dtype=torch.float64)
    return matrix / matrix.sum(1, keepdim=True)


@given(classes=st.integers(2, 12), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_backward_loss_of_noisy_labels_is_on_average_the_cross_entropy_of_clean_ones(classes, seed):
    matrix = random_matrix(classes, seed)
    logits = torch.randn(1, classes, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    log_probs, every = logits.log_softmax(1).expand(classes, -1), torch.arange(classes)
    of_each_label = backward_losses(log_probs, every, inverse_of(matrix))
    torch.testing.assert_close(matrix @ of_each_label, -log_probs[0], rtol=0, atol=1e-9)


@given(classes=st.integers(2, 12), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_forward_loss_of_a_clean_prediction_is_what_the_matrix_says(classes, seed):
    matrix, every = random_matrix(classes, seed), torch.arange(classes)
    certain = torch.eye(classes, dtype=torch.float64)
    for clean in range(classes):
        losses = forward_losses(certain[clean].expand(classes, -1), every, matrix)
        torch.testing.assert_close(losses, -matrix[clean].log())


def test_losses_of_certain_mistakes_are_bounded_and_finite():
    # Sample 0 is sure of class 1 where 0 is given; half-precision networks say such things.
    logits = torch.tensor([[-300.0, 300.0, 0.0]], requires_grad=True)
    own, labels = Outputs.of(logits), torch.tensor([0])
    batch = Batch(labels, torch.nn.functional.one_hot(labels, 3).float(), labels)
    bound = -torch.tensor(1e-7).log()
    torch.testing.assert_close(forward_losses(own.probs, labels, torch.eye(3)), bound.expand(1))
    inverse = inverse_of(random_matrix(3, 0, 0.5)).float()
    assert (backward_losses(own.log_probs, labels, inverse).abs() <= inverse.abs().sum() * bound).all()
    loss = revision_loss(own, batch, torch.eye(3), torch.zeros(3, 3))
    assert loss.isfinite()
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()


# The estimate


@given(classes=st.integers(2, 10), seed=st.integers(0, 1000), repeats=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_a_network_that_knows_the_matrix_gives_it_back(classes, seed, repeats):
    matrix = random_matrix(classes, seed)
    # Besides an anchor of each class, samples that may be of any.
    mixtures = torch.rand(repeats * 7, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    probs = torch.cat([mixtures / mixtures.sum(1, keepdim=True) @ matrix, matrix])
    assume(len(set(matrix.diagonal().tolist())) == classes)
    shuffled = probs[torch.randperm(len(probs), generator=torch.Generator().manual_seed(seed))]
    estimated = estimate_transition(shuffled)
    assert estimated.dtype == torch.float64
    torch.testing.assert_close(estimated, matrix, rtol=0, atol=1e-12)
    torch.testing.assert_close(estimate_transition(shuffled.float()), matrix, rtol=0, atol=1e-6)


def test_rows_are_normalised_and_a_class_that_is_never_predicted_has_an_anchor_all_the_same():
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.4, 0.2]])
    estimated = estimate_transition(probs)
    assert 2 not in probs.argmax(1)
    torch.testing.assert_close(
        estimated, double([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.5, 0.25]]), rtol=0, atol=1e-7
    )


def test_a_percentile_passes_over_the_largest():
    of_first = torch.linspace(0, 1, 101, dtype=torch.float64)
    probs = torch.stack([of_first, 1 - of_first], 1)
    for percentile, first in ((100, 1.0), (97, 0.97), (90, 0.9)):
        want = double([[first, 1 - first], [1 - first, first]])
        torch.testing.assert_close(estimate_transition(probs, percentile), want)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        (torch.zeros(0, 3), "needs predictions"),
        (torch.ones(3) / 3, "needs predictions"),
        (torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]]), "anchor of class 2:"),
        (torch.zeros(4, 9), "anchor of class 0, 1, 2, 3, 4 …"),
        (torch.tensor([[0.5, float("nan")]]), "negative or not finite"),
        (torch.tensor([[1.5, -0.5]]), "negative or not finite"),
        (torch.full((8, 4), 0.25), "all rows .* equal"),
        (torch.tensor([[0.7, 0.2, 0.1]] * 5), "all rows .* equal"),
    ],
)
def test_predictions_that_give_no_matrix(probs, message):
    with pytest.raises(ValueError, match=message):
        estimate_transition(probs)


SINGULAR = double([[0.5, 0.5, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]])


@pytest.mark.parametrize(
    "matrix",
    [
        SINGULAR,
        torch.full((5, 5), 0.2),
        torch.zeros(5, 5),
        torch.full((5, 5), float("nan")),
        EYE + 1e-9 * (SINGULAR - EYE) - EYE * double([0, 0, 0, 0, 1 - 1e-9]),
    ],
)
def test_singular_matrices(matrix):
    with pytest.raises(ValueError, match="singular"):
        check_invertible(matrix)


def test_matrices_that_will_do():
    check_invertible(T)
    check_invertible(random_matrix(100, 0, 0.1))
    check_informative(SINGULAR)
    with pytest.raises(ValueError, match="all rows"):
        check_informative(torch.full((5, 5), 0.2))


# The stages, and where the matrix comes from


def test_a_singular_matrix_is_refused_by_backward_and_taken_by_forward():
    with pytest.raises(ValueError, match=r"singular .* take Forward"):
        scene("Backward", matrix=SINGULAR)
    assert scene("Forward", matrix=SINGULAR).loss.isfinite()


@pytest.mark.parametrize("name", NAMES)
def test_an_oracle_needs_clean_labels(name):
    oracle, estimated = (methods.build(name, {"transition": source}) for source in ("oracle", "estimated"))
    assert oracle.needs() == {"transition_matrix"}
    assert estimated.needs() == set()
    facts = LabelFacts(torch.zeros(4, dtype=torch.int64), 5)
    with pytest.raises(ValueError, match="the clean labels are not known"):
        oracle.before_training({"transition": torch.zeros(5, 5), "inverse": torch.zeros(5, 5)}, facts)
    estimated.before_training({}, facts)
    with pytest.raises(ValueError, match=r"all rows|singular"):
        scene(name, matrix=torch.full((5, 5), 0.2, dtype=torch.float64))


def test_the_stages():
    for name in ("Forward", "Backward"):
        assert methods.build(name, {"transition": "oracle"}).stages(10) == (Stage("train", 10, fresh=True),)
        assert methods.build(name, {}).stages(10) == (Stage("estimate", 10), Stage("train", 10, fresh=True))
        assert methods.build(name, {"estimate_share": 0.25}).stages(200)[0].epochs == 50
    reweight, revised = Stage("reweight", 200), Stage("revision", 200, lr_factor=1e-3, schedule="constant")
    assert methods.build("T-revision", {}).stages(200) == (Stage("estimate", 20), reweight, revised)
    assert methods.build("T-revision", {"transition": "oracle"}).stages(200) == (reweight, revised)
    shorter = methods.build("T-revision", {"revision_share": 0.5, "revision_rate": 0.1}).stages(200)[2]
    assert shorter == replace(revised, epochs=100, lr_factor=0.1)


def test_delta_is_a_matrix_of_zeros_per_peer_with_a_rate_of_its_own():
    (extra,) = methods.build("T-revision", {}).extras()
    assert (extra.name, extra.lr, extra.shared) == ("revision", 5e-7, False)
    module = extra.build(7, [16, 16])
    assert {name: value.shape for name, value in module.named_parameters()} == {"delta": (7, 7)}
    assert not module.delta.any()
    assert methods.build("T-revision", {"revision_lr": 0.01}).extras()[0].lr == 0.01
    assert methods.build("Forward", {}).extras() == ()


@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_is_estimated_when_the_first_stage_ends(name, expected, close):
    method = methods.build(name, {})
    known = scene(name)
    own, batch = known.own, known.batch
    memory = {key: torch.zeros(shape, dtype=torch.float64) for key, shape in method.memory(4, 5).items()}
    own = replace(own, memory=memory)
    close(method.loss(own, own, batch, clock(stage=0)), expected("CE(A)"))
    predictions = SimpleNamespace(train_logits=lambda: random_matrix(5, 3).log() + 2.5)
    method.after_epoch(own.memory, clock(1, 2, stage=0), predictions)
    assert not own.memory["transition"].any()
    method.after_epoch(own.memory, clock(2, 2, stage=0), predictions)
    close(own.memory["transition"], random_matrix(5, 3))
    if name == "Backward":
        close(own.memory["inverse"] @ random_matrix(5, 3), EYE)
    corrected = scene(name, matrix=random_matrix(5, 3)).loss
    close(method.loss(own, own, batch, clock(stage=1)), corrected.detach())
    method.after_epoch(own.memory, clock(2, 2, stage=1), None)
    oracle = methods.build(name, {"transition": "oracle"})
    oracle.after_epoch(own.memory, clock(2, 2, stage=0), None)
    close(own.memory["transition"], random_matrix(5, 3))


@pytest.mark.parametrize("name", NAMES)
def test_predictions_that_are_all_equal_end_the_training(name):
    method = methods.build(name, {})
    memory = {key: torch.zeros(shape) for key, shape in method.memory(4, 5).items()}
    with pytest.raises(ValueError, match=r"all rows .* equal"):
        method.after_epoch(memory, clock(), SimpleNamespace(train_logits=lambda: torch.zeros(9, 5)))


def test_an_estimate_that_is_singular_ends_backward():
    method = methods.build("Backward", {})
    memory = {key: torch.zeros(shape) for key, shape in method.memory(4, 3).items()}
    # Classes 1 and 2 share the anchor of both.
    logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.5, 0.0, 0.0]])
    with pytest.raises(ValueError, match="singular"):
        method.after_epoch(memory, clock(), SimpleNamespace(train_logits=lambda: logits))


def test_the_percentile_is_an_option():
    of_first = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    predictions = SimpleNamespace(train_logits=lambda: torch.stack([of_first, 1 - of_first], 1).log())
    for percentile, first in ((100.0, 0.99), (50.0, 0.5 + 0.01)):
        memory = {"transition": torch.zeros(2, 2, dtype=torch.float64)}
        method = methods.build("Forward", {"anchor_percentile": percentile})
        if percentile == 50:  # the anchor of both classes is the sample in the middle
            with pytest.raises(ValueError, match="all rows"):
                method.after_epoch(memory, clock(), predictions)
        else:
            method.after_epoch(memory, clock(), predictions)
            torch.testing.assert_close(memory["transition"][0, 0].item(), first)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_nothing_synchronises_with_the_device(name, stage):
    method, device = methods.build(name, {}), torch.device("meta")
    if stage >= len(method.stages(10)):
        return
    labels = torch.zeros(16, dtype=torch.int64, device=device)
    batch = Batch(labels, torch.zeros(16, 7, device=device), labels)
    now = Clock(*(torch.ones((), dtype=torch.float64, device=device) for _ in range(4)), stage=stage)
    memory = {key: torch.zeros(shape, device=device) for key, shape in method.memory(16, 7).items()}
    modules = {extra.name: extra.build(7, [1, 1]).to(device) for extra in method.extras()}
    own = Outputs.of(torch.zeros(16, 7, device=device, requires_grad=True), memory, modules=modules)
    method.observe(own, batch, now)
    own = own.refined(method.refine(own, batch, now))
    loss = method.loss(own, own, batch, now)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == own.logits.grad.dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Forward", {"transition": "given"}),
        ("Forward", {"estimate_share": 0.0}),
        ("Backward", {"anchor_percentile": 101.0}),
        ("T-revision", {"revision_lr": 0.0}),
        ("T-revision", {"revision_share": 0.0}),
        ("T-revision", {"revision_rate": -1.0}),
    ],
)
def test_options_that_are_wrong(name, options):
    with pytest.raises(ValidationError):
        methods.full_options(name, options)
