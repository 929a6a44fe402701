"""What every rule keeps, whatever it is: shapes, types, detaching, and how rules are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, Outputs
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule

OF_THE_PAPER = {"Zero", "All", "MKD", "SMKD-S", "SMKD-P", "CE", "LS", "CP", "Boot-soft", "ProSelfLC", "MyLC"}
EXCHANGES = [name for name in methods.names() if issubclass(methods.rule(name), ExchangeRule)]
TARGETS = [name for name in methods.names() if issubclass(methods.rule(name), TargetRule)]
PAIRS = [f"{exchange}+{target}" for exchange in EXCHANGES for target in TARGETS]


def pair_of(name, options=None, dtype=torch.float64, progress=0.5, scale=6.0):
    """Both peers' outputs and losses on random logits, N = 16 and C = 7."""
    method = methods.build(name, options or {})
    random = torch.Generator().manual_seed(0)
    logits = [(torch.randn(16, 7, generator=random).to(dtype) * scale).requires_grad_() for _ in range(2)]
    labels = torch.randint(7, (16,), generator=random)
    batch = Batch(labels, torch.nn.functional.one_hot(labels, 7).to(dtype), torch.arange(16))
    clock = Clock(*(torch.tensor(time, dtype=torch.float64) for time in (progress, 1.0, progress, 1.0)))
    memories = [{key: torch.zeros(shape, dtype=dtype) for key, shape in method.memory(16, 7).items()} for _ in range(2)]
    outputs = [Outputs.of(z, memory) for z, memory in zip(logits, memories, strict=True)]
    for own in outputs:
        method.observe(own, batch, clock)
    outputs = [own.refined(method.refine(own, batch, clock)) for own in outputs]
    losses = method.loss(outputs[0], outputs[1], batch, clock), method.loss(outputs[1], outputs[0], batch, clock)
    return method, logits, outputs, losses


def test_all_rules_are_found():
    assert set(methods.names()) >= {*EXCHANGES, *TARGETS} >= OF_THE_PAPER


@pytest.mark.parametrize("name", PAIRS)
def test_no_loss_reaches_the_other_peer(name):
    _, logits, _, losses = pair_of(name)
    for loss, own, other in ((losses[0], 0, 1), (losses[1], 1, 0)):
        gradients = torch.autograd.grad(loss, [logits[own], logits[other]], allow_unused=True, retain_graph=True)
        assert gradients[0].abs().sum() > 0
        assert gradients[1] is None or not gradients[1].any()


@pytest.mark.parametrize("name", PAIRS)
def test_shapes_and_types(name):
    _, _, outputs, losses = pair_of(name, dtype=torch.float32)
    for own, loss in zip(outputs, losses, strict=True):
        assert loss.shape == ()
        assert loss.dtype == own.target.dtype == torch.float32
        assert own.target.shape == (16, 7)
        assert own.sent.shape == (16,)
        assert own.knowledge.shape == (16, 7)
        assert set(own.sent.tolist()) <= {0.0, 1.0}
        assert not own.knowledge.requires_grad
        assert not own.trust.requires_grad


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "CP"])
def test_a_refined_label_is_a_distribution(target):
    _, _, outputs, _ = pair_of(target)
    for own in outputs:
        assert (own.target >= -1e-12).all()
        torch.testing.assert_close(own.target.sum(1), torch.ones(16, dtype=torch.float64))


def test_every_local_trust_keeps_the_type():
    for local_trust in ("entropy", "max_p", "one"):
        _, _, outputs, losses = pair_of("ProSelfLC", {"local_trust": local_trust}, dtype=torch.float32)
        assert outputs[0].trust.dtype == losses[0].dtype == torch.float32


@given(eta=st.floats(0.1, 50), b2=st.floats(-30, 30), progress=st.floats(0, 1), classes=st.integers(2, 1000))
@settings(max_examples=50, deadline=None)
def test_the_threshold_is_positive_and_moves_as_b2_says(eta, b2, progress, classes):
    rule = methods.build("SMKD-P+CE", {"eta": eta, "b2": b2})
    clocks = [
        Clock(*(torch.tensor(time, dtype=torch.float64) for time in (t, 1.0, t, 1.0))) for t in (progress, progress / 2)
    ]
    now, before = (rule.threshold(classes, clock).item() for clock in clocks)
    static = methods.build("SMKD-S+CE", {"eta": eta}).threshold(classes, clocks[0]).item()
    assert 0 < now < 2 * static + 1e-12
    assert (now - before) * b2 >= -1e-12


