"""Robust losses and Tf-KD_reg: reference values, gradients, limits, and what truncated GCE remembers."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, Outputs
from smkd_cli.methods.losses import terms

LABELS = torch.tensor([0, 3, 0, 4])
ONEHOT = torch.nn.functional.one_hot(LABELS, 5).double()
RULES = ["GCE", "SCE", "APL", "Tf-KD_reg"]


@pytest.fixture
def prediction(run_method):
    """ln p of net A and the one-hot labels."""
    return run_method("CE").a.log_probs, ONEHOT


def gradient(loss, logits):
    return torch.autograd.grad(loss, logits, retain_graph=True)[0]


def wide(scale=20.0, seed=0, dtype=torch.float64):
    """ln p of many random logits (N = 64, C = 7) and their one-hot labels."""
    random = torch.Generator().manual_seed(seed)
    logits = (torch.randn(64, 7, generator=random, dtype=torch.float64) * scale).to(dtype).requires_grad_()
    labels = torch.randint(7, (64,), generator=random)
    return logits, logits.log_softmax(1), torch.nn.functional.one_hot(labels, 7).to(dtype)


NCE_RCE, NCE_MAE = {"active": "NCE", "passive": "RCE"}, {"active": "NCE", "passive": "MAE"}
NFL_RCE, NFL_MAE = {"active": "NFL", "passive": "RCE"}, {"active": "NFL", "passive": "MAE"}
TRUNCATED = {"q": 0.7, "k": 0.5, "truncated": True}


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("GCE", {"q": 0.7}, "GCE q=0.7"),
        ("GCE", {**TRUNCATED, "truncation": "paper"}, "GCE truncated q=0.7 k=0.5 paper min(Lq,Lq(k))"),
        ("GCE", {**TRUNCATED, "truncation": "stored"}, "GCE trunc code form, w=1"),
        ("SCE", {"alpha": 0.0, "beta": 1.0}, "RCE A=ln1e-4"),
        ("SCE", {"alpha": 0.0, "beta": 1.0, "A": -4.0}, "RCE A=-4"),
        ("SCE", {}, "SCE a=6 b=0.1 A=ln1e-4"),
        ("SCE", {"alpha": 6.0, "beta": 0.1, "A": -4.0}, "SCE a=6 b=0.1 A=-4"),
        ("SCE", {"alpha": 0.1, "beta": 1.0}, "SCE a=0.1 b=1 A=ln1e-4"),
        ("APL", {}, "NCE+RCE a=10 b=0.1"),
        ("APL", {**NCE_RCE, "alpha": 1.0, "beta": 1.0}, "NCE+RCE a=1 b=1"),
        ("APL", {**NCE_MAE, "alpha": 10.0, "beta": 1.0}, "NCE+MAE a=10 b=1"),
        ("APL", {**NCE_MAE, "alpha": 1.0, "beta": 1.0}, "NCE+MAE a=1 b=1"),
        ("APL", {**NFL_RCE, "alpha": 10.0, "beta": 0.1}, "NFL+RCE a=10 b=0.1"),
        ("APL", {**NFL_MAE, "alpha": 10.0, "beta": 1.0}, "NFL+MAE a=10 b=1"),
        ("Tf-KD_reg", {}, "Tf-KD_reg batchmean a=0.1 tau=20 (M=C)"),
        ("Tf-KD_reg", {"multiplier": None}, "Tf-KD_reg batchmean a=0.1 tau=20 (M=C)"),
        ("Tf-KD_reg", {"multiplier": 100.0}, "Tf-KD_reg repo a=0.1 tau=20 M=100 (ResNet18 config)"),
        (
            "Tf-KD_reg",
            {"alpha": 0.95, "tau": 10.0, "multiplier": 1.0},
            "Tf-KD_reg repo a=0.95 tau=10 M=1 (ShuffleNetV2 config)",
        ),
        ("Tf-KD_reg", {"multiplier": 5.0}, "Tf-KD_reg batchmean a=0.1 tau=20 (M=C)"),
        ("Tf-KD_reg", {"teacher_form": "paper"}, "Tf-KD_reg paper Eq.9 a=0.1 tau=20 both sides"),
    ],
)
def test_the_loss_of_peer_a(run_method, expected, close, name, options, key):
    close(run_method(name, **options).loss_a, expected(key))


@pytest.mark.parametrize(
    ("term", "arguments", "key"),
    [
        (terms.gce, (0.7,), "GCE q=0.7"),
        (terms.rce, (), "RCE A=ln1e-4"),
        (terms.rce, (-4.0,), "RCE A=-4"),
        (terms.nce, (), "NCE"),
        (terms.mae, (), "MAE (1-p_y)"),
        (terms.fl, (0.5,), "FL gamma=0.5"),
        (terms.nfl, (0.5,), "NFL gamma=0.5"),
        (terms.ngce, (0.7,), "NGCE q=0.7"),
    ],
)
def test_the_mean_of_each_term(prediction, expected, close, term, arguments, key):
    close(term(*prediction, *arguments).mean(), expected(key))


@pytest.mark.parametrize(
    ("term", "arguments", "key"),
    [
        (terms.gce, (0.7,), "GCE q=0.7 per"),
        (terms.rce, (), "RCE A=ln1e-4 per"),
        (terms.nce, (), "NCE per"),
        (terms.nfl, (0.5,), "NFL gamma=0.5 per"),
    ],
)
def test_each_sample_of_each_term(prediction, expected, close, term, arguments, key):
    close(term(*prediction, *arguments), expected(key))


def test_the_papers_mae_is_twice_that_of_the_code(prediction, expected, close):
    close(2 * terms.mae(*prediction).mean(), expected("MAE full (2-2p_y)"))


@pytest.mark.parametrize("tau", [10, 20])
def test_the_virtual_teacher(expected, close, tau):
    rule = methods.build("Tf-KD_reg", {"tau": float(tau)}).target_rule
    close(rule.log_teacher(ONEHOT).exp(), expected(f"Tf-KD_reg soft target tau={tau}"))


def test_with_m_as_c_tf_kd_reg_is_the_cross_entropy_of_its_target_less_a_constant(run_method, close):
    pair = run_method("Tf-KD_reg", alpha=0.4)
    smoothed = -(pair.a.target * pair.a.log_probs).sum(1).mean()
    close(gradient(pair.loss_a, pair.a.logits), gradient(smoothed, pair.a.logits))
    close(pair.a.target.sum(1), torch.ones(4, dtype=torch.float64))


def test_a_cold_teacher_is_the_label(run_method, close):
    close(run_method("Tf-KD_reg", tau=1e-4, multiplier=5.0).loss_a, run_method("CE").loss_a.detach())


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_the_gradient_of_gce_is_a_power_of_p_times_that_of_ce(run_method, close, q):
    pair = run_method("GCE", q=q)
    per_ce = pair.a.probs.detach() - ONEHOT
    given_prob = (pair.a.probs.detach() * ONEHOT).sum(1, keepdim=True)
    close(gradient(pair.loss_a, pair.a.logits) * 4, given_prob**q * per_ce)


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_the_gradient_of_sce(run_method, close, beta):
    pair = run_method("SCE", alpha=2.0, beta=beta, A=-3.0)
    given_prob = (pair.a.probs.detach() * ONEHOT).sum(1, keepdim=True)
    close(gradient(pair.loss_a, pair.a.logits) * 4, (2 + beta * 3 * given_prob) * (pair.a.probs.detach() - ONEHOT))


@pytest.mark.parametrize("term", [terms.fl, terms.nfl])
def test_the_power_of_the_focal_loss_is_a_constant(close, term):
    logits, log_probs, onehot = wide(2.0)

    def written(weighing):
        focal = -((1 - weighing.softmax(1)) ** 0.5) * logits.log_softmax(1)
        return (onehot * focal).sum() if term is terms.fl else ((onehot * focal).sum(1) / focal.sum(1)).sum()

    got = gradient(term(log_probs, onehot, 0.5).sum(), logits)
    close(got, gradient(written(logits.detach()), logits))
    assert not torch.allclose(got, gradient(written(logits), logits), atol=1e-3)


@given(seed=st.integers(0, 10**6), scale=st.floats(0, 5))
@settings(max_examples=30, deadline=None)
def test_gce_runs_from_ce_to_mae(seed, scale):
    _, log_probs, onehot = wide(scale, seed)
    ce = -terms.log_noisy(log_probs, onehot).clamp_min(math.log(1e-7))
    torch.testing.assert_close(terms.gce(log_probs, onehot, 1e-9), ce, rtol=1e-7, atol=1e-12)
    mae = terms.mae(log_probs, onehot)
    torch.testing.assert_close(terms.gce(log_probs, onehot, 1.0), mae, rtol=0, atol=1.01e-7)
    losses = [terms.gce(log_probs, onehot, q) for q in (0.1, 0.4, 0.7, 1.0)]
    assert all((more >= less - 1e-12).all() for more, less in pairwise(losses))


@given(seed=st.integers(0, 10**6), scale=st.floats(0, 200), gamma=st.floats(0, 5))
@settings(max_examples=30, deadline=None)
def test_normalised_losses_are_parts_of_one(seed, scale, gamma):
    _, log_probs, _ = wide(scale, seed)
    every = [torch.nn.functional.one_hot(torch.full((64,), c), 7).double() for c in range(7)]
    for term, arguments in ((terms.nce, ()), (terms.nfl, (gamma,)), (terms.ngce, (0.7,))):
        parts = torch.stack([term(log_probs, onehot, *arguments) for onehot in every])
        assert (parts >= 0).all()
        assert (parts <= 1).all()
        torch.testing.assert_close(parts.sum(0), torch.ones(64, dtype=torch.float64))


@given(seed=st.integers(0, 10**6), scale=st.floats(0, 5))
@settings(max_examples=20, deadline=None)
def test_mae_and_rce_cost_the_same_over_all_labels_whatever_is_predicted(seed, scale):
    _, log_probs, _ = wide(scale, seed)
    every = [torch.nn.functional.one_hot(torch.full((64,), c), 7).double() for c in range(7)]
    for term, total in ((terms.mae, 6.0), (terms.rce, -6.0 * terms.LOG_ZERO)):
        summed = torch.stack([term(log_probs, onehot) for onehot in every]).sum(0)
        torch.testing.assert_close(summed, torch.full((64,), total, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1000.0])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in RULES),
        ("GCE", TRUNCATED),
        ("GCE", {**TRUNCATED, "truncation": "paper"}),
        ("APL", NFL_MAE),
        ("Tf-KD_reg", {"teacher_form": "paper"}),
    ],
)
def test_losses_and_gradients_are_numbers_of_the_networks_type(name, options, scale, dtype):
    logits, _, onehot = wide(scale, dtype=dtype)
    method, batch = methods.build(name, options), Batch(onehot.argmax(1), onehot, torch.arange(64))
    own = Outputs.of(logits, {key: torch.zeros(shape) for key, shape in method.memory(64, 7).items()})
    method.observe(own, batch, clock(1, 3))
    own = own.refined(method.refine(own, batch, clock(1, 3)))
    loss = method.loss(own, own, batch, clock(1, 3))
    assert loss.dtype == dtype
    assert loss.shape == ()
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient(loss, logits)).all()


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in RULES), ("GCE", TRUNCATED), ("APL", NFL_MAE)])
def test_nothing_in_a_batch_synchronises_with_the_device(name, options):
    method = methods.build(name, options)
    with torch.device("meta"):
        own = Outputs.of(
            torch.empty(4, 5, requires_grad=True),
            {key: torch.zeros(shape) for key, shape in method.memory(6, 5).items()},
        )
        batch = Batch(torch.zeros(4, dtype=torch.int64), torch.empty(4, 5), torch.zeros(4, dtype=torch.int64))
        times = Clock(*(torch.ones(()) for _ in range(4)))
        method.observe(own, batch, times)
        own = own.refined(method.refine(own, batch, times))
        assert gradient(method.loss(own, own, batch, times), own.logits).shape == (4, 5)


@pytest.mark.parametrize(
    ("exchange", "name"),
    [*((exchange, name) for exchange in ("MKD", "SMKD-S") for name in ("GCE", "SCE", "APL")), ("MKD", "Tf-KD_reg")],
)
def test_with_a_peer_its_knowledge_is_followed_at_the_price_of_ce(run_method, close, exchange, name):
    options = {"eta": 4.0} if exchange == "SMKD-S" else {}  # at which some of these samples are sent
    transfer = run_method(f"{exchange}+{name}", **options).loss_a - run_method(name).loss_a
    close(transfer, (run_method(f"{exchange}+CE", **options).loss_a - run_method("CE").loss_a).detach())
    assert transfer > 1e-3


def test_tf_kd_reg_teaches_its_target(run_method, close):
    pair = run_method("All+Tf-KD_reg", alpha=0.4)
    close(pair.b.knowledge, 0.6 * ONEHOT + 0.4 * methods.build("Tf-KD_reg", {}).target_rule.log_teacher(ONEHOT).exp())
    transfer = -(pair.b.knowledge * pair.a.log_probs).sum(1).mean()
    close(pair.loss_a - run_method("Tf-KD_reg", alpha=0.4).loss_a, transfer.detach())


def clock(epoch, epochs):
    return Clock(*(torch.tensor(float(time)) for time in (epoch, epochs, epoch, epochs)))


class Truncated:
    """Truncated GCE on the reference logits as samples 3, 2, 1, 0 of six, epoch by epoch."""

    indices = torch.tensor([3, 2, 1, 0])

    def __init__(self, logits, **options):
        self.rule = methods.build("GCE", {"truncated": True, **options})
        self.memory = {name: torch.zeros(shape) for name, shape in self.rule.memory(6, 5).items()}
        self.own = Outputs.of(logits, self.memory)
        self.batch = Batch(LABELS, ONEHOT, self.indices)

    def epoch(self, number, epochs):
        self.rule.observe(self.own, self.batch, clock(number, epochs))
        self.rule.after_epoch(self.memory, clock(number, epochs), None)

    @property
    def weights(self):
        return 1 - self.memory["pruned"]

    @property
    def loss(self):
        own = self.own.refined(self.rule.refine(self.own, self.batch, clock(1, 1)))
        return self.rule.loss(own, own, self.batch, clock(1, 1))


@pytest.fixture
def logits(run_method):
    return run_method("CE").a.logits.detach().requires_grad_()


def test_the_stored_weights_of_truncated_gce(logits, expected, close):
    gce = Truncated(logits, prune_from=0.0)
    gce.epoch(1, 10)
    close(gce.weights[gce.indices], expected("GCE trunc weights (p_y>k)"))
    close(gce.loss, expected("GCE trunc code form, w as shown"))
    assert gce.weights[4:].tolist() == [1, 1], "a sample that was not seen keeps its weight"
    assert not any(buffer.requires_grad for buffer in gce.memory.values())
    rows = gradient(gce.loss, logits)
    plain = gradient(terms.gce(gce.own.log_probs, ONEHOT, 0.7).mean(), logits)
    assert (rows[[1, 3]] == 0).all()
    close(rows[[0, 2]], plain[[0, 2]])


@pytest.mark.parametrize(
    ("options", "epochs", "newly_set"),
    [
        ({}, 150, [80, 90, 100, 110, 120, 130, 140, 150]),  # public code, CIFAR-100
        ({"prune_from": 40 / 120}, 120, [40, 50, 60, 70, 80, 90, 100, 110, 120]),  # CIFAR-10
        ({"prune_from": 0.5, "refresh": 3}, 10, [5, 8]),
        ({"prune_from": 0.0, "refresh": 4}, 10, [2, 6, 10]),
    ],
)
def test_the_epochs_that_train_with_new_weights(logits, options, epochs, newly_set):
    """Before an epoch all are kept, or (elsewhere) its weights are new: from the predictions of the epoch before."""
    gce = Truncated(logits, **options)
    confident, unsure = Outputs.of(ONEHOT * 9, gce.memory), Outputs.of(ONEHOT * -9, gce.memory)
    found, before = [], [1.0] * 6
    for number in range(1, epochs + 1):
        weights = gce.weights.tolist()
        if weights != before:
            found.append(number)
        before = weights
        # Predictions change only when the weights have followed them: so each new setting shows.
        gce.own = unsure if weights == [1.0] * 6 else confident
        gce.epoch(number, epochs)
    assert found == newly_set


def test_a_sample_that_was_pruned_can_come_back(logits):
    gce = Truncated(logits, prune_from=0.0, refresh=1)
    gce.epoch(1, 5)
    assert gce.weights[gce.indices].tolist() == [1, 0, 1, 0]
    gce.own = Outputs.of(ONEHOT * 9, gce.memory)
    gce.epoch(2, 5)
    assert gce.weights.tolist() == [1] * 6


def test_a_probability_of_exactly_k_is_given_up(logits):
    gce = Truncated(logits, prune_from=0.0)
    even = torch.full((4, 5), -1000.0, dtype=torch.float64)
    even[:, [0, 3]] = 0
    gce.own = Outputs.of(even, gce.memory)
    gce.epoch(1, 5)
    assert gce.weights[gce.indices].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("options", [{}, {"truncated": True, "truncation": "paper"}])
def test_only_stored_weights_take_memory(options):
    assert methods.build("GCE", options).memory(6, 5) == {}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("GCE", {"q": 0.0}),
        ("GCE", {"q": 1.1}),
        ("GCE", {"k": 0.0}),
        ("GCE", {"k": 1.0}),
        ("GCE", {"prune_from": 1.0}),
        ("GCE", {"refresh": 0}),
        ("GCE", {"refresh": 2.5}),
        ("GCE", {"truncated": "yes"}),
        ("GCE", {"truncation": "code"}),
        ("SCE", {"alpha": -1.0}),
        ("SCE", {"A": 0.0}),
        ("APL", {"active": "MAE"}),
        ("APL", {"passive": "NCE"}),
        ("APL", {"gamma": -0.5}),
        ("Tf-KD_reg", {"tau": 0.0}),
        ("Tf-KD_reg", {"a": 1.0}),
        ("Tf-KD_reg", {"alpha": 1.5}),
        ("Tf-KD_reg", {"teacher_form": "eq9"}),
    ],
)
def test_options_that_are_wrong(name, options):
    with pytest.raises(ValidationError):
        methods.full_options(name, options)
