"""Captures that go well and captures that fail, on tensors over the stand-in runtime; prints what came of each."""

from __future__ import annotations

import gc
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

from smkd_cli.train.step.captured_step import CapturedStep
from smkd_cli.train.step.cuda_graph import CudaGraphs
from smkd_cli.train.step.epoch_plan import Columns

MEGABYTE = 1 << 20


def goes_well(batch: Columns) -> None:
    torch.empty(MEGABYTE, device="cuda").normal_()


def synchronizes(batch: Columns) -> None:
    """Draws at random, takes much memory, and waits for the device."""
    kept = torch.empty(200 * MEGABYTE, dtype=torch.uint8, device="cuda")
    kept.random_()
    torch.cuda.synchronize()


def warns(batch: Columns) -> None:
    """Leaves a stream that nobody waits for."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        kept = torch.empty(200 * MEGABYTE, dtype=torch.uint8, device="cuda")
        kept.random_()
        warnings.warn("as an error", stacklevel=1)


def breaks(batch: Columns) -> None:
    """Ends with an error that CUDA knows nothing of, so that ending the capture goes well."""
    kept = torch.empty(200 * MEGABYTE, dtype=torch.uint8, device="cuda")
    kept.random_()
    raise ValueError("of its own")


def takes_too_much(batch: Columns) -> None:
    kept = torch.empty(200 * MEGABYTE, dtype=torch.uint8, device="cuda")
    kept.random_()
    torch.empty(1 << 60, dtype=torch.uint8, device="cuda")


def only_captured(work: Callable[[Columns], None]) -> Callable[[Columns], None]:
    """The warming up goes well."""
    return lambda batch: work(batch) if torch.cuda.is_current_stream_capturing() else None


def outcome(work: Callable[[Columns], None]) -> dict[str, Any]:
    """Of a captured step, and of what comes after it in this process."""
    weight, batch = torch.zeros(8, device="cuda"), {"x": torch.zeros(4, device="cuda")}
    step, raised = CapturedStep(work, lambda: {"weight": weight}, CudaGraphs()), None
    try:
        step(batch)
    except Exception as error:
        raised = type(error).__name__
    torch.randn(4, device="cuda")
    after = CapturedStep(goes_well, lambda: {"weight": weight}, CudaGraphs())
    after(batch)
    del after
    torch.cuda.empty_cache()
    return {
        "raised": raised,
        "impossible": step.impossible,
        "megabytes": torch.cuda.memory_reserved() // MEGABYTE,
        "default stream": torch.cuda.current_stream() == torch.cuda.default_stream(),
        "collecting": gc.isenabled(),
    }


def beside(first: Callable[[Columns], None], second: Callable[[Columns], None]) -> dict[str, Any]:
    """Of two steps that share their memory."""
    weight, batch, graphs = torch.zeros(8, device="cuda"), {"x": torch.zeros(4, device="cuda")}, CudaGraphs()
    steps = [CapturedStep(only_captured(work), lambda: {"weight": weight}, graphs) for work in (first, second)]
    for step in (*steps, *steps):
        step(batch)
    impossible = [step.impossible is not None for step in steps]
    del step, steps, graphs
    torch.cuda.empty_cache()
    torch.randn(4, device="cuda")
    return {"impossible": impossible, "megabytes": torch.cuda.memory_reserved() // MEGABYTE}


def circumstances() -> dict[str, Any]:
    """Those under which a step is warmed up and recorded."""
    seen: list[tuple[bool, int, bool]] = []
    dead: list[bool] = []

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            dead.append(torch.cuda.is_current_stream_capturing())

    def work(batch: Columns) -> None:
        capturing = torch.cuda.is_current_stream_capturing()
        seen.append((capturing, torch.cuda.current_stream().stream_id, gc.isenabled()))
        Cycle()

    CapturedStep(work, dict, CudaGraphs())({"x": torch.zeros(4, device="cuda")})
    return {
        "captured": [capturing for capturing, _, _ in seen].count(True),
        "streams": len({stream for _, stream, _ in seen}),
        "collecting while capturing": any(enabled for capturing, _, enabled in seen if capturing),
        "collected before": len(dead),
        "collected while capturing": any(dead),
    }


torch.zeros(1, device="cuda")
works = {
    "goes well": goes_well,
    "synchronizes": synchronizes,
    "warns": warns,
    "breaks": breaks,
    "takes too much": takes_too_much,
}
names = sys.argv[1:]
if len(names) == 2:
    found = beside(works[names[0]], works[names[1]])
else:
    found = outcome(only_captured(works[names[0]])) if names else circumstances()
json.dump(found, sys.stdout)