@given(low=st.floats(1, 20), high=st.floats(1, 20))
@settings(max_examples=20, deadline=None)
def test_a_larger_eta_sends_no_more(low, high):
    low, high = sorted((low, high))
    loose, strict = (pair_of("SMKD-S+CE", {"eta": eta})[2][0].sent for eta in (low, high))
    assert (strict <= loose).all()


def test_an_entropy_equal_to_the_threshold_is_not_sent():
    method, _, (own, _), _ = pair_of("SMKD-S+CE", {"eta": 2})
    labels = torch.zeros(16, dtype=torch.int64)
    batch = Batch(labels, torch.nn.functional.one_hot(labels, 7).double(), torch.arange(16))
    clock = Clock(*(torch.ones((), dtype=torch.float64) for _ in range(4)))
    limit = method.threshold(7, clock)
    for entropy, sent in ((limit, False), (torch.nextafter(limit, limit * 0), True)):
        refined = method.refine(replace(own, entropy=entropy.expand(16)), batch, clock)
        assert bool(refined.sent.any()) == bool(refined.sent.all()) == sent


def test_all_is_every_sample_and_smkd_with_a_loose_threshold_is_all():
    all_ = pair_of("All+ProSelfLC")[3]
    loose = pair_of("SMKD-S+ProSelfLC", {"eta": 0.5})[3]
    for one, other in zip(all_, loose, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("certainty", "first", "second"), [("epoch", 0.0, None), ("batch", None, None)])
def test_what_mylc_remembers(certainty, first, second):
    method, _, outputs, _ = pair_of("MyLC", {"certainty": certainty})
    own = outputs[0]
    mean = own.certainty.mean()
    expected = torch.tensor(first, dtype=torch.float64) if first is not None else mean
    torch.testing.assert_close(own.memory["r"], expected)
    method.after_epoch(own.memory, None, None)
    torch.testing.assert_close(own.memory["r"], mean)
    assert own.memory["seen"] == own.memory["certainty_sum"] == 0


def test_the_moving_average_of_mylc():
    method, _, outputs, _ = pair_of("MyLC", {"certainty": "ema"})
    own, mean = outputs[0], outputs[0].certainty.mean()
    torch.testing.assert_close(own.memory["r"], 0.01 * mean)
    method.observe(own, None, None)
    torch.testing.assert_close(own.memory["r"], 0.01 * mean + 0.99 * 0.01 * mean)
    method.after_epoch(own.memory, None, None)
    torch.testing.assert_close(own.memory["r"], 0.01 * mean + 0.99 * 0.01 * mean)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SMKD-P", "needs a target rule"),
        ("SMKD-Q+LS", "did you mean"),
        ("LS+LS", "EXCHANGE"),
        ("SMKD-P+All", "EXCHANGE"),
        ("", "unknown method"),
    ],
)
def test_names_that_mean_nothing(name, message):
    with pytest.raises(ValueError, match=message):
        methods.rules_of(name)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LS", {"epsilon": 1.5}),
        ("LS", {"epsilon": "0.5"}),
        ("LS", {"eps": 0.5}),
        ("SMKD-S+CE", {"eta": 0}),
        ("SMKD-S+CE", {"eta": float("nan")}),
        ("SMKD-S+CE", {"normalisation": "receiver"}),
        ("MyLC", {"detach": 1}),
    ],
)
def test_options_that_are_wrong(name, options):
    with pytest.raises(ValidationError):
        methods.full_options(name, options)


def test_case_does_not_matter_and_options_are_complete():
    assert methods.rules_of("smkd-p+mylc") == methods.rules_of("SMKD-P+MyLC")
    options = methods.full_options("SMKD-P+MyLC", {"eta": 3})
    assert options["eta"] == 3
    assert {"b2", "b1", "rho", "normalisation", "transfer_weight"} <= set(options)
