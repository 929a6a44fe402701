import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.train.epoch_plan import plan_epoch
from smkd_cli.train.schedule import steps_per_epoch

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
    plan = plan_epoch(chosen, seed, epoch, batch_size, padding, True, CPU)
    left_out = samples - len(plan.indices)
    assert left_out == (1 if samples % batch_size == 1 and samples > 1 else 0)
    assert len(set(plan.indices.tolist())) == len(plan.indices)
    assert set(plan.indices.tolist()) <= set(chosen.tolist())
    assert int(plan.offsets.min()) >= 0
    assert int(plan.offsets.max()) <= 2 * padding
    assert len(list(plan.batches(batch_size))) == steps_per_epoch(samples, batch_size)


def test_a_plan_depends_on_seed_and_epoch_alone():
    def draw(seed, epoch):
        plan = plan_epoch(np.arange(500), seed, epoch, 128, 4, True, CPU)
        return torch.cat([plan.indices, plan.offsets.flatten(), plan.flips.long()])

    assert torch.equal(draw(1, 1), draw(1, 1))
    assert not torch.equal(draw(1, 1), draw(1, 2))
    assert not torch.equal(draw(1, 1), draw(2, 1))


def test_the_rest_of_a_plan_continues_where_it_was_left():
    plan = plan_epoch(np.arange(100), 7, 3, 16, 2, True, CPU)
    whole, rest = list(plan.batches(16)), list(plan.batches(16, first=4))
    assert len(rest) == len(whole) - 4
    assert all(torch.equal(x, y) for a, b in zip(whole[4:], rest, strict=True) for x, y in zip(a, b, strict=True))


def test_crops_and_flips_are_uniform():
    plan = plan_epoch(np.arange(20_000), 0, 1, 128, 4, True, CPU)
    counts = torch.bincount(plan.offsets.flatten(), minlength=9).double()
    assert ((counts / counts.sum() - 1 / 9).abs() < 0.01).all()
    assert abs(plan.flips.double().mean().item() - 0.5) < 0.02
    assert not plan_epoch(np.arange(100), 0, 1, 10, 0, False, CPU).flips.any()
