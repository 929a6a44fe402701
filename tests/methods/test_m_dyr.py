"""M-DYR: the mixture of losses, the guided loss, and when it begins."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, Outputs, Stage
from smkd_cli.methods.labels.bmm import BetaMixture, fit, noisy_probability, posterior

INPUTS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())["inputs"]


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def clock(epoch, epochs=100):
    return Clock(*(double(float(time)) for time in (epoch, epochs, epoch, epochs)))


def drawn(parts, seed=0):
    """Draws of Beta distributions: (a, b, how many)."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(np.concatenate([random.beta(a, b, size) for a, b, size in parts]).clip(1e-3, 1 - 1e-3))


# The mixture


@pytest.mark.parametrize(
    ("clean", "noisy", "share", "iterations"),
    [((2, 20), (20, 4), 0.4, 10), ((3, 30), (12, 6), 0.6, 40), ((1, 12), (8, 2), 0.2, 40)],
)
def test_known_mixtures_are_recovered(clean, noisy, share, iterations):
    size = 20_000
    mixture = fit(drawn([(*clean, round(size * (1 - share))), (*noisy, round(size * share))]), iterations)
    assert mixture.weight.tolist() == pytest.approx([1 - share, share], abs=0.01)
    for got, want in zip(zip(mixture.a.tolist(), mixture.b.tolist(), strict=True), (clean, noisy), strict=True):
        assert got == pytest.approx(want, rel=0.05)
    assert mixture.a.dtype == torch.float64


def test_ten_iterations_as_written():
    x = drawn([(2, 8, 60), (6, 3, 40)])
    values = x.numpy()
    a, b, weight = np.array([1.0, 2.0]), np.array([2.0, 1.0]), np.array([0.5, 0.5])
    for _ in range(10):
        beta = [math.gamma(one) * math.gamma(other) / math.gamma(one + other) for one, other in zip(a, b, strict=True)]
        density = [weight[k] * values ** (a[k] - 1) * (1 - values) ** (b[k] - 1) / beta[k] for k in range(2)]
        share = np.maximum(density, 1e-12)
        share = share / share.sum(0)
        for k in range(2):
            m = np.average(values, weights=share[k])
            s2 = np.average((values - m) ** 2, weights=share[k])
            a[k] = m * (m * (1 - m) / s2 - 1)
            b[k] = a[k] * (1 - m) / m
        weight = share.sum(1) / share.sum()
    got = fit(x)
    for one, other in ((got.a, a), (got.b, b), (got.weight, weight)):
        np.testing.assert_allclose(one.numpy(), other, rtol=1e-8)


def test_the_posterior_is_a_table_of_a_hundred_bins():
    mixture = BetaMixture(double([2.0, 6.0]), double([8.0, 3.0]), double([0.6, 0.4]))
    inside = double([0.305, 0.5049, 0.5, 0.5099])
    got = posterior(mixture, inside)
    density = mixture.likelihoods(double([0.305, 0.505]))
    want = density[1] / density.sum(0)
    torch.testing.assert_close(got, torch.stack([want[0], want[1], want[1], want[1]]), rtol=0, atol=1e-9)
    torch.testing.assert_close(mixture.likelihoods(double([0.3]))[0, 0].item(), 0.6 * 72 * 0.3 * 0.7**7)
    ends = posterior(mixture, double([0.0, 1.0]))
    assert ends.tolist() == pytest.approx([posterior(mixture, double([0.005])).item(), 1 - 1e-4], abs=2e-3)


def test_the_posterior_is_of_the_larger_mean_wherever_it_stands():
    mixture = BetaMixture(double([6.0, 2.0]), double([3.0, 8.0]), double([0.4, 0.6]))
    low, high = posterior(mixture, double([0.1, 0.9])).tolist()
    assert low < 0.05
    assert high > 0.95


@given(
    a=st.tuples(st.floats(0.3, 30), st.floats(0.3, 30)),
    b=st.tuples(st.floats(0.3, 30), st.floats(0.3, 30)),
    weight=st.floats(0.05, 0.95),
)
@settings(max_examples=60, deadline=None)
def test_a_posterior_keeps_its_bounds_and_its_maximum(a, b, weight):
    mixture = BetaMixture(double(a), double(b), double([weight, 1 - weight]))
    table = posterior(mixture, (torch.arange(100, dtype=torch.float64) + 0.5) / 100)
    assert (table >= 1e-4).all()
    assert (table <= 1 - 1e-4).all()
    best = int(table.argmax())
    assert (table[best:] == table[best]).all()
    # Loss far below that of a usual clean sample is no sign of a wrong label.
    lowest = int(mixture.means.amin() * 100)
    assert (table[:lowest] <= table[lowest] + 1e-12).all()


def test_a_broad_component_does_not_take_the_least_losses():
    mixture = BetaMixture(double([8.0, 1.2]), double([32.0, 0.9]), double([0.7, 0.3]))
    density = mixture.likelihoods(double([0.005]))[:, 0]
    assert density[1] > density[0]
    least, usual, large = posterior(mixture, double([0.005, 0.2, 0.95])).tolist()
    assert least <= usual < 0.1
    assert large > 0.99


