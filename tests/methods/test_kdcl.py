"""KDCL: every way of making the teacher, against the reference values and against what it claims to be."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn.functional import cross_entropy, one_hot, softmax

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, LabelFacts, Outputs
from smkd_cli.methods.distillation.kdcl import error_covariance, general_weights, linear_weight, minlogit, naive

INPUTS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())["inputs"]
ZA, ZB = (torch.tensor(INPUTS[key], dtype=torch.float64) for key in ("ZA", "ZB"))
LABELS = torch.tensor(INPUTS["y"])
ONEHOT = one_hot(LABELS, 5).double()
VARIANTS = ["naive", "linear", "minlogit", "general", "mean"]
NAMES = {
    "naive": "KDCL-Naive",
    "minlogit": "KDCL-MinLogit",
    "linear": "KDCL-Linear",
    "mean": "KDCL-mean-logit [shaoeric]",
    "general": "KDCL-General (logits)",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses(run_method, expected, close, variant):
    prefix = NAMES[variant]
    ways = [None, None]
    if variant == "general":
        ways = [{"own_weight": weight} for weight in expected("KDCL-General w").tolist()]
    a, b = (run_method("KDCL", variant=variant, memory=memory) for memory in ways)
    for got, want in (
        (a.loss_a - expected("CE(A)"), expected(f"{prefix} KD_A T=2")),
        (b.loss_b - expected("CE(B)"), expected(f"{prefix} KD_B T=2")),
        (a.loss_a, expected(f"{prefix} L_A = CE+KD")),
    ):
        close(got, want)


def test_minlogit_is_the_default(run_method, close):
    close(run_method("KDCL").loss_a, run_method("KDCL", variant="minlogit", kd_weight=1, tau=2).loss_a)


def test_teachers(expected, close):
    close(naive(ZA, ZB, LABELS), expected("KDCL-Naive z_t"))
    close(minlogit(ZA, ZB, LABELS), expected("KDCL-MinLogit z_t"))
    close(error_covariance(ZA, ZB, ONEHOT), expected("KDCL-General C"))
    close(general_weights(expected("KDCL-General C")), expected("KDCL-General w"))


def test_the_linear_teacher(expected):
    alpha = expected("KDCL-Linear alpha (weight of A, shared by the batch)")
    got = linear_weight(ZA, ZB, LABELS)
    torch.testing.assert_close(got, alpha, rtol=0, atol=1e-14)
    torch.testing.assert_close(linear_weight(ZB, ZA, LABELS), 1 - alpha, rtol=0, atol=1e-14)
    leaf = got.clone().requires_grad_()
    (slope,) = torch.autograd.grad(cross_entropy(leaf * ZA + (1 - leaf) * ZB, LABELS), leaf)
    assert slope.abs() < 1e-15


@pytest.mark.parametrize("make", [naive, minlogit])
def test_both_peers_make_the_same_teacher(close, make):
    close(make(ZA, ZB, LABELS), make(ZB, ZA, LABELS))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_teacher_is_a_constant(run_method, close, variant):
    pair = run_method(
        "KDCL", variant=variant, kd_weight=0.7, tau=3, memory={"own_weight": 0.3} if variant == "general" else None
    )
    batch = Batch(LABELS, ONEHOT, torch.arange(4))
    teacher = methods.build("KDCL", {"variant": variant}).teacher(pair.a, pair.b, batch)
    assert not teacher.requires_grad
    to_a, to_b = torch.autograd.grad(pair.loss_a, [pair.a.logits, pair.b.logits], allow_unused=True)
    assert to_b is None
    by_teacher = 3 * (softmax(ZA / 3, 1) - softmax(teacher / 3, 1))
    close(to_a * 4, softmax(ZA, 1) - ONEHOT + 0.7 * by_teacher)


seeds = st.integers(0, 10_000)


def random_pair(seed, scale, apart):
    random = torch.Generator().manual_seed(seed)
    own, difference = (torch.randn(6, 4, generator=random, dtype=torch.float64) for _ in range(2))
    labels = torch.randint(4, (6,), generator=random)
    return scale * own, scale * (own + apart * difference), labels


@given(seed=seeds, scale=st.floats(0.1, 300), apart=st.sampled_from([1e-9, 1e-4, 0.1, 1.0, 10.0]))
@settings(max_examples=60, deadline=None)
def test_no_other_mix_has_a_smaller_loss_than_linear(seed, scale, apart):
    own, other, labels = random_pair(seed, scale, apart)
    alpha = linear_weight(own, other, labels)
    assert 0 <= alpha <= 1
    best = cross_entropy(alpha * own + (1 - alpha) * other, labels)
    for share in torch.linspace(0, 1, 41, dtype=torch.float64):
        assert best <= cross_entropy(share * own + (1 - share) * other, labels) + 1e-9 * (1 + best)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_a_linear_mix_of_networks_that_agree_is_what_both_predict(dtype, scale):
    same = (ZA * scale).to(dtype)
    for other in (same, same + 3):
        alpha = linear_weight(same, other, LABELS)
        assert alpha.dtype == dtype
        assert 0 <= alpha <= 1
        mixed = other + alpha * (same - other)
        torch.testing.assert_close(mixed.softmax(1), same.softmax(1))


def test_where_one_network_is_better_everywhere_the_linear_mix_is_that_network():
    better = 4 * ONEHOT
    assert linear_weight(better, -better, LABELS) == pytest.approx(1, abs=1e-9)
    assert linear_weight(-better, better, LABELS) == pytest.approx(0, abs=1e-9)


@given(seed=seeds, apart=st.floats(0.1, 3))
@settings(max_examples=40, deadline=None)
def test_general_weights_have_the_smallest_error(seed, apart):
    own, other, labels = random_pair(seed, 1.0, apart)
    covariance = error_covariance(own, other, one_hot(labels, 4).double())
    weights = general_weights(covariance)
    torch.testing.assert_close(weights.sum(), torch.ones((), dtype=torch.float64))
    for step in (-0.1, -0.001, 0.001, 0.1):
        moved = weights + torch.tensor([step, -step], dtype=torch.float64)
        assert weights @ covariance @ weights <= moved @ covariance @ moved + 1e-12


def test_networks_that_agree_weigh_the_same():
    half = torch.full((2,), 0.5, dtype=torch.float64)
    assert torch.equal(general_weights(error_covariance(ZA, ZA, ONEHOT)), half)
    assert torch.equal(general_weights(error_covariance(ZA, ZA + 3, ONEHOT)), half)
    assert torch.equal(general_weights(torch.zeros(2, 2, dtype=torch.float64)), half)


@dataclass
class HeldOut:
    """What a method sees of the held-out samples."""

    own: torch.Tensor
    other: torch.Tensor
    given: torch.Tensor

    def held_out(self):
        return self.own, self.other, self.given


def kept(method):
    memory = {key: torch.zeros(shape) for key, shape in method.memory(10, 5).items()}
    method.before_training(memory, LabelFacts(LABELS, 5))
    return memory


def test_general_weighs_by_the_last_epoch_and_by_half_in_the_first(expected):
    method = methods.build("KDCL", {"variant": "general"})
    for own, other, position in ((ZA, ZB, 0), (ZB, ZA, 1)):
        memory = kept(method)
        assert memory["own_weight"] == 0.5
        method.after_epoch(memory, None, HeldOut(own.float(), other.float(), LABELS))
        assert memory["own_weight"].item() == pytest.approx(expected("KDCL-General w")[position].item(), abs=1e-6)
    method.after_epoch(memory, None, HeldOut(ZA, ZA, LABELS))
    assert memory["own_weight"] == 0.5


def test_general_needs_held_out_samples():
    method = methods.build("KDCL", {"variant": "general"})
    none = HeldOut(ZA[:0], ZB[:0], LABELS[:0])
    with pytest.raises(ValueError, match=r"validation\.fraction"):
        method.after_epoch(kept(method), None, none)


@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if variant != "general"])
def test_the_others_need_none_and_remember_nothing(variant):
    method = methods.build("KDCL", {"variant": variant})
    assert kept(method) == {}
    method.after_epoch({}, None, None)


@pytest.mark.parametrize("variant", VARIANTS)
def test_nothing_synchronises_with_the_device(variant):
    method = methods.build("KDCL", {"variant": variant})
    logits = [torch.zeros(4, 5, device="meta", requires_grad=True) for _ in range(2)]
    memory = {key: torch.zeros(shape, device="meta") for key, shape in method.memory(10, 5).items()}
    batch = Batch(*(part.to("meta") for part in (LABELS, ONEHOT.float(), torch.arange(4))))
    clock = Clock(*torch.zeros(4, device="meta", dtype=torch.float64).unbind())
    loss = method.loss(Outputs.of(logits[0], memory), Outputs.of(logits[1], memory), batch, clock)
    loss.backward()
    assert loss.dtype == logits[0].grad.dtype == torch.float32


def test_each_peer_has_its_own_view():
    assert methods.build("KDCL", {}).views() == methods.Views(shared=False)


@pytest.mark.parametrize("options", [{"variant": "median"}, {"tau": 0}, {"kd_weight": -1}])
def test_options_that_are_wrong(options):
    with pytest.raises(ValidationError):
        methods.full_options("KDCL", options)
