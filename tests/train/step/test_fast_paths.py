"""The fast ways of taking a step compute what the slow way does, for every method there is."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from contextlib import nullcontext
from dataclasses import replace
from unittest import mock

import pytest
import torch
from pairs import COMPUTE, all_stages, pair
from torch.utils._python_dispatch import TorchDispatchMode

from smkd_cli.methods.selection import cdr
from smkd_cli.train.step.captured_step import CapturedStep
from smkd_cli.train.step.cuda_graph import CudaGraphs

METHODS = list(all_stages())
COMPILED = ("SMKD-P+MyLC", "DMI")  # the others take a minute together

# How far losses and gradients may be from those of float64, relative to the largest. bfloat16 has 8 bits of mantissa.
TOLERANCES = {"float32": (1e-4, 1e-4), "bfloat16": (0.02, 0.15)}
# Where eight bits decide which samples are picked, or a determinant of a nearly singular matrix, results may jump.
JUMPY = {"Co-teaching", "Co-teaching+", "S2E", "CDR", "DMI"}

STEPS = ("eager", "captured")

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def trained(stepped, steps=1):
    """Losses and gradients after so many steps."""
    for batch in stepped.batches[:steps]:
        stepped.pair.train_step(batch)
    return stepped.pair.statistics.losses.double().cpu(), {k: v.cpu() for k, v in stepped.gradients().items()}


def assert_close(one, other, precision):
    loss_tolerance, gradient_tolerance = TOLERANCES[precision]
    assert torch.allclose(one[0], other[0], rtol=loss_tolerance)
    # As one vector: a single small gradient may well be all rounding.
    for peer in "ab":
        ours, exact = (
            torch.cat([value.flatten() for name, value in gradients.items() if name.startswith(peer)])
            for gradients in (one[1], other[1])
        )
        assert (ours - exact).norm() <= gradient_tolerance * exact.norm()


def state_of(stepped):
    return {name: value.detach().clone().cpu() for name, value in stepped.pair.tensors().items()}


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value.nan_to_num(-1), other[name].nan_to_num(-1)), name


@pytest.fixture(scope="module")
def exact():
    """Losses and gradients of a method in float64, computed once."""
    known = {}

    def of(method):
        if method not in known:
            known[method] = trained(pair(method, dtype=torch.float64))
        return known[method]

    return of


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
@pytest.mark.parametrize("method", METHODS)
def test_float32(exact, method, layout):
    assert_close(trained(pair(method, replace(COMPUTE, memory_format=layout))), exact(method), "float32")


@pytest.mark.parametrize("method", METHODS)
def test_mixed_precision(exact, method):
    stepped = pair(method, replace(COMPUTE, precision="bfloat16"))
    found = trained(stepped)
    if method in JUMPY:
        assert torch.allclose(found[0], exact(method)[0], rtol=0.3, atol=0.3)
    else:
        assert_close(found, exact(method), "bfloat16")
    assert all(value.dtype == torch.float32 for network in stepped.pair.networks for value in network.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_peers_side_by_side_give_the_bits_of_peers_in_turn(method):
    in_turn, side_by_side = pair(method), pair(method, replace(COMPUTE, threads=2, peers="side_by_side"))
    for stepped in (in_turn, side_by_side):
        trained(stepped, steps=3)
    assert_same_bits(state_of(in_turn), state_of(side_by_side))


# What waits for a CUDA device, or goes over the host, and so cannot be captured. ``equal`` does too, but a quantile
# asks it on a processor, and only there: tests/cuda would notice.
WAITING = re.compile(
    "_local_scalar_dense|nonzero|masked_select|bincount|_unique2|unique_.*|lift.*|_?linalg_(?!vector_norm).*"
)


class AsInACapture(TorchDispatchMode):
    """Raises, on a CPU, where an operation would synchronise with a CUDA device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.removeprefix("aten::")
        masks = args[1] if name.lstrip("_") in {"index", "index_put", "index_put_", "index_put_impl_"} else ()
        by_mask = any(part is not None and part.dtype in {torch.bool, torch.uint8} for part in masks)
        if by_mask or WAITING.fullmatch(name):
            raise PermissionError(name)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", METHODS)
