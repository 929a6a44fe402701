"""The fast ways of taking a step compute what the slow way does, for every method there is."""

from __future__ import annotations

import math
import shutil
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from pairs import SETUP, all_stages, pair

from smkd_cli.train.captured import CapturedStep

METHODS = list(all_stages())

# How far losses and gradients may be from those of float64, relative to the largest. bfloat16 has 8 bits of mantissa.
TOLERANCES = {"float32": (1e-4, 1e-4), "bfloat16": (0.02, 0.15)}
# Where eight bits decide which samples are picked, or a determinant of a nearly singular matrix, results may jump.
JUMPY = {"Co-teaching", "Co-teaching+", "S2E", "CDR", "DMI"}

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def learned(stepped, steps=1):
    """Losses and gradients after so many steps."""
    for batch in stepped.batches[:steps]:
        stepped.pair.learn(*batch)
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
            known[method] = learned(pair(method, dtype=torch.float64))
        return known[method]

    return of


@pytest.mark.parametrize("layout", ["channels_last", "contiguous"])
@pytest.mark.parametrize("method", METHODS)
def test_float32(exact, method, layout):
    assert_close(learned(pair(method, replace(SETUP, memory_format=layout))), exact(method), "float32")


@pytest.mark.parametrize("method", METHODS)
def test_mixed_precision(exact, method):
    stepped = pair(method, replace(SETUP, precision="bfloat16"))
    found = learned(stepped)
    if method in JUMPY:
        assert torch.allclose(found[0], exact(method)[0], rtol=0.3, atol=0.3)
    else:
        assert_close(found, exact(method), "bfloat16")
    assert all(value.dtype == torch.float32 for network in stepped.pair.networks for value in network.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_peers_side_by_side_give_the_bits_of_peers_in_turn(method):
    in_turn, side_by_side = pair(method), pair(method, replace(SETUP, threads=2, peers="side_by_side"))
    for stepped in (in_turn, side_by_side):
        learned(stepped, steps=3)
    assert_same_bits(state_of(in_turn), state_of(side_by_side))


@pytest.mark.parametrize("method", METHODS)
def test_nothing_in_a_step_asks_the_device_for_a_number(method):
    """On the meta device there are no numbers: reading one, or choosing by one, fails, as it would in a capture."""
    stepped = pair(method)
    device = torch.device("meta")
    step = stepped.pair.step
    step.labels = step.labels.to(device)
    for learner in step.learners:
        for module in (learner.network, *learner.modules.values(), *learner.companions.values()):
            module.to(device)
        learner.parameters = list(learner.network.parameters())
        # The fused update is not defined there; the others are, and its own code is torch's.
        learner.rated, learner._unrated = [torch.optim.SGD(learner.parameters, lr=0.1, foreach=True)], []
        learner.memory = {name: value.to(device) for name, value in learner.memory.items()}
    step.shared = []
    times = {name: getattr(step.clock, name).to(device) for name in ("epoch", "epochs", "iteration", "iterations")}
    step.clock = replace(step.clock, **times)
    for statistic in ("said", "losses"):
        setattr(step.statistics, statistic, getattr(step.statistics, statistic).to(device))
    for constant in ("_crops", "_scale", "_shift"):
        setattr(step.images, constant, getattr(step.images, constant).to(device))
    step(*(part.to(device) for part in stepped.batches[0]))
    assert all(value.grad.device == device for learner in step.learners for value in learner.parameters)


def test_the_meta_device_notices_a_question():
    with pytest.raises(RuntimeError):
        torch.zeros((), device="meta").item()
    with pytest.raises(NotImplementedError):
        torch.zeros(3, device="meta")[torch.zeros(3, device="meta") > 0]


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="compiling needs a C++ compiler")
@pytest.mark.filterwarnings("default")  # the compiler's own are its makers' affair
@pytest.mark.parametrize("method", METHODS)
def test_compiled(exact, method):
    assert_close(learned(pair(method, replace(SETUP, step="compiled"))), exact(method), "float32")


class Recording:
    """Stands in for a CUDA graph: records a step by doing it, replays it by doing it again on the same tensors."""

    def __init__(self, step):
        self.step = step
        self.replays = 0

    @contextmanager
    def recording(self):
        yield

    def replay(self):
        self.replays += 1
        self.step()


@pytest.mark.parametrize("method", METHODS)
def test_a_captured_step_leaves_what_an_eager_one_does(method):
    eager, captured = pair(method), pair(method)
    graphs = []

    def graph():
        graphs.append(Recording(lambda: captured.pair.step(*fast._inputs)))
        return graphs[-1]

    fast = CapturedStep(captured.pair.step, captured.pair.tensors, graph)
    for batch in eager.batches:
        eager.pair.step(*batch)
        fast(*batch)
    assert [made.replays for made in graphs] == [3]
    assert_same_bits(state_of(eager), state_of(captured))


def test_capturing_does_not_touch_the_generators():
    stepped = pair("CE")

    def noisy(*_batch):
        torch.rand(5)

    before = torch.get_rng_state()
    fast = CapturedStep(noisy, stepped.pair.tensors, lambda: Recording(lambda: None))
    fast(*stepped.batches[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_step_that_cannot_be_captured_runs_eagerly(capsys):
    eager, other = pair("MyLC"), pair("MyLC")

    class Refuses(Recording):
        @contextmanager
        def recording(self):
            yield
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    fast = CapturedStep(other.pair.step, other.pair.tensors, lambda: Refuses(lambda: None))
    for batch in eager.batches:
        eager.pair.step(*batch)
        fast(*batch)
    assert fast.impossible == "operation not permitted when stream is capturing"
    assert capsys.readouterr().err.count("cannot be captured and runs eagerly") == 1
    assert_same_bits(state_of(eager), state_of(other))


@needs_cuda
@pytest.mark.parametrize("peers", ["in_turn", "side_by_side"])
@pytest.mark.parametrize("step", ["eager", "captured"])
@pytest.mark.parametrize("method", METHODS)
def test_on_cuda(exact, method, step, peers):
    setup = replace(SETUP, device="cuda", step=step, peers=peers, deterministic=True)
    assert_close(learned(pair(method, setup)), exact(method), "float32")
    if method not in JUMPY:
        assert_close(learned(pair(method, replace(setup, precision="bfloat16"))), exact(method), "bfloat16")


@needs_cuda
def test_on_cuda_a_graph_is_really_captured():
    stepped = pair("SMKD-P+MyLC", replace(SETUP, device="cuda", step="captured"))
    learned(stepped, steps=3)
    assert stepped.pair.falls_back is None
    assert stepped.pair._captured._graph is not None
    assert not math.isnan(stepped.pair.statistics.losses.sum().item())
