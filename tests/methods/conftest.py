"""The reference values, and a way to ask a method about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, Outputs

VECTORS = json.loads((Path(__file__).parents[1] / "vectors.json").read_text())


@dataclass
class Pair:
    """Both peers' outputs after ``refine``, and each one's loss."""

    a: Outputs
    b: Outputs
    loss_a: Tensor
    loss_b: Tensor
    threshold: Tensor | None


def _clock_at(epoch: float, iteration: float | None = None) -> Clock:
    times = (epoch, 1.0, epoch if iteration is None else iteration, 1.0)
    return Clock(*(torch.tensor(time, dtype=torch.float64) for time in times))


@pytest.fixture
def clock_at() -> Callable[..., Clock]:
    """A clock at a part of all epochs and, if that is another one, of all iterations."""
    return _clock_at


@pytest.fixture
def expected() -> Callable[[str], Any]:
    """A reference value by its name, as a float64 tensor where it is numeric."""

    def look_up(key: str) -> Any:
        value = VECTORS["values"][key]
        return torch.tensor(float("nan") if value is None else value, dtype=torch.float64)

    return look_up


@pytest.fixture
def close() -> Callable[[Tensor, Tensor], None]:
    """Assert equality at 1e-9 in float64."""

    def check(got: Tensor, want: Tensor) -> None:
        torch.testing.assert_close(got.detach().to(torch.float64), want, rtol=0, atol=1e-9)

    return check


@pytest.fixture
def run_method() -> Callable[..., Pair]:
    """Run a method on the reference logits: ``run_method("SMKD-P+ProSelfLC", progress=0.25, eta=2.0)``."""

    def run(
        name: str,
        progress: float = 1.0,
        iteration: float | None = None,
        memory: dict[str, float] | None = None,
        **options: object,
    ) -> Pair:
        method = methods.build(name, options)
        labels = torch.tensor(VECTORS["inputs"]["y"])
        batch = Batch(labels, torch.nn.functional.one_hot(labels, 5).double(), torch.arange(4))
        clock = _clock_at(progress, iteration)
        outputs = []
        for key in ("ZA", "ZB"):
            logits = torch.tensor(VECTORS["inputs"][key], dtype=torch.float64, requires_grad=True)
            buffers = {k: torch.zeros(s, dtype=torch.float64) for k, s in method.memory(4, 5).items()}
            for k, value in (memory or {}).items():
                buffers[k].fill_(value)
            own = Outputs.of(logits, buffers)
            own = own.refined(method.refine(own, batch, clock))
            outputs.append(own)
        a, b = outputs
        return Pair(a, b, method.loss(a, b, batch, clock), method.loss(b, a, batch, clock), method.threshold(5, clock))

    return run
