"""What each setting of the training step's compute configuration brings on this machine.

    python benchmarks/variants.py --device cpu [small_resnet:digits:128 ...]

The chosen configuration and others with one setting changed take turns, each in its own process, as in ``step.py``.
A ratio above 1 is what the chosen value of that part saves.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from contestants import Steps, ours
from machine import DATA, describe
from step import CASES, compare, recipe_of

from smkd_cli.data import find
from smkd_cli.recipe import Recipe
from smkd_cli.train.calibrate import benches, choose_compute
from smkd_cli.train.machine import device
from smkd_cli.train.machine.compute import ComputeConfig

ROUNDS = 7
PARTS = {
    "peers": ("in_turn", "side_by_side"),
    "memory_format": ("channels_last", "contiguous"),
    "precision": ("float32", "tf32", "bfloat16"),
    "step": ("eager", "captured", "compiled"),
}


def changed(recipe: Recipe, compute: ComputeConfig, data: Path, part: str, value: str) -> Steps:
    """Our step with one setting of its compute configuration changed."""
    return ours(recipe, replace(compute, **{part: value}), data)


def system_allocator(recipe: Recipe, compute: ComputeConfig, data: Path) -> Steps:
    """Our step with the C library's memory handling as it is by default."""
    device._MALLOC_OPTIONS = ()
    return ours(recipe, compute, data)


def variants(compute: ComputeConfig) -> dict[str, Any]:
    """The chosen configuration first, then one per other value of a setting."""
    made: dict[str, Any] = {"as chosen": ours}
    for part, values in PARTS.items():
        for value in values:
            alone = part == "peers" and compute.device == "cpu" and compute.threads == 1
            only_cuda = value in {"tf32", "captured"} and compute.device == "cpu"
            if value != getattr(compute, part) and not alone and not only_cuda:
                made[f"{part}: {value}"] = partial(changed, part=part, value=value)
    if compute.device == "cpu":
        made["system allocator"] = system_allocator
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="network:dataset:batch (default: those of step.py)")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    chosen_device = device.choose_device(arguments.device)
    report: dict[str, Any] = {"machine": describe(chosen_device.type), "cases": []}
    for spec in arguments.cases or CASES[chosen_device.type]:
        recipe = recipe_of(spec, [], DATA)
        with benches() as processes:
            compute = choose_compute(recipe, find(recipe.dataset.reference, DATA), chosen_device, processes)
        print(f"\n{spec}, {compute}")
        results = compare(variants(compute), recipe, compute, DATA, arguments.rounds)
        chosen, rows = results["as chosen"], {}
        for name, times in results.items():
            if not times:
                print(f"{name:26} does not run here")
                continue
            ratio = statistics.median(s / t for s, t in zip(times[:-1], chosen[:-1], strict=True))
            milliseconds = 1e3 * statistics.median(times[:-1])
            rows[name] = {
                "milliseconds_per_step": milliseconds,
                "time_over_chosen": ratio,
                "peak_memory_gib": times[-1],
            }
            print(f"{name:26} {milliseconds:9.2f} ms  {ratio:6.3f}  {times[-1]:6.2f} GiB", flush=True)
        report["cases"].append({"case": spec, "compute": compute.record(), "variants": rows})
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
