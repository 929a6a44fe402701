"""What growth is measured with: costs of commands and of functions, and the exponents between them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

# A cost below this (seconds) is the noise of the machine: its growth is not reported.
_NOISE = 0.03
# A short measurement is taken again, and the best counts: so many at most, and as long as all took less (seconds).
_ROUNDS, _SHORT = 3, 0.8


@dataclass(frozen=True)
class Cost:
    """What a size costs: seconds and, of a process, its peak memory (GiB)."""

    seconds: float
    peak: float | None = None


@dataclass(frozen=True)
class Line:
    """A measurement; ``exponent`` is that of its cost in its size since the size before, None where it is not known."""

    what: str
    size: int
    seconds: float
    peak_gib: float | None
    exponent: float | None

    def __str__(self) -> str:
        peak = "" if self.peak_gib is None else f"{self.peak_gib:.2f} GiB"
        exponent = "" if self.exponent is None else f"{self.exponent:.2f}"
        return f"{self.what:58} {self.size:>11,} {self.seconds:9.4f} s {peak:>9} {exponent:>6}".rstrip()

    def record(self) -> dict[str, Any]:
        """The line as a mapping."""
        return asdict(self)


class Growth:
    """Measures sizes one after another, prints a line for each and keeps it in ``lines``."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def commands(self, what: str, costs: dict[int, Callable[[], Cost]], *, memory: bool = False) -> None:
        """Measure a command by its sizes (rising); what the smallest costs is taken for its start and left out."""
        self._series(what, costs, memory, starts=True)

    def functions(self, what: str, costs: dict[int, Callable[[], Any]]) -> None:
        """Measure a function by its sizes (rising)."""
        self._series(what, {size: lambda call=call: _called(call) for size, call in costs.items()}, False, starts=False)

    def _series(self, what: str, costs: dict[int, Callable[[], Cost]], memory: bool, starts: bool) -> None:
        start = 0.0
        before: tuple[int, float] | None = None
        for size, measure in costs.items():
            cost = _best(measure)
            exponent = None
            if starts and before is None:
                start = cost.seconds
            net = cost.seconds - start
            least = _NOISE if starts else 0
            if before is not None and before[1] > least and net > least:
                exponent = math.log(net / before[1]) / math.log(size / before[0])
            before = size, net
            self.lines.append(Line(what, size, cost.seconds, cost.peak if memory else None, exponent))
            print(self.lines[-1], flush=True)


def _best(measure: Callable[[], Cost]) -> Cost:
    costs = [measure()]
    while len(costs) < _ROUNDS and sum(cost.seconds for cost in costs) < _SHORT:
        costs.append(measure())
    return min(costs, key=lambda cost: cost.seconds)


def _called(call: Callable[[], Any]) -> Cost:
    start = time.perf_counter()
    call()
    return Cost(time.perf_counter() - start)


def python(*arguments: object) -> Cost:
    """Run a Python process to its end. Its peak memory counts what this process held when it was started."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(map(str, arguments))}\n{errors}")
    return Cost(time.perf_counter() - start, usage.ru_maxrss / 2**20)


def smkd(*arguments: object) -> Cost:
    """Run a command of ours as a process."""
    return python("-m", "smkd_cli", *arguments)