def test_losses_of_two_kinds_are_distinguished():
    random = np.random.default_rng(0)
    clean, noisy = random.gamma(2, 0.1, 700), random.normal(4, 0.8, 300)
    b = noisy_probability(torch.from_numpy(np.concatenate([clean, noisy])).float())
    assert b.dtype == torch.float64
    assert (b[:700] < 0.5).float().mean() > 0.97
    assert (b[700:] > 0.5).float().mean() > 0.97
    assert ((b >= 1e-4) & (b <= 1 - 1e-4)).all()


def test_outliers_change_nothing_but_their_own_values():
    losses = torch.linspace(0, 1, 1001, dtype=torch.float64) ** 2
    wild = losses.clone()
    wild[-20:] = 1e6
    before, after = noisy_probability(losses), noisy_probability(wild)
    torch.testing.assert_close(after[:-20], before[:-20], rtol=0, atol=1e-9)
    assert after[-1] == after[-21]


@given(scale=st.floats(0.1, 100), shift=st.floats(0, 10))
@settings(max_examples=20, deadline=None)
def test_the_scale_of_losses_hardly_matters(scale, shift):
    losses = drawn([(2, 10, 300), (9, 3, 200)])
    apart = (noisy_probability(losses * scale + shift) - noisy_probability(losses)).abs()
    assert apart.mean() < 1e-3  # a sample at the edge of a bin may fall into the next one


@pytest.mark.parametrize("losses", [torch.full((50,), 2.3), torch.zeros(9), torch.tensor([1.0])])
def test_losses_that_are_all_equal_give_no_information(losses):
    assert (noisy_probability(losses) == 0.5).all()


def test_two_values_are_distinguished_and_finite():
    b = noisy_probability(torch.tensor([0.1] * 60 + [5.0] * 40))
    assert b[0] < 0.01
    assert b[-1] > 0.99


@pytest.mark.parametrize(
    "losses", [torch.zeros(0), torch.tensor([1.0, float("nan")]), torch.tensor([float("inf"), 1.0])]
)
def test_losses_that_no_mixture_fits(losses):
    with pytest.raises(ValueError, match="no mixture fits"):
        noisy_probability(losses)


# The method


@dataclass
class Before:
    """A network before the training forward, that predicts the reference logits."""

    memory: dict
    asked: list = field(default_factory=list)

    def predict_in_training(self, images, count=None):
        self.asked.append((images, bool(count)))
        return double(INPUTS["ZB"])


def scene(epoch, noisy=(0.2, 0.9, 0.4, 0.7), share=0.3, **options):
    method = methods.build("M-DYR", options)
    labels = torch.tensor(INPUTS["y"])
    memory = {"noisy": torch.zeros(6, dtype=torch.float64)}
    memory["noisy"][torch.tensor([2, 0, 5, 3])] = double(noisy)
    batch = Batch(
        labels,
        torch.nn.functional.one_hot(labels, 5).double(),
        torch.tensor([2, 0, 5, 3]),
        (double(range(4)).view(4, 1, 1, 1),),
        {"share": double([share] * 4)},
    )
    before = Before(memory)
    inputs = method.inputs(before, before, batch, clock(epoch))
    batch = replace(batch, inputs=inputs)
    own = Outputs.of(double(INPUTS["ZA"]).requires_grad_(), memory)
    own = own.refined(method.refine(own, batch, clock(epoch)))
    loss = method.loss(own, own, batch, clock(epoch))
    return SimpleNamespace(method=method, own=own, batch=batch, loss=loss, before=before)


def test_the_guided_loss_is_that_of_the_written_formula(close):
    known = scene(36)
    logits = double(INPUTS["ZA"]).requires_grad_()
    p, hard, b = logits.softmax(1), double(INPUTS["ZB"]).argmax(1), (0.2, 0.9, 0.4, 0.7)
    y = INPUTS["y"]
    written = 0
    for i in range(4):
        for share, at in ((0.3, i), (0.7, (i + 1) % 4)):
            written = written - share * ((1 - b[at]) * p[i, y[at]].log() + b[at] * p[i, hard[at]].log()) / 4
    written = written + sum(0.2 * torch.log(0.2 / p.mean(0)[c]) for c in range(5))
    close(known.loss, written.detach())
    close(*(torch.autograd.grad(loss, z)[0] for loss, z in ((known.loss, known.own.logits), (written, logits))))
    assert not known.own.target.requires_grad
    assert [guided for _, guided in known.before.asked] == [True]
    close(known.batch.inputs.images.flatten(), double([0.3 * i + 0.7 * ((i + 1) % 4) for i in range(4)]))


def test_the_prior_is_that_of_joint(expected, close):
    close(scene(36).loss - scene(36, reg=0.0).loss, expected("Joint L_p paper (KL)"))


