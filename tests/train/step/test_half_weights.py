"""Half-precision weights copied at once: the same bits as autocast's own copies, by fewer operations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pairs import COMPUTE, pair
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from smkd_cli.train.step import step
from smkd_cli.train.step.half_weights import HalfWeights

BF16 = replace(COMPUTE, precision="bfloat16")


class Counted(TorchDispatchMode):
    """Counts operations by name."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().partition(".")[0]
        self.counts[name] = self.counts.get(name, 0) + 1
        return func(*args, **(kwargs or {}))


def after_steps(monkeypatch, devices, method, network="small_resnet"):
    monkeypatch.setattr(step, "_FEWER_KERNELS", devices)
    stepped = pair(method, BF16, network=network)
    with Counted() as counted:
        for batch in stepped.batches:
            stepped.pair.train_step(batch)
    return stepped.pair.tensors(), counted.counts


@pytest.mark.parametrize("method", ["SMKD-P+MyLC", "CDR", "M-DYR", "BAN"])
@pytest.mark.parametrize("network", ["small_resnet", "shufflenet_v2"])
def test_bits_are_those_of_autocast(method, network, monkeypatch):
    ours, fewer = after_steps(monkeypatch, {"cpu"}, method, network)
    theirs, more = after_steps(monkeypatch, set(), method, network)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(value.nan_to_num(-9), ours[name].nan_to_num(-9)), name
    assert fewer["aten::_foreach_copy_"] == 4 * 3  # forward and backward, of two peers, in three steps
    assert "aten::_foreach_copy_" not in more
    layers = sum(isinstance(module, torch.nn.Conv2d | torch.nn.Linear) for module in network_of(network).modules())
    assert more["aten::_to_copy"] - fewer["aten::_to_copy"] >= 2 * 3 * 2 * layers * 0.9


def network_of(name):
    return pair("CE", COMPUTE, network=name).pair.networks[0]


def test_gradients_are_laid_out_as_the_weights(monkeypatch):
    monkeypatch.setattr(step, "_FEWER_KERNELS", {"cpu"})
    stepped = pair("CE", BF16)
    stepped.pair.train_step(stepped.batches[0])
    for name, weight in stepped.pair.networks[0].named_parameters():
        assert weight.grad.dtype == torch.float32
        assert weight.grad.stride() == weight.stride(), name


class Standardised(torch.nn.Conv2d):
    """Computes something of its weight in single precision first."""

    def forward(self, images):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return torch.nn.functional.conv2d(images, weight, self.bias, padding=1)


def test_layers_that_compute_their_weights_and_layers_that_are_not_used_are_as_autocast_has_them():
    network = torch.nn.Sequential(Standardised(1, 4, 3), torch.nn.Conv2d(4, 2, 1))
    network.add_module("unused", torch.nn.Identity())
    network.unused.weight_of_nothing = torch.nn.Linear(3, 3)
    images = torch.randn(2, 1, 6, 6)
    found = []
    for weights in (dict, HalfWeights(network)):
        network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            out = functional_call(network, weights(), (images,))
        out.float().sum().backward()
        gradients = {name: value.grad for name, value in network.named_parameters()}
        found.append((out, gradients))
    (plain, theirs), (halved, ours) = found
    assert torch.equal(plain, halved)
    assert ours["unused.weight_of_nothing.weight"] is None
    for name, gradient in theirs.items():
        assert (gradient is None) == (ours[name] is None)
        assert gradient is None or torch.equal(gradient, ours[name]), name
