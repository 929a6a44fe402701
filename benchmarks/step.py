"""How fast a pair trains, against its bare arithmetic and against a loop as most public code writes it.

    python benchmarks/step.py --device cpu
    python benchmarks/step.py --device cuda resnet34:cifar100:128 --compute step=compiled

Each loop lives in a process of its own; the processes take turns, a short while each, round after round. A ratio is the
median over the rounds of the ratio within a round, so that a machine whose speed drifts does not spoil it.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from contestants import CONTESTANTS, Contestant
from machine import DATA, describe

from smkd_cli import networks
from smkd_cli.data import find
from smkd_cli.recipe import Recipe, load_recipe
from smkd_cli.train.calibrate import benches, choose_compute
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.machine.device import choose_device

SMALL = ("small_resnet:digits:128", "small_resnet:cifar100:128", "shufflenet_v2:cifar100:128")
CASES = {
    "cpu": (*SMALL, "resnet18:cifar100:128", "resnet34:cifar100:128"),
    "cuda": ("resnet34:cifar100:128", "resnet18:cifar100:128", "resnet50:cifar100:128", *SMALL),
}
# Each loop's share of a round; of a step that takes longer, one.
SECONDS = 1.0
ROUNDS = 7


def serve(contestant: Contestant, recipe: Recipe, compute: ComputeConfig, data: Path, link: Connection) -> None:
    """A contestant's process: on request, take ``n`` steps and send the seconds, or send the peak memory (GiB)."""
    steps = contestant(recipe, compute, data)
    steps(2)
    link.send("ready")
    while (count := link.recv()) is not None:
        if count == "memory":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            link.send(torch.cuda.max_memory_reserved() / 2**30 if compute.device == "cuda" else peak)
            continue
        # Workers of a loader have filled their queue while others had their turn; that does not count.
        steps(1)
        start = time.perf_counter()
        steps(count)
        link.send(time.perf_counter() - start)


def compare(
    contestants: Mapping[str, Contestant],
    recipe: Recipe,
    compute: ComputeConfig,
    data: Path,
    rounds: int,
    seconds: float = SECONDS,
) -> dict[str, list[float]]:
    """Seconds per step of each contestant in each round, and its peak memory in GiB as the last number.

    One that cannot run here has no numbers.
    """
    context = multiprocessing.get_context("spawn")
    links: dict[str, Connection] = {}
    processes = []
    for name, contestant in contestants.items():
        link, theirs = context.Pipe()
        processes.append(context.Process(target=serve, args=(contestant, recipe, compute, data, theirs)))
        processes[-1].start()
        theirs.close()
        with suppress(EOFError):
            link.recv()
            links[name] = link

    def request_result(name: str, request: Any) -> float:
        links[name].send(request)
        return float(links[name].recv())

    counts = {name: max(1, int(seconds / request_result(name, 1))) for name in links}
    results: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, count in counts.items():
            results[name].append(request_result(name, count) / count)
    for name, link in links.items():
        results[name].append(request_result(name, "memory"))
        link.send(None)
    for process in processes:
        process.join()
    return results


def recipe_of(spec: str, compute: list[str], data: Path) -> Recipe:
    """The recipe of a case, ``network:dataset:batch``, with parts of its ``compute`` fixed."""
    network, dataset, batch_size = spec.split(":")
    overrides = [f"networks={network}", f"dataset={dataset}", f"batch_size={batch_size}", "compute.threads=auto"]
    overrides += ["augmentation={crop_padding: 4, flip: true}", *(f"compute.{part}" for part in compute)]
    return load_recipe("quickstart", overrides, data=data)


def case(spec: str, device: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one network on one kind of images with one batch size, and print its table."""
    recipe = recipe_of(spec, arguments.compute, arguments.data)
    dataset = find(recipe.dataset.reference, arguments.data)
    with benches() as processes:
        compute = choose_compute(recipe, dataset, choose_device(device), processes)
    operations = sum(
        networks.facts(name).training_operations(dataset.image_shape, dataset.classes) for name in recipe.networks
    )
    results = compare(CONTESTANTS, recipe, compute, arguments.data, arguments.rounds, arguments.seconds)
    print(f"\n{spec}, {compute}")
    print(f"{'':18} {'ms/step':>9} {'images/s':>9} {'/ arithmetic':>13} {'/ common':>9} {'MFU':>6} {'GiB':>6}")
    rows = {}
    for name, times in results.items():
        if not times:
            print(f"{name:18} does not run here")
            continue
        *seconds, memory = times
        ratios = {
            other: statistics.median(s / t for s, t in zip(seconds, results[other][:-1], strict=True))
            for other in ("arithmetic", "common")
            if results[other]
        }
        speed = recipe.batch_size / statistics.median(seconds)
        mfu = speed * operations / compute.matrix_peak if compute.matrix_peak else None
        rows[name] = {
            "milliseconds_per_step": 1e3 * statistics.median(seconds),
            "images_per_second": speed,
            **{f"time_over_{other}": ratio for other, ratio in ratios.items()},
            "mfu": mfu,
            "peak_memory_gib": memory,
            "seconds_per_step": seconds,
        }
        share = "" if mfu is None else f"{mfu:.1%}"
        against = [ratios.get(other, math.nan) for other in ("arithmetic", "common")]
        milliseconds = 1e3 * statistics.median(seconds)
        print(
            f"{name:18} {milliseconds:9.2f} {speed:9.0f} {against[0]:13.3f} {against[1]:9.3f} {share:>6} {memory:6.2f}",
            flush=True,
        )
    return {"case": spec, "compute": compute.record(), "loops": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="network:dataset:batch (default: a choice for the device)")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each loop in a round")
    parser.add_argument(
        "--compute", action="append", default=[], metavar="KEY=VALUE", help="fix a part of the compute configuration"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    device = choose_device(arguments.device).type
    report = {"machine": describe(device), "cases": []}
    print(json.dumps(report["machine"]))
    for spec in arguments.cases or CASES[device]:
        report["cases"].append(case(spec, device, arguments))
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
