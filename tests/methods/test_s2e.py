"""S2E: the schedule's formula, the search, and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smkd_cli.methods import Batch, Clock, LabelFacts, Outputs, Stage
from smkd_cli.methods.selection.s2e import S2E, forget_rate, propose

FACTS = LabelFacts(torch.zeros(4, dtype=torch.int64), 5)


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def clock(epoch, epochs, stage=0):
    return Clock(*(double(float(time)) for time in (epoch, epochs, epoch, epochs)), stage)


def started(method):
    memory = {name: torch.zeros(shape) for name, shape in method.memory(4, 5).items()}
    method.before_training(memory, FACTS)
    return memory


def predictions(own_right, other_right, held_out=10):
    """Two networks that are right on so many of the held-out samples, all of class 0."""
    labels = torch.zeros(held_out, dtype=torch.int64)
    logits = [torch.eye(2)[(torch.arange(held_out) >= right).long()] for right in (own_right, other_right)]
    return SimpleNamespace(held_out=lambda: (*logits, labels))


def test_the_reference_schedule(expected, close):
    x, t = expected("S2E forget-rate schedule, raw draws"), double([0.0, 1, 10, 50, 100, 199])
    close(forget_rate(x, t, 200), expected("S2E forget-rate schedule at epochs 0,1,10,50,100,199"))


@pytest.mark.parametrize(("epochs", "pace"), [(200, 1), (50, 4)])
def test_any_training_goes_through_the_whole_schedule(expected, epochs, pace):
    x = expected("S2E forget-rate schedule, raw draws")
    method = S2E(schedule=tuple(x.tolist()))
    own = SimpleNamespace(memory=started(method))
    for epoch in (1, 2, epochs // 2, epochs):
        want = forget_rate(x, double(pace * (epoch - 1.0)), 200)
        torch.testing.assert_close(method.forgotten(own, clock(epoch, epochs)), want, rtol=0, atol=1e-6)


@given(x=st.lists(st.floats(1e-6, 1 - 1e-6), min_size=12, max_size=12), t=st.floats(0, 199))
@settings(max_examples=100, deadline=None)
def test_a_forget_rate_is_one(x, t):
    rate = forget_rate(double(x), double(t), 200).item()
    assert 0 <= rate <= 0.99
    assert forget_rate(double(x), double(0.0), 200).item() == 0


def test_without_a_search_the_schedule_rises_to_two_fifths():
    method = S2E()
    assert method.needs() == set()
    assert method.stages(200) == (Stage("train", 200, fresh=True),)
    own = SimpleNamespace(memory=started(method))
    course = [method.forgotten(own, clock(epoch, 200)).item() for epoch in range(1, 201)]
    assert course[0] == 0
    assert course[20] == pytest.approx(0.4, abs=0.005)
    assert course[-1] == pytest.approx(0.4, abs=0.005)
    assert max(course) < 0.4


def test_the_peers_exchange_as_many_samples_as_the_schedule_says():
    method, random = S2E(), torch.Generator().manual_seed(0)
    labels = torch.randint(5, (20,), generator=random)
    batch = Batch(labels, torch.nn.functional.one_hot(labels, 5).float(), labels)
    both = [Outputs.of(torch.randn(20, 5, generator=random), started(method)) for _ in range(2)]
    a, b = (own.refined(method.refine(own, batch, clock(200, 200))) for own in both)
    assert a.sent.sum() == b.sent.sum() == int((1 - method.forgotten(a, clock(200, 200)).item()) * 20) == 12
    losses = -a.log_probs[torch.arange(20), labels]
    torch.testing.assert_close(method.loss(a, b, batch, clock(200, 200)), losses[b.sent.bool()].mean())


def test_a_search_ends_with_the_best_schedule_and_both_peers_with_the_same():
    method = S2E(trials=6, trials_per_round=4)
    assert method.stages(10) == (
        *(Stage(f"trial {n}", 2, fresh=True) for n in range(1, 7)),
        Stage("train", 10, fresh=True),
    )
    memories = [started(method), started(method)]
    right = [(3, 4), (1, 2), (9, 7), (8, 8), (2, 2), (7, 8)]
    for stage, (a, b) in enumerate(right):
        for memory, seen in zip(memories, (predictions(a, b), predictions(b, a)), strict=True):
            trial = memory["schedule"].clone()
            method.after_epoch(memory, clock(1, 2, stage), seen)
            assert torch.equal(memory["schedule"], trial)
            assert torch.equal(memory["tried"][stage], trial)
            method.after_epoch(memory, clock(2, 2, stage), seen)
            assert not torch.equal(memory["schedule"], trial)
    for name, value in memories[0].items():
        assert torch.equal(value, memories[1][name]), name
    memory = memories[0]
    torch.testing.assert_close(memory["scores"], torch.tensor([0.35, 0.15, 0.8, 0.8, 0.2, 0.75]))
    assert torch.equal(memory["schedule"], memory["tried"][2])
    assert memory["tried"].unique(dim=0).shape == (6, 12)
    method.after_epoch(memory, clock(10, 10, 6), None)
    assert torch.equal(memory["schedule"], memory["tried"][2])


def test_later_rounds_draw_near_the_best_trials():
    tried = [[0.2 + 0.01 * (n % 2)] * 12 if n < 4 else [0.9] * 12 for n in range(16)]
    scores = [0.8 if n < 4 else 0.3 for n in range(16)]
    drawn = double([propose(16, tried, scores, 16, seed) for seed in range(200)])
    assert drawn.mean().item() == pytest.approx(0.205, abs=0.02)
    assert drawn.std().item() == pytest.approx(0.1, abs=0.02)
    first = double([propose(15, tried, scores, 16, seed) for seed in range(200)])
    assert first.mean().item() == pytest.approx(0.5, abs=0.03)


@given(
    scores=st.lists(st.floats(0, 1), min_size=12, max_size=12),
    value=st.sampled_from([1e-6, 0.5, 1 - 1e-6]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_a_draw_is_inside_and_depends_on_nothing_else(scores, value, seed):
    tried = [[value if n % 3 else 1 - value] * 12 for n in range(12)]
    drawn = propose(12, tried, scores, 4, seed)
    assert all(0 < number < 1 for number in drawn)
    assert all(0 < number < 1 for number in torch.tensor(drawn, dtype=torch.float32).tolist())
    assert drawn == propose(12, tried, scores, 4, seed)
    assert drawn != propose(12, tried, scores, 4, seed + 1)


def test_a_search_without_held_out_samples_is_refused_after_its_first_epoch():
    method = S2E(trials=2)
    with pytest.raises(ValueError, match=r"validation\.fraction"):
        method.after_epoch(started(method), clock(1, 5), predictions(0, 0, held_out=0))
    S2E().after_epoch(started(S2E()), clock(1, 5), None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": [0.5] * 11}, "at least 12"),
        ({"schedule": [0.5] * 13}, "at most 12"),
        ({"schedule": []}, "at least 12"),
        ({"schedule": [0.5] * 11 + [1.0]}, "less than 1"),
        ({"schedule": [0.0] + [0.5] * 11}, "greater than 0"),
        ({"schedule": [float("nan")] + [0.5] * 11}, "than 0|finite"),
        ({"schedule": 0.5}, "tuple"),
        ({"schedule": [0.5] * 12, "trials": 3}, "leave one of the two out"),
        ({"trials": -1}, "greater than or equal to 0"),
        ({"trials": True}, "integer"),
        ({"trials": 2.0}, "integer"),
        ({"trials_per_round": 3}, "greater than or equal to 4"),
        ({"trial_share": 0.0}, "greater than 0"),
        ({"search_seed": -1}, "greater than or equal to 0"),
        ({"noise_rate": 0.4}, "Extra inputs"),
    ],
)
def test_options_that_are_wrong(options, message):
    with pytest.raises(ValidationError, match=message):
        S2E(**options)


def test_a_list_of_numbers_is_a_schedule():
    assert S2E(schedule=[0.5] * 12, trials=0).schedule == (0.5,) * 12