def test_a_step_synchronises_with_the_device_only_where_the_method_says_so(method, monkeypatch):
    monkeypatch.setattr(cdr, "kth_largest", cdr.kth_largest_by_bits)  # as on CUDA
    stepped = pair(method)
    stage = stepped.pair.clock.stage
    refused = nullcontext() if stepped.pair.method.capturable(stage) else pytest.raises(PermissionError)
    with refused, AsInACapture():
        stepped.pair.step(stepped.batches[0])


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: x.masked_fill_(x > 0, 0) if x.sum() > 0 else x,
        lambda x: x + torch.tensor(1.0),
        lambda x: x.index_put_((x > 0,), torch.zeros(())),
        lambda x: x.nonzero(),
        lambda x: x.long().bincount(),
        lambda x: x.unique(),
        lambda x: torch.linalg.inv(x.expand(3, 3)),
    ],
)
def test_a_synchronisation_is_found(ask):
    with pytest.raises(PermissionError), AsInACapture():
        ask(torch.ones(3))


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="compiling needs a C++ compiler")
@pytest.mark.filterwarnings("default")  # the compiler's own are its makers' affair
@pytest.mark.parametrize(
    "method", [method if method in COMPILED else pytest.param(method, marks=pytest.mark.long) for method in METHODS]
)
def test_compiled(exact, method):
    assert_close(trained(pair(method, replace(COMPUTE, step="compiled"))), exact(method), "float32")


class Recordings:
    """Stand in for CUDA graphs: a step is recorded by doing it, and replayed by doing it again on the same tensors."""

    def __init__(self, fails=None):
        self.replays, self.recorded, self.fails = 0, 0, fails

    def warm_up(self, work):
        work()

    def record(self, work):
        work()
        self.recorded += 1
        if self.fails:
            raise self.fails

        def replay():
            self.replays += 1
            work()

        return replay


@pytest.mark.parametrize("method", METHODS)
def test_a_captured_step_leaves_what_an_eager_one_does(method):
    eager, captured, graphs = pair(method), pair(method), Recordings()
    fast = CapturedStep(captured.pair.step, captured.pair.tensors, graphs)
    for batch in eager.batches:
        eager.pair.step(batch)
        fast(batch)
    assert (graphs.recorded, graphs.replays) == (1, 3)
    assert_same_bits(state_of(eager), state_of(captured))


