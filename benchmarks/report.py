"""How long ``smkd report`` takes over many run directories: ``python benchmarks/report.py [1000 10000]``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from smkd_cli.artifacts.results import write_result

METHODS = ("CE", "LS", "CP", "Boot-soft", "ProSelfLC", "MyLC", "SMKD-S+MyLC", "SMKD-P+MyLC")
NOISES = (("symmetric", 0.2), ("symmetric", 0.4), ("pairflip", 0.2), ("pairflip", 0.4), ("clean", 0.0))


def make(runs: Path, count: int) -> None:
    """Run directories of Table II: every method under every noise, with as many seeds as it takes."""
    for number in range(count):
        method = METHODS[number % len(METHODS)]
        kind, rate = NOISES[number // len(METHODS) % len(NOISES)]
        seed = number // (len(METHODS) * len(NOISES))
        score = {"epoch": 100, "a": 60.0, "b": 61.0, "mean": 60.5, "ensemble": 62.0, "by": "last epoch"}
        cell = {
            "recipe": "table2",
            "tables": ["II"],
            "protocol": "p",
            "label": method,
            "method": method,
            "seed": seed,
            "dataset": "cifar100",
            "networks": ["resnet34", "resnet34"],
            "epochs": 100,
            "noise": {"kind": kind, "rate": rate, "sampling": "per-sample", "seed": seed},
        }
        record = {"status": "finished", "cell": cell, "scores": {"last": score, "selected": score, "best": score}}
        write_result(runs / "table2" / f"{number}" / "result.json", record)


def main() -> None:
    """Make, report, print seconds."""
    for count in map(int, sys.argv[1:] or ["1000", "10000"]):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), count)
            command = [sys.executable, "-m", "smkd_cli", "report", folder, "--format", "markdown"]
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            print(f"{count} run directories: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
