import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.train.step.epoch_plan import Draws, plan_epoch
from smkd_cli.train.step.schedule import steps_per_epoch

CPU = torch.device("cpu")


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
    plan = plan_epoch(chosen, seed, epoch, batch_size, Draws(padding, True), CPU)
    left_out = samples - len(plan.indices)
    assert left_out == (1 if samples % batch_size == 1 and samples > 1 else 0)
    assert len(set(plan.indices.tolist())) == len(plan.indices)
    assert set(plan.indices.tolist()) <= set(chosen.tolist())
    assert int(plan.offsets.min()) >= 0
    assert int(plan.offsets.max()) <= 2 * padding
    assert len(list(plan.batches(batch_size))) == steps_per_epoch(samples, batch_size)


def test_a_plan_depends_on_seed_and_epoch_alone():
    def draw(seed, epoch):
        plan = plan_epoch(np.arange(500), seed, epoch, 128, Draws(4, True), CPU)
        return torch.cat([plan.indices, plan.offsets.flatten(), plan.flips.long().flatten()])

    assert torch.equal(draw(1, 1), draw(1, 1))
    assert not torch.equal(draw(1, 1), draw(1, 2))
    assert not torch.equal(draw(1, 1), draw(2, 1))


def test_the_rest_of_a_plan_continues_where_it_was_left():
    plan = plan_epoch(np.arange(100), 7, 3, 16, Draws(2, True), CPU)
    whole, rest = list(plan.batches(16)), list(plan.batches(16, first=4))
    assert len(rest) == len(whole) - 4
    assert all(torch.equal(x, y) for a, b in zip(whole[4:], rest, strict=True) for x, y in zip(a, b, strict=True))


def test_crops_and_flips_are_uniform():
    plan = plan_epoch(np.arange(20_000), 0, 1, 128, Draws(4, True), CPU)
    counts = torch.bincount(plan.offsets.flatten(), minlength=9).double()
    assert ((counts / counts.sum() - 1 / 9).abs() < 0.01).all()
    assert abs(plan.flips.double().mean().item() - 0.5) < 0.02
    assert not plan_epoch(np.arange(100), 0, 1, 10, Draws(0, False), CPU).flips.any()


def test_a_second_view_leaves_the_first_as_it_is():
    one, two = (plan_epoch(np.arange(200), 3, 5, 16, Draws(4, True, views=views), CPU) for views in (1, 2))
    assert torch.equal(one.offsets[:, 0], two.offsets[:, 0])
    assert torch.equal(one.flips[:, 0], two.flips[:, 0])
    assert two.offsets.shape == (200, 2, 2)
    assert not torch.equal(two.offsets[:, 0], two.offsets[:, 1])


def test_a_batch_has_one_mix():
    plan = plan_epoch(np.arange(3000), 0, 1, 16, Draws(0, False, mixup=2.0), CPU)
    shares = [mix for *_, mix in plan.batches(16)]
    assert all(len(set(mix.tolist())) == 1 for mix in shares)
    drawn = torch.stack([mix[0] for mix in shares])
    assert abs(drawn.mean().item() - 0.5) < 0.05
    assert abs(drawn.std().item() - (1 / 20) ** 0.5) < 0.03  # of Beta(2, 2)


@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(lambda counts: sum(counts) > 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_a_balanced_epoch_has_every_class_in_every_batch(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    present = sum(count > 0 for count in counts)
    size = present + 2
    plan = plan_epoch(np.arange(len(labels)), seed, 1, size, Draws(0, False, balanced=labels), CPU)
    assert len(plan.indices) >= len(labels) - 1
    for indices, *_ in plan.batches(size):
        assert len(set(labels[indices.numpy()])) == min(present, len(indices))
