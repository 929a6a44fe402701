"""The compute configuration of a grid's cells and the number of cells at a time: read from a cache, or measured now."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import torch

from smkd_cli import __version__, console
from smkd_cli.data import DataSet
from smkd_cli.recipe import Recipe
from smkd_cli.train.calibrate import store
from smkd_cli.train.calibrate.bench import Bench, Benches
from smkd_cli.train.calibrate.requests import BestSpeed, FreeMemory, MatrixPeak, SteadySpeed
from smkd_cli.train.calibrate.search import open_parts, search
from smkd_cli.train.calibrate.trial import ImageKind
from smkd_cli.train.machine.compute import ComputeConfig, cores, first_choice
from smkd_cli.train.machine.device import device_name

_TRIAL_SECONDS = 0.2
_JOBS_TRIAL_SECONDS = 1.0
# Another cell at a time must raise the speed of all together by more than the measurement errs by.
_GAIN_OF_A_JOB = 1.05
_MOST_JOBS_ON_A_GPU = 8
# So many times what a trial has taken of a GPU's memory must be free for another to stay ready beside it: in TF32 it
# takes twice as much as in bfloat16.
_MIN_FREE_MEMORY = 3.0


def choose_compute(recipe: Recipe, dataset: DataSet, device: torch.device, processes: Benches) -> ComputeConfig:
    """The fastest compute configuration of a recipe's cells on this device, with its matrix-product peak.

    It depends on the machine, the networks, the shape of the data and the recipe's ``compute``, not on methods, noise,
    seeds, or what else runs: a cell alone and a cell of a grid get the same.

    Raises:
        InterruptedRunError: a signal came while measuring.
    """
    key = _key(recipe, dataset, device)
    known = store.load(key)
    if known is not None and (remembered := ComputeConfig.from_record(known.get("chosen"))):
        return remembered
    best = first = first_choice(recipe, device.type)
    kind = ImageKind(dataset.image_shape, dataset.classes)
    tried: list[dict[str, Any]] = []
    # What is best so far stays ready beside what is tried, on a GPU if its memory does for both.
    ready_for: dict[Bench, ComputeConfig | None] = dict.fromkeys(processes.take(1 if device.type == "cuda" else 2))

    def speed(compute: ComputeConfig) -> float | None:
        bench = next((bench for bench, held in ready_for.items() if held == compute), next(iter(ready_for)))
        del ready_for[bench]
        ready_for[bench] = compute  # the bench that was used last is the last to get another configuration
        rate = bench.measure(BestSpeed(recipe, kind, compute, _TRIAL_SECONDS))
        outcome = {"failure": bench.failure} if rate is None else {"images_per_second": rate}
        tried.append(compute.record() | outcome)
        if rate is not None and len(ready_for) == 1 and (bench.measure(FreeMemory()) or 0.0) >= _MIN_FREE_MEMORY:
            ready_for.clear()
            ready_for.update({processes.take(2)[1]: None, bench: compute})
        return rate

    if open_parts(first, recipe):
        console.info(
            f"measuring once which compute settings are fastest here for {' and '.join(dict.fromkeys(recipe.networks))}"
        )
        best = search(first, recipe, speed)
    best = replace(best, matrix_peak=_matrix_peak(best, device, next(reversed(ready_for))))
    if tried and all("failure" in outcome for outcome in tried):
        console.warn(f"nothing could be measured ({tried[-1]['failure']}); it will be tried again next time")
        return best
    store.save(key, {**_about(recipe, dataset, device), "chosen": best.record(), "tried": tried})
    return best


def _matrix_peak(compute: ComputeConfig, device: torch.device, bench: Bench) -> float | None:
    """The machine's own: it is measured once for all networks and data."""
    about = {
        "device": device_name(device),
        "cores": cores(),
        "torch": str(torch.__version__),
        "peak_of": {"threads": compute.threads, "precision": compute.precision},
    }
    key = _hash(about)
    known = (store.load(key) or {}).get("matrix_peak")
    if isinstance(known, float) and 0 < known < float("inf"):
        return known
    peak = bench.measure(MatrixPeak(compute))
    if peak is not None:
        store.save(key, about | {"matrix_peak": peak})
    return peak


def choose_jobs(recipe: Recipe, dataset: DataSet, compute: ComputeConfig, processes: Benches) -> int:
    """How many cells at a time train fastest together: measured by running the steps of 1, 2, 4 … at once.

    On a processor, at most as many as there are cores for.

    Raises:
        InterruptedRunError: a signal came while measuring.
    """
    most = _MOST_JOBS_ON_A_GPU if compute.device == "cuda" else max(1, cores() // compute.threads)
    if most == 1:
        return 1
    key = _key(recipe, dataset, torch.device(compute.device))
    known = store.load(key)
    if known is not None and known.get("jobs_for") == compute.record() and isinstance(known.get("jobs"), int):
        return max(1, int(known["jobs"]))
    console.info("measuring once how many cells at a time train fastest here")
    best, best_speed = 1, 0.0
    kind = ImageKind(dataset.image_shape, dataset.classes)
    for count in _counts(most):
        speed = _together(processes.take(count), recipe, kind, compute)
        if speed is None or speed < best_speed * _GAIN_OF_A_JOB:
            break
        best, best_speed = count, speed
    store.save(key, {"jobs": best, "jobs_for": compute.record()})
    return best


def _counts(most: int) -> list[int]:
    """1, 2, 4 … and the most."""
    return sorted({*(2**power for power in range(most.bit_length()) if 2**power <= most), most})


def _together(processes: Any, recipe: Recipe, kind: ImageKind, compute: ComputeConfig) -> float | None:
    """Images per second of all processes at once; None if one of them fails (no memory is left, for example)."""

    def measure(seconds: float) -> list[float | None]:
        for process in processes:
            process.send(SteadySpeed(recipe, kind, compute, seconds))
        return [process.receive() for process in processes]

    # Once to get ready, because the one that is ready first would measure itself alone.
    speeds = measure(_TRIAL_SECONDS)
    if None not in speeds:
        speeds = measure(_JOBS_TRIAL_SECONDS)
    return None if None in speeds else sum(speed or 0.0 for speed in speeds)


def _about(recipe: Recipe, dataset: DataSet, device: torch.device) -> dict[str, Any]:
    return {
        "device": device_name(device),
        "cores": cores(),
        "torch": str(torch.__version__),
        "smkd": __version__,
        "networks": list(recipe.networks),
        "image_shape": list(dataset.image_shape),
        "classes": dataset.classes,
        "batch_size": recipe.batch_size,
        "compute": recipe.compute.model_dump(mode="json"),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _key(recipe: Recipe, dataset: DataSet, device: torch.device) -> str:
    return _hash({name: value for name, value in _about(recipe, dataset, device).items() if name != "measured"})


def _hash(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
