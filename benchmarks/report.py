"""How long ``smkd report`` takes over many run directories: ``python benchmarks/report.py [1000 10000]``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from smkd_cli.artifacts.results import write_result

METHODS = ("CE", "LS", "CP", "Boot-soft", "ProSelfLC", "MyLC", "SMKD-S+MyLC", "SMKD-P+MyLC")
NOISES = (("symmetric", 0.2), ("symmetric", 0.4), ("pairflip", 0.2), ("pairflip", 0.4), ("clean", 0.0))


def make(runs: Path, count: int, *, methods: bool = False, recipes: bool = False, metrics: Path | None = None) -> None:
    """Run directories of Table II: every method under every noise, with as many seeds as it takes.

    Args:
        methods: a method of its own for each.
        recipes: a recipe and a protocol of its own for each, and an unfinished run beside it.
        metrics: a file that becomes the metrics of each; the runs are then curves of Figure 2.
    """
    for number in range(count):
        method = METHODS[number % len(METHODS)]
        kind, rate = NOISES[number // len(METHODS) % len(NOISES)]
        seed = number // (len(METHODS) * len(NOISES))
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
        if methods:
            cell |= {"recipe": "own", "tables": [], "label": f"method {number}"}
        if recipes:
            cell |= {"recipe": f"recipe{number}", "protocol": f"{number:016x}"}
            unfinished = runs / f"recipe{number}" / "unfinished"
            unfinished.mkdir(parents=True)
            for name in ("recipe.yaml", "metrics.csv"):
                (unfinished / name).touch()
        if metrics:
            curve = {"eta": 2, "b2": float(number)}
            noise = {"kind": "symmetric", "rate": 0.4}
            cell |= {"tables": ["figure2"], "method": "SMKD-P+MyLC", "options": curve, "noise": noise}
        directory = runs / cell["recipe"] / f"{number}"
        write_result(directory / "result.json", finished(cell))
        if metrics:
            shutil.copy(metrics, directory / "metrics.csv")


def finished(cell: dict[str, Any]) -> dict[str, Any]:
    """The result of a cell that has finished, with scores out of the air."""
    score = {"epoch": 100, "a": 60.0, "b": 61.0, "mean": 60.5, "ensemble": 62.0, "by": "last epoch"}
    return {"status": "finished", "cell": cell, "scores": {"last": score, "selected": score, "best": score}}


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
