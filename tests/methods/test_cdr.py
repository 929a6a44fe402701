"""CDR: which gradients are left, and by how much."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.methods import Clock, LabelFacts
from smkd_cli.methods.selection.cdr import CDR, kth_largest, kth_largest_by_bits

W = [0.5, -0.2, 0.1, -0.8, 0.05, 0.3]
G = [0.1, 0.4, -0.3, 0.05, 2.0, -0.01]
NOW = Clock(*(torch.ones((), dtype=torch.float64) for _ in range(4)), 1)


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def weight(values, gradients, shape):
    made = torch.nn.Parameter(values.reshape(shape))
    made.grad = gradients.reshape(shape).clone()
    return made


def masked(parameters, rate, dtype=torch.float64):
    method = CDR(noise_rate=rate)
    memory = {"noise_rate": torch.zeros((), dtype=dtype)}
    method.before_training(memory, LabelFacts(torch.zeros(4, dtype=torch.int64), 5))
    method.after_backward(parameters, memory, NOW)
    return [parameter.grad for parameter in parameters]


def test_the_reference_threshold(expected, close):
    importance = (double(W) * double(G)).abs()
    close(importance, expected("CDR |g*w|"))
    close(kth_largest(importance, double(3.0)), expected("CDR threshold"))


def test_the_reference_gradient_is_ranked_over_all_weights_and_leaves_others_alone(expected, close):
    w, g = double(W), double(G)
    matrix, kernel = weight(w[:2], g[:2], (2, 1)), weight(w[2:], g[2:], (1, 2, 2, 1))
    bias, unused = weight(double([9.0]), double([0.1]), (1,)), torch.nn.Parameter(double([[9.0]]))
    got = masked([matrix, bias, kernel, unused], 0.4)
    close(torch.cat([got[0].flatten(), got[2].flatten()]), expected("CDR masked gradient (repo: clip*g)"))
    close(got[1], double([0.1]))
    assert got[3] is None


def test_the_layout_of_a_weight_does_not_matter():
    random = torch.Generator().manual_seed(0)
    values, gradients = (torch.randn(4, 3, 3, 3, generator=random) for _ in range(2))
    plain, other = (torch.nn.Parameter(values.clone()) for _ in range(2))
    other.data = other.data.to(memory_format=torch.channels_last)
    plain.grad, other.grad = gradients.clone(), gradients.clone().to(memory_format=torch.channels_last)
    torch.testing.assert_close(masked([plain], 0.3)[0], masked([other], 0.3)[0], rtol=0, atol=0)


def test_nothing_to_rank():
    bias = weight(double([1.0]), double([0.1]), (1,))
    assert masked([bias], 0.4)[0].item() == 0.1


@pytest.mark.parametrize(("values", "left"), [([0.0] * 6, 6), ([0.5] * 6, 6), (W, 1)])
def test_ties_stay_together_and_one_is_left_at_least(values, left):
    gradients = G if values is W else [1.0] * 6
    got = masked([weight(double(values), double(gradients), (2, 3))], 0.999999)[0]
    assert got.count_nonzero().item() == left


def test_no_gradient_is_masked_while_the_rate_is_estimated():
    method = CDR(noise_rate="estimated")
    parameter = weight(double(W), double(G), (2, 3))
    now = Clock(NOW.epoch, NOW.epochs, NOW.iteration, NOW.iterations, 0)
    method.after_backward([parameter], {"noise_rate": double(0.4)}, now)
    assert parameter.grad.flatten().tolist() == G


@pytest.mark.parametrize("largest", [kth_largest, kth_largest_by_bits])
@given(
    values=st.lists(st.floats(0, 2.0**99, width=32), min_size=1, max_size=50),
    part=st.floats(0, 1),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=60, deadline=None)
def test_the_kth_largest_is_that_of_a_sorted_list(values, part, dtype, largest):
    k = max(1, round(part * len(values)))
    got = largest(torch.tensor(values, dtype=dtype), double(float(k)))
    assert got.item() == sorted(values, reverse=True)[k - 1]


@given(rate=st.floats(0, 0.99), seed=st.integers(0, 100), size=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_as_many_gradients_are_left_as_the_rate_says(rate, seed, size):
    random = torch.Generator().manual_seed(seed)
    values, gradients = (torch.randn(size, 1, generator=random) for _ in range(2))
    got = masked([weight(values, gradients, (size, 1))], rate, torch.float32)[0]
    kept = got != 0
    assert kept.sum().item() == max(1, int((1 - round(rate, 6)) * size))
    torch.testing.assert_close(got[kept], gradients[kept] * (1 - rate), rtol=1e-4, atol=1e-9)
    importance = (values * gradients).abs()
    assert kept.all() or importance[kept].min() > importance[~kept].max()
