import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.data.augmentation.rules.crop import Crop
from smkd_cli.data.augmentation.rules.flip import Flip
from smkd_cli.methods import Views, mixing
from smkd_cli.methods.sampling import Balanced, TwoPools
from smkd_cli.train.step.epoch_plan import Draws, plan_epoch
from smkd_cli.train.step.schedule import steps_per_epoch

CPU = torch.device("cpu")


def plan_of(samples, seed=0, epoch=1, batch_size=16, draws=None, labels=None):
    """A plan over so many samples, or those with these indices."""
    samples = np.arange(samples) if isinstance(samples, int) else samples
    labels = np.zeros(int(samples.max()) + 1, dtype=np.int64) if labels is None else labels
    return plan_epoch(samples, labels, seed, epoch, batch_size, draws or Draws([Crop(padding=4), Flip()]), CPU)


def indices(plan):
    return plan.columns["indices"].flatten().tolist()


@given(
    samples=st.integers(1, 300),
    batch_size=st.integers(2, 70),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(1, 1000),
    padding=st.integers(0, 4),
)
@settings(max_examples=60, deadline=None)
def test_an_epoch_sees_every_sample_once(samples, batch_size, seed, epoch, padding):
    chosen = np.arange(samples) * 3
    plan = plan_of(chosen, seed, epoch, batch_size, Draws([Crop(padding=padding), Flip()]))
    left_out = samples - len(plan)
    assert left_out == (1 if samples % batch_size == 1 and samples > 1 else 0)
    assert len(set(indices(plan))) == len(plan)
    assert set(indices(plan)) <= set(chosen.tolist())
    assert int(plan.columns["view.0.offsets"].min()) >= 0
    assert int(plan.columns["view.0.offsets"].max()) <= 2 * padding
    assert len(list(plan.batches(batch_size))) == steps_per_epoch(samples, batch_size)


def test_a_plan_depends_on_seed_and_epoch_alone():
    def draw(seed, epoch):
        return torch.cat([column.flatten().long() for column in plan_of(500, seed, epoch, 128).columns.values()])

    assert torch.equal(draw(1, 1), draw(1, 1))
    assert not torch.equal(draw(1, 1), draw(1, 2))
    assert not torch.equal(draw(1, 1), draw(2, 1))


def test_the_rest_of_a_plan_continues_where_it_was_left():
    plan = plan_of(100, 7, 3)
    whole, rest = list(plan.batches(16)), list(plan.batches(16, first=4))
    assert len(rest) == len(whole) - 4
    assert all(torch.equal(a[name], b[name]) for a, b in zip(whole[4:], rest, strict=True) for name in a)


def test_crops_and_flips_are_uniform():
    columns = plan_of(20_000, batch_size=128).columns
    counts = torch.bincount(columns["view.0.offsets"].flatten(), minlength=9).double()
    assert ((counts / counts.sum() - 1 / 9).abs() < 0.01).all()
    assert abs(columns["view.1.flipped"].double().mean().item() - 0.5) < 0.02
    assert plan_of(100, draws=Draws()).columns.keys() == {"indices"}


@pytest.mark.parametrize(
    ("views", "count"), [(Views(2), 2), (Views(1, shared=False), 2), (Views(2, shared=False), 4), (Views(3), 3)]
)
def test_every_view_has_draws_of_its_own(views, count):
    one, many = plan_of(200, 3, 5).columns, plan_of(200, 3, 5, draws=Draws([Crop(padding=4), Flip()], views)).columns
    assert torch.equal(one["indices"], many["indices"])
    assert many["view.0.offsets"].shape == (200, count, 2)
    assert many["view.1.flipped"].shape == (200, count)
    for name in ("view.0.offsets", "view.1.flipped"):
        assert not torch.equal(many[name][:, 0], many[name][:, 1])


def test_what_a_method_draws_comes_with_its_batches():
    def others(random, sizes):
        return {"share": mixing.shares_by_sample(random, sizes, 2.0), "partner": mixing.partners(random, sizes, 2)}

    plan = plan_of(100, draws=Draws(others=others))
    assert torch.equal(plan.columns["indices"], plan_of(100, draws=Draws()).columns["indices"])
    for batch in plan.batches(16):
        size = len(batch["indices"])
        assert batch["drawn.share"].shape == (size,)
        assert sorted(batch["drawn.partner"].T.flatten().tolist()) == list(range(2 * size))


@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(lambda counts: sum(counts) > 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_a_balanced_epoch_has_every_class_in_every_batch(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    present = sum(count > 0 for count in counts)
    size = present + 2
    plan = plan_of(len(labels), seed, 1, size, Draws(sampler=Balanced()), labels)
    assert len(plan) >= len(labels) - 1
    for batch in plan.batches(size):
        assert len(set(labels[batch["indices"].flatten().numpy()])) == min(present, len(batch["indices"]))


@given(samples=st.integers(2, 200), size=st.integers(2, 40), share=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_two_pools_fill_one_half_of_every_batch_each(samples, size, share, seed):
    scores = [np.random.default_rng(seed + peer).random(2 * samples) for peer in range(2)]
    chosen, sampler = np.arange(samples) * 2, TwoPools("clean", 1 - share)
    plan = plan_of(chosen, seed, 1, size, Draws(sampler=sampler, scores=scores))
    assert len(plan) == samples - (samples % size == 1)
    for peer, score in enumerate(scores):
        above = score > 1 - share
        pools = [set(chosen[above[chosen]]) or set(chosen), set(chosen[~above[chosen]]) or set(chosen)]
        drawn = [[], []]
        for batch in plan.batches(size):
            order = batch["indices"][:, peer].tolist()
            half = (len(order) + 1) // 2
            drawn[0] += order[:half]
            drawn[1] += order[half:]
        for pool, taken in zip(pools, drawn, strict=True):
            assert set(taken) <= pool
            counts = np.unique(taken, return_counts=True)[1]
            # All of a pool comes before any of it comes again (but for the sample that a last batch would be alone).
            assert not len(taken) or counts.max() <= -(-(len(taken) + 1) // len(pool))