def test_capturing_beforehand_changes_nothing_in_training():
    stepped, graphs = pair("SMKD-P+MyLC"), Recordings()

    def noisy(batch):
        torch.rand(5)
        stepped.pair.step(batch)

    before, random = state_of(stepped), torch.get_rng_state()
    fast = CapturedStep(noisy, stepped.pair.tensors, graphs)
    fast.prepare(stepped.batches[0])
    assert torch.equal(torch.get_rng_state(), random)
    assert_same_bits(state_of(stepped), before)
    fast.prepare(stepped.batches[1])
    assert (graphs.recorded, graphs.replays) == (1, 0)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operation not permitted when stream is capturing\nmore"),
        UserWarning("operation not permitted when stream is capturing"),
        subprocess.CalledProcessError(1, "cc"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_step_that_cannot_be_captured_runs_eagerly(caplog, error):
    eager, other, graphs = pair("MyLC"), pair("MyLC"), Recordings(error)
    fast = CapturedStep(other.pair.step, other.pair.tensors, graphs)
    for batch in eager.batches:
        eager.pair.step(batch)
        fast(batch)
    assert fast.impossible == str(error).partition("\n")[0]
    assert graphs.recorded == 1
    assert caplog.text.count("cannot be captured and runs eagerly") == 1
    assert_same_bits(state_of(eager), state_of(other))


def test_memory_that_is_too_small_for_capturing_is_an_error():
    stepped = pair("CE")
    fast = CapturedStep(stepped.pair.step, stepped.pair.tensors, Recordings(torch.OutOfMemoryError("no memory")))
    before = state_of(stepped)
    with pytest.raises(torch.OutOfMemoryError):
        fast(stepped.batches[0])
    assert_same_bits(state_of(stepped), before)


def test_where_compiled_networks_cannot_be_captured_the_others_are(caplog):
    eager, other, plain = pair("MyLC"), pair("MyLC"), Recordings()
    state = other.pair.tensors
    fallback = CapturedStep(other.pair.step, state, plain)
    fast = CapturedStep(other.pair.step, state, Recordings(RuntimeError("no")), fallback, "goes on otherwise")
    fast.prepare(eager.batches[0])
    assert plain.recorded == 1
    for batch in eager.batches:
        eager.pair.step(batch)
        fast(batch)
    assert (plain.recorded, plain.replays) == (1, 3)
    assert caplog.messages == ["the training step cannot be captured and goes on otherwise: no"]
    assert_same_bits(state_of(eager), state_of(other))


def test_networks_that_do_not_compile_learn_as_they_are(monkeypatch, caplog):
    """The compiler is asked once for each network, and what it gave is not called again once it has failed."""
    asked, called = [], []

    def compile_(network, **options):
        asked.append(options)

        def compiled(images):
            called.append(images.shape)
            raise FileNotFoundError("no C++ compiler")

        return compiled

    monkeypatch.setattr(torch, "compile", compile_)
    eager, other = pair("BAN"), pair("BAN", replace(COMPUTE, step="compiled"))
    for batch in eager.batches:
        eager.pair.train_step(batch)
        other.pair.train_step(batch)
    assert other.pair.falls_back == "no C++ compiler"
    assert len(called) == 1
    assert "goes on without compiled networks: no C++ compiler" in caplog.text
    assert_same_bits(state_of(eager), state_of(other))
    other.pair.set_stage(1)
    other.pair.train_step(eager.batches[0])
    assert len(asked) == 1
    assert asked[0]["options"] == {"triton.cudagraphs": False}


@needs_cuda
@pytest.mark.parametrize("peers", ["in_turn", "side_by_side"])
@pytest.mark.parametrize("step", ["eager", "captured"])
@pytest.mark.parametrize("method", METHODS)
def test_on_cuda(exact, method, step, peers):
    compute = replace(COMPUTE, device="cuda", step=step, peers=peers, deterministic=True)
    for precision in ("float32", "bfloat16"):
        stepped = pair(method, replace(compute, precision=precision))
        found = trained(stepped)
        assert stepped.pair.falls_back is None
        if precision == "float32" or method not in JUMPY:
            assert_close(found, exact(method), precision)


@needs_cuda
@pytest.mark.parametrize("method", ["SMKD-P+MyLC", "FFL", "PCL", "T2S-KD", "M-DYR", "Co-teaching+", "CDR"])
def test_on_cuda_a_captured_step_leaves_what_an_eager_one_does(method):
    """Whole batches and a smaller one, several times: what a graph keeps between its replays would show."""
    eager, captured = (pair(method, replace(COMPUTE, device="cuda", step=step, deterministic=True)) for step in STEPS)
    smaller = {name: part[: len(part) // 2] for name, part in eager.batches[2].items()}
    for batch in (eager.batches[0], smaller, eager.batches[1], smaller):
        eager.pair.train_step(batch)
        captured.pair.train_step(batch)
    assert captured.pair.falls_back is None
    one, other = state_of(eager), state_of(captured)
    for name, value in one.items():
        assert torch.allclose(value, other[name], rtol=1e-3, atol=1e-4, equal_nan=True), name


@needs_cuda
@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("clang")), reason="compiling needs a C compiler")
@pytest.mark.filterwarnings("default")  # the compiler's own are its makers' affair
@pytest.mark.parametrize("peers", ["in_turn", "side_by_side"])
def test_on_cuda_compiled_networks_are_captured_too(exact, peers):
    stepped = pair("SMKD-P+MyLC", replace(COMPUTE, device="cuda", step="compiled", peers=peers))
    assert_close(trained(stepped), exact("SMKD-P+MyLC"), "float32")
    trained(stepped, steps=3)
    assert stepped.pair.falls_back is None


@needs_cuda
def test_on_cuda_a_graph_is_really_captured():
    stepped = pair("SMKD-P+MyLC", replace(COMPUTE, device="cuda", step="captured"))
    with mock.patch.object(
        torch.cuda.CUDAGraph, "replay", autospec=True, side_effect=torch.cuda.CUDAGraph.replay
    ) as replay:
        trained(stepped, steps=3)
    assert stepped.pair.falls_back is None
    assert replay.call_count == 3
    assert not math.isnan(stepped.pair.statistics.losses.sum().item())


@needs_cuda
def test_on_cuda_a_failed_capture_leaves_nothing_behind():
    stepped = pair("SMKD-P+MyLC", replace(COMPUTE, device="cuda", step="captured"))
    inner = stepped.pair.step

    def synchronizes(*batch):
        torch.rand(5, device="cuda")
        inner(*batch)
        stepped.pair.statistics.losses.sum().item()

    failed = CapturedStep(synchronizes, stepped.pair.tensors, CudaGraphs())
    failed(*stepped.batches[0])
    assert failed.impossible is not None
    assert torch.rand(5, device="cuda").isfinite().all()
    trained(stepped, steps=3)
    assert stepped.pair.falls_back is None