def test_until_the_warm_up_ends_it_is_plain_mixup(expected, close):
    known = scene(35, noisy=(0, 0, 0, 0))
    own, onehot = known.own, known.batch.onehot
    target = 0.3 * onehot + 0.7 * onehot[[1, 2, 3, 0]]
    close(known.own.target, target)
    assert [guided for _, guided in known.before.asked] == [False]
    close(known.loss, -(target * own.log_probs).sum(1).mean().detach())
    # The first guided epoch begins with the prior.
    close(scene(36, noisy=(0, 0, 0, 0)).loss - known.loss, expected("Joint L_p paper (KL)"))


def test_mixed_with_nothing_and_trusted_it_is_cross_entropy(expected, close):
    close(scene(1, noisy=(0, 0, 0, 0), share=1.0).loss, expected("CE(A)"))


class Seen:
    """An predictions of samples 2 to 41 of 50, of which the last ten are given a wrong label; counts what is asked."""

    noisy_labels, train_indices = torch.tensor([0] * 32 + [1] * 18), torch.arange(2, 42)

    def __init__(self, spread=1.0, value=0.0):
        self.logits = torch.stack([torch.linspace(2, 4, 40) * spread, torch.full((40,), value)], 1)
        self.asked = 0

    def train_logits(self):
        self.asked += 1
        return self.logits


def test_the_mixture_is_refitted_when_an_epoch_ends_from_the_warm_ups_last_on():
    method, predictions, memory = methods.build("M-DYR", {}), Seen(), {"noisy": torch.zeros(50)}
    method.after_epoch(memory, clock(104, 300), predictions)
    assert predictions.asked == 0
    for epoch in (105, 106, 300):
        method.after_epoch(memory, clock(epoch, 300), predictions)
    assert predictions.asked == 3
    losses = torch.nn.functional.cross_entropy(
        predictions.logits, predictions.noisy_labels[predictions.train_indices], reduction="none"
    )
    torch.testing.assert_close(memory["noisy"][2:42], noisy_probability(losses).float(), rtol=0, atol=1e-6)
    assert memory["noisy"][2:32].max() < 0.1
    assert memory["noisy"][32:42].min() > 0.9
    assert not memory["noisy"][[0, 1, *range(42, 50)]].any()


def test_predictions_that_are_all_equal_leave_every_label_in_doubt():
    method, memory = methods.build("M-DYR", {}), {"noisy": torch.zeros(50)}
    method.after_epoch(memory, clock(100), Seen(spread=0.0))
    assert (memory["noisy"][2:42] == 0.5).all()
    assert memory["noisy"].sum() == 20


def test_predictions_that_are_no_numbers_end_the_training():
    with pytest.raises(ValueError, match="not finite"):
        methods.build("M-DYR", {}).after_epoch({"noisy": torch.zeros(50)}, clock(100), Seen(value=math.nan))


def of_a_plan(alpha):
    """λ of a thousand batches, each of which has one."""
    batches = [3] * 1000
    drawn = methods.build("M-DYR", {"mixup_alpha": alpha}).draw(np.random.default_rng(0), batches, 0)["share"]
    by_batch = drawn.reshape(1000, 3)
    assert (by_batch == by_batch[:, :1]).all()
    return by_batch[:, 0]


def test_what_the_training_loop_has_to_do():
    method = methods.build("M-DYR", {})
    assert method.passes_before(0) == 1
    shares = {alpha: of_a_plan(alpha) for alpha in (1.0, 32.0)}
    for alpha, drawn in shares.items():
        assert drawn.std() == pytest.approx((1 / (4 * (2 * alpha + 1))) ** 0.5, rel=0.1)
    assert method.stages(300) == (Stage("train", 300),)


def test_memory_of_a_pair_on_cifar100():
    shapes = methods.build("M-DYR", {}).memory(50_000, 100).values()
    assert 2 * 4 * sum(torch.Size(shape).numel() for shape in shapes) < 200_000_000


def test_nothing_synchronises_with_the_device():
    method, device = methods.build("M-DYR", {}), torch.device("meta")
    labels = torch.zeros(16, dtype=torch.int64, device=device)
    views = (torch.zeros(16, 1, 8, 8, device=device),)
    batch = Batch(labels, torch.zeros(16, 7, device=device), labels, views, {"share": torch.zeros(16, device=device)})
    now = Clock(*(torch.ones((), dtype=torch.float64, device=device) for _ in range(4)))
    memory = {key: torch.zeros(shape, device=device) for key, shape in method.memory(16, 7).items()}
    own = Outputs.of(torch.zeros(16, 7, device=device, requires_grad=True), memory)
    before = SimpleNamespace(memory=memory, predict_in_training=lambda images, count: torch.zeros_like(own.logits))
    batch = replace(batch, inputs=method.inputs(before, before, batch, now))
    method.observe(own, batch, now)
    own = own.refined(method.refine(own, batch, now))
    loss = method.loss(own, own, batch, now)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == own.target.dtype == own.logits.grad.dtype == torch.float32


@pytest.mark.parametrize("options", [{"reg": -1.0}, {"mixup_alpha": 0.0}, {"warmup_share": 0.0}, {"temperature": 1.0}])
def test_options_that_are_wrong(options):
    with pytest.raises(ValidationError):
        methods.full_options("M-DYR", options)
