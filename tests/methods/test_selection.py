"""Methods that select samples by their losses: reference values, properties, and what they refuse."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, LabelFacts, Outputs, Stage
from smkd_cli.methods.selection.cdr import CDR
from smkd_cli.methods.selection.coteaching import CoTeaching, ramped
from smkd_cli.methods.selection.coteaching_plus import CoTeachingPlus
from smkd_cli.methods.selection.mentornet import MentorNet
from smkd_cli.methods.selection.noise_rate import rate_in
from smkd_cli.methods.selection.s2e import S2E
from smkd_cli.methods.selection.small_loss import kept, smallest

ALL = [CoTeaching, CoTeachingPlus, MentorNet, S2E, CDR]
RATED = [CoTeaching, CoTeachingPlus, CDR]


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def clock(epoch=200.0, epochs=200.0, stage=0, percent=None):
    """At an epoch, or at an iteration that this percentage of the iterations lies before."""
    times = (epoch, epochs, *((epoch, epochs) if percent is None else (percent + 1.0, 100.0)))
    return Clock(*map(double, times), stage)


def facts(noise_rate=None):
    return LabelFacts(torch.zeros(8, dtype=torch.int64), 5, noise_rate)


def started(method, noise_rate=None, dtype=torch.float64):
    memory = {name: torch.zeros(shape, dtype=dtype) for name, shape in method.memory(8, 5).items()}
    method.before_training(memory, facts(noise_rate))
    return memory


def asked(method, logits, labels, now, noise_rate=None):
    """Both peers and their losses, after one batch of logits (two of (N, C))."""
    onehot = torch.nn.functional.one_hot(labels, logits[0].shape[1]).to(logits[0].dtype)
    batch = Batch(labels, onehot, torch.arange(len(labels)))
    outputs = []
    for z in logits:
        own = Outputs.of(z.detach().clone().requires_grad_(), started(method, noise_rate, z.dtype))
        method.observe(own, batch, now)
        own = own.refined(method.refine(own, batch, now))
        outputs.append(own)
    a, b = outputs
    losses = {"loss_a": method.loss(a, b, batch, now), "loss_b": method.loss(b, a, batch, now)}
    sent = {"sent_a": method.sent(a, b, batch, now), "sent_b": method.sent(b, a, batch, now)}
    return SimpleNamespace(a=a, b=b, **losses, **sent)


@pytest.fixture
def reference(run_method):
    """A method on the reference logits."""
    outputs = run_method("CE")
    logits, labels = (outputs.a.logits, outputs.b.logits), torch.tensor([0, 3, 0, 4])
    return lambda method, now=None, noise_rate=None: asked(method, logits, labels, now or clock(), noise_rate)


def some_pair(samples=16, classes=5, seed=0):
    random = torch.Generator().manual_seed(seed)
    logits = [torch.randn(samples, classes, generator=random, dtype=torch.float64) * 3 for _ in range(2)]
    return logits, torch.randint(classes, (samples,), generator=random)


def picked(sent):
    return set(sent.nonzero().flatten().tolist())


def test_coteaching(reference, expected, close):
    pair = reference(CoTeaching(forget_rate=0.5))
    assert picked(pair.sent_a) == set(expected("Co-teaching forget=0.5 kept by A").int().tolist())
    assert picked(pair.sent_b) == set(expected("Co-teaching forget=0.5 kept by B").int().tolist())
    close(pair.loss_a, expected("Co-teaching L_A (mean over B's picks)"))
    close(pair.loss_b, expected("Co-teaching L_B (mean over A's picks)"))
    # The public code divides by k = 2 once more.
    close(pair.loss_a / 2, expected("Co-teaching L_A repo (divided by k twice)"))


def test_coteaching_learns_from_what_the_peer_picked_and_from_nothing_else(reference):
    pair = reference(CoTeaching(noise_rate="oracle"), noise_rate=0.5)
    a, b = torch.autograd.grad(pair.loss_a, [pair.a.logits, pair.b.logits], allow_unused=True)
    assert b is None
    onehot = torch.nn.functional.one_hot(torch.tensor([0, 3, 0, 4]), 5)
    chosen = double([[0.0], [0.0], [1.0], [1.0]])
    torch.testing.assert_close(a, (pair.a.probs.detach() - onehot) * chosen / 2)


def test_the_forget_schedule(expected, close):
    got = [ramped(double(float(e)), double(10.0), double(0.4), 1.0) for e in range(12)]
    close(torch.stack(got), expected("Co-teaching forget schedule tau=.4 Tk=10, epochs 0..11"))


@given(length=st.integers(1, 30), rate=st.floats(0, 0.99), exponent=st.floats(0.2, 3))
@settings(max_examples=60, deadline=None)
def test_the_forget_schedule_is_that_of_the_authors_code(length, rate, exponent):
    table = np.full(40, rate)
    table[:length] = np.linspace(0, rate**exponent, length)
    got = [ramped(double(float(e)), double(float(length)), double(rate), exponent).item() for e in range(40)]
    assert got == pytest.approx(table.tolist(), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(("epochs", "lengths"), [(200, 10), (10, 1)])
def test_the_first_epoch_forgets_nothing_and_the_ramp_is_a_twentieth(epochs, lengths):
    method, (logits, labels) = CoTeaching(noise_rate=0.5), some_pair()
    counts = [
        asked(method, logits, labels, clock(float(e), float(epochs))).a.sent.sum().item() for e in range(1, epochs + 1)
    ]
    assert counts[0] == 16
    assert sorted(counts, reverse=True) == counts
    assert counts[lengths] == counts[-1] == 8
    assert counts[lengths - 1] == (16 if lengths == 1 else 8)


@given(
    losses=st.lists(st.sampled_from([0.0, 0.5, 0.5000001, 2.0, 9.0]), min_size=1, max_size=40),
    rate=st.floats(0, 1),
)
@settings(max_examples=100, deadline=None)
def test_the_mask_has_exactly_k_ones_and_the_smallest(losses, rate):
    count = kept(double(rate), len(losses))
    mask = smallest(double(losses), count)
    assert mask.sum().item() == count.item() == int((1 - rate) * len(losses))
    order = sorted(range(len(losses)), key=lambda i: (losses[i], i))
    assert set(mask.nonzero().flatten().tolist()) == set(order[: int(count)])


@given(millionths=st.integers(0, 999_999), samples=st.integers(1, 512))
@settings(max_examples=200, deadline=None)
def test_a_rate_comes_back_from_a_float32_buffer_as_python_knows_it(millionths, samples):
    rate = millionths / 10**6
    memory = started(CoTeaching(noise_rate=rate), dtype=torch.float32)
    assert rate_in(memory).item() == rate
    assert kept(rate_in(memory), samples).item() == int((1 - rate) * samples)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_without_noise_coteaching_is_cross_entropy(seed):
    logits, labels = some_pair(seed=seed)
    ours = asked(CoTeaching(noise_rate=0.0), logits, labels, clock())
    assert ours.sent_a.all()
    torch.testing.assert_close(ours.loss_a, torch.nn.functional.cross_entropy(logits[0], labels))


def test_at_least_one_sample_is_picked(reference):
    pair = reference(CoTeaching(forget_rate=0.99))
    assert picked(pair.sent_a) == picked(pair.sent_b) == {2}
    torch.testing.assert_close(pair.loss_a, -pair.a.log_probs[2, 0])


def test_coteaching_plus(reference, expected, close):
    pair = reference(CoTeachingPlus(forget_rate=0.25))
    assert picked(pair.sent_a) == set(expected("Co-teaching+ forget=.25 on disagreement: kept by A").int().tolist())
    assert picked(pair.sent_b) == set(expected("Co-teaching+ forget=.25: kept by B").int().tolist())
    close(pair.loss_a, expected("Co-teaching+ L_A logits"))
    everything = reference(CoTeachingPlus(forget_rate=0.0))
    assert everything.sent_a.bool().tolist() == expected("Co-teaching+ disagreement").bool().tolist()


def test_peers_that_agree_learn_from_the_whole_batch():
    (logits, _), labels = some_pair()
    pair = asked(CoTeachingPlus(noise_rate=0.5), (logits, logits * 2), labels, clock())
    assert pair.sent_a.all()
    assert pair.sent_b.all()
    torch.testing.assert_close(pair.loss_a, torch.nn.functional.cross_entropy(logits, labels))


def test_an_empty_selection_is_all_the_disagreement(reference, expected):
    pair = reference(CoTeachingPlus(forget_rate=0.9))  # int(0.1 · 3) = 0
    for sent in (pair.sent_a, pair.sent_b):
        assert sent.bool().tolist() == expected("Co-teaching+ disagreement").bool().tolist()


def test_coteaching_plus_warms_up_as_coteaching():
    (logits, labels), rate = some_pair(), {"noise_rate": 0.5, "ramp": 0.01}
    for epoch in (1.0, 4.0, 5.0):
        plus, plain = (asked(kind(**rate), logits, labels, clock(epoch)) for kind in (CoTeachingPlus, CoTeaching))
        assert picked(plus.sent_a) == picked(plain.sent_a)
        torch.testing.assert_close(plus.loss_a, plain.loss_a)
    after = asked(CoTeachingPlus(**rate), logits, labels, clock(6.0))
    assert picked(after.sent_a) != picked(plain.sent_a)
    assert (logits[0].argmax(1) != logits[1].argmax(1))[after.sent_a.bool()].all()


def test_the_percentile_of_mentornet(reference, expected, close):
    full = expected("MentorNet 75-percentile of CE(A)")
    pair = reference(MentorNet())
    close(pair.a.memory["loss_percentile"], expected("MentorNet EMA after 1 step (decay .5, start 0)"))
    close(pair.a.memory["loss_percentile"] * 2, full)
    MentorNet().observe(pair.a, SimpleNamespace(onehot=pair.a.target), clock())
    close(pair.a.memory["loss_percentile"], full * 0.75)


@pytest.mark.parametrize(
    ("percents", "key"),
    [
        ((0, 18), "MentorNet PD v* epoch% 0..18"),
        ((19, 29, 89), "MentorNet PD v* epoch% 19..89 (self-paced)"),
        ((90, 99), "MentorNet PD v* epoch% >=90 (linear, gamma=1)"),
    ],
)
def test_the_weights_of_mentornet(reference, expected, close, percents, key):
    for percent in percents:
        pair = reference(MentorNet(), clock(percent=percent))
        losses = -pair.a.log_probs[torch.arange(4), torch.tensor([0, 3, 0, 4])]
        close(MentorNet().weights(losses.detach(), pair.a, clock(percent=percent)), expected(key))
        close(pair.loss_a, (expected(key) * losses).mean())
        # The weights are constants.
        written = torch.autograd.grad((expected(key) * losses).mean(), pair.a.logits, retain_graph=True)[0]
        close(torch.autograd.grad(pair.loss_a, pair.a.logits)[0], written)


def test_self_paced_weights_do_not_depend_on_time(reference, expected, close):
    for percent in (0, 50, 99):
        pair = reference(MentorNet(curriculum="self_paced"), clock(percent=percent))
        losses = -pair.a.log_probs[torch.arange(4), torch.tensor([0, 3, 0, 4])]
        close(pair.loss_a, (expected("MentorNet PD v* epoch% 19..89 (self-paced)") * losses).mean())


def test_mentornet_teaches_nothing(reference):
    pair = reference(MentorNet())
    assert not pair.sent_a.any()


@pytest.mark.parametrize("kind", RATED)
def test_who_needs_clean_labels(kind):
    assert kind().needs() == {"noise_rate"}
    assert kind(noise_rate=0.3).needs() == kind(noise_rate="estimated").needs() == set()
    assert rate_in(started(kind(), 0.25)).item() == 0.25
    with pytest.raises(ValueError, match="the clean labels are not known here; give a number"):
        started(kind())


def test_a_forget_rate_stands_in_for_the_noise_rate():
    method = CoTeaching(forget_rate=0.2)
    assert method.needs() == set()
    assert rate_in(started(method, 0.7)).item() == 0.2
    assert CoTeaching(forget_rate=0.2, noise_rate="estimated").stages(10) == (Stage("train", 10),)


@pytest.mark.parametrize("kind", RATED)
@pytest.mark.parametrize("wrong", [1.0, 1, -0.1, float("nan"), "orakel", "0.4", True, None, [0.4]])
def test_noise_rates_that_make_no_sense(kind, wrong):
    with pytest.raises(ValidationError, match="should be oracle, estimated, or a number from 0 to below 1"):
        kind(noise_rate=wrong)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (CoTeaching, {"ramp": 0.0}),
        (CoTeaching, {"ramp": 1.5}),
        (CoTeaching, {"exponent": 0.0}),
        (CoTeaching, {"forget_rate": 1.0}),
        (CoTeaching, {"forget_rate": "0.4"}),
        (CoTeaching, {"warm_up": 0.1}),
        (CoTeachingPlus, {"warm_up": 0.0}),
        (CDR, {"estimate_share": 0.0}),
        (MentorNet, {"percentile": 1.5}),
        (MentorNet, {"gamma": 0.0}),
        (MentorNet, {"curriculum": "data_driven"}),
        (MentorNet, {"noise_rate": 0.4}),
    ],
)
def test_options_that_are_wrong(kind, options):
    with pytest.raises(ValidationError):
        kind(**options)


@pytest.mark.parametrize("kind", RATED)
def test_an_estimated_rate_takes_a_stage_of_cross_entropy(kind, monkeypatch):
    method, seen = kind(noise_rate="estimated"), []

    def estimate(probs):
        seen.append(probs)
        return double([[0.8, 0.2], [0.5, 0.5]])

    monkeypatch.setitem(
        sys.modules, "smkd_cli.methods.transition.estimation", SimpleNamespace(estimate_transition=estimate)
    )
    assert method.stages(10) == (Stage("estimate", 2), Stage("train", 10, fresh=True))
    (logits, labels), memory = some_pair(), started(method)
    early = asked(method, logits, labels, clock(2.0, 2.0, stage=0))
    assert not early.sent_a.any()
    torch.testing.assert_close(early.loss_a, torch.nn.functional.cross_entropy(logits[0], labels))

    # Three of four samples are predicted to be of class 0.
    predictions = SimpleNamespace(train_logits=lambda: torch.tensor([[2.0, 0.0], [1.0, 0.0], [9.0, 0.0], [0.0, 1.0]]))
    method.after_epoch(memory, clock(1.0, 2.0, stage=0), predictions)
    assert not seen
    method.after_epoch(memory, clock(2.0, 2.0, stage=0), predictions)
    assert rate_in(memory).item() == pytest.approx(1 - (0.75 * 0.8 + 0.25 * 0.5))
    torch.testing.assert_close(seen[0].sum(1), torch.ones(4, dtype=torch.float64))
    method.after_epoch(memory, clock(10.0, 10.0, stage=1), predictions)
    assert len(seen) == 1


def test_an_estimate_from_anchor_points():
    method = CDR(noise_rate="estimated")
    memory, probs = started(method), double([[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.3, 0.7]])
    ends = clock(2.0, 2.0, stage=0)
    method.after_epoch(memory, ends, SimpleNamespace(train_logits=probs.log))
    assert rate_in(memory).item() == pytest.approx(0.75 * 0.2 + 0.25 * 0.3)
    with pytest.raises(ValueError, match="transition matrix"):
        method.after_epoch(memory, ends, SimpleNamespace(train_logits=lambda: torch.zeros(4, 2)))


@pytest.mark.parametrize("kind", RATED)
def test_a_given_rate_takes_no_further_stage_and_no_look_at_the_data(kind):
    method = kind(noise_rate=0.4)
    assert method.stages(10) == (Stage("train", 10),)
    memory = started(method)
    method.after_epoch(memory, clock(), None)
    assert rate_in(memory).item() == 0.4


@pytest.mark.parametrize("kind", ALL)
def test_nothing_synchronises_with_the_device(kind):
    method, device = kind(), torch.device("meta")
    labels = torch.zeros(16, dtype=torch.int64, device=device)
    batch = Batch(labels, torch.zeros(16, 7, device=device), labels)
    now = Clock(*(torch.ones((), dtype=torch.float64, device=device) for _ in range(4)))
    outputs = []
    for _ in range(2):
        memory = {name: torch.zeros(shape, device=device) for name, shape in method.memory(16, 7).items()}
        own = Outputs.of(torch.zeros(16, 7, device=device, requires_grad=True), memory)
        method.observe(own, batch, now)
        own = own.refined(method.refine(own, batch, now))
        outputs.append(own)
    loss = method.loss(outputs[0], outputs[1], batch, now)
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    weight = torch.zeros(3, 4, device=device, requires_grad=True)
    weight.grad = torch.zeros(3, 4, device=device)
    method.after_backward([weight], outputs[0].memory, now)
    sent = method.sent(*outputs, batch, now)
    assert sent.dtype == torch.float32
    assert not sent.requires_grad


def test_they_are_found_by_name():
    assert {kind.name for kind in ALL} <= set(methods.names())
    assert type(methods.build("co-teaching", {"noise_rate": 0})) is CoTeaching
    assert type(methods.build("Co-teaching+", {})) is CoTeachingPlus
    assert methods.build("CDR", {"noise_rate": 0}).noise_rate == 0.0
