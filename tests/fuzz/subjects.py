"""What is fuzzed: each subject writes a file and names the commands that read it."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import label_tables as tables
import yaml
from data_sets import DATA
from mutation import as_json, as_text, mutated, mutated_bytes

from smkd_cli import resources
from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA, PEER_SCHEMA
from smkd_cli.artifacts.samples import SAMPLES_SCHEMA
from smkd_cli.artifacts.tensors import load_tensors, save_tensors
from smkd_cli.errors import InterruptedRunError
from smkd_cli.recipe import expand, load_recipe
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

Words = tuple[str, ...]
FORMATS = ("terminal", "markdown", "latex", "csv", "json")
_SETTINGS = [
    *("seeds=[1]", "epochs=2", "methods=[SMKD-P+MyLC]", "batch_size=512", "tables=[figure2]"),
    *(
        "options={SMKD-P: {eta: 2}}",
        "compute={threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}",
    ),
]


class _StopAfter(StopRequest):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def __bool__(self) -> bool:
        self._left -= 1
        if not self._left:
            self.signal_number = signal.SIGTERM
        return self.signal_number != 0


class Samples:
    """A finished and an interrupted run, and what they hold, ready to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        [cell] = expand(load_recipe("quickstart", _SETTINGS, data=DATA))
        self.finished, self.begun = folder / "finished", folder / "begun"
        train_cell(Task(cell, self.finished, DATA), StopRequest(), lambda _event: None)
        with contextlib.suppress(InterruptedRunError):
            train_cell(Task(cell, self.begun, DATA), _StopAfter(4), lambda _event: None)
        self.slug = cell.slug
        self.result = json.loads((self.finished / "result.json").read_bytes())
        self.peer = load_tensors(self.finished / "peer_a.safetensors", PEER_SCHEMA)
        self.records = load_tensors(self.finished / "samples.safetensors", SAMPLES_SCHEMA)
        self.checkpoint = load_tensors(self.begun / "checkpoint" / "state.safetensors", CHECKPOINT_SCHEMA)


def _spoilt_json(value: Any, random: Random, indent: int | None = None) -> bytes:
    content = as_json(mutated(value, random), indent)
    return mutated_bytes(content, random) if random.random() < 0.1 else content


def manifest(_: Samples, random: Random, here: Path) -> list[Words]:
    (here / "m.csv").write_bytes(tables.manifest(random))
    return random.choice(
        (
            [("corrupt", "--labels", "m.csv", "--kind", "clean", "-o", "-")],
            [("corrupt", "--labels", "m.csv", "--kind", "pairflip", "--rate", "0.3")],
            [("train", "quickstart", "--manifest", "m.csv", "--dry-run")],
        )
    )


def labels(_: Samples, random: Random, here: Path) -> list[Words]:
    (here / "l.csv").write_bytes(tables.labels(random))
    kind = random.choice((("--kind", "given"), ("--kind", "symmetric", "--rate", "0.2"), ("--kind", "clean")))
    return [("corrupt", "--labels", "l.csv", *kind, "-o", random.choice(("-", "o.csv")))]


def parquet(_: Samples, random: Random, here: Path) -> list[Words]:
    tables.parquet(random, here / "m.parquet")
    return [("corrupt", "--labels", "m.parquet", "--kind", "clean", "-o", "-")]


def result(samples: Samples, random: Random, here: Path) -> list[Words]:
    run = here / "runs" / samples.slug
    run.mkdir(parents=True)
    shutil.copy(samples.finished / "metrics.csv", run)
    (run / "result.json").write_bytes(_spoilt_json(samples.result, random, indent=2))
    whole = here / "runs" / "whole"
    shutil.copytree(samples.finished, whole)
    against = random.choice(((), ("--against", "SMKD-P+MyLC")))
    return [("report", "runs", "--format", random.choice(FORMATS), *against)]


def scores(samples: Samples, random: Random, here: Path) -> list[Words]:
    cell, top = samples.result["cell"], {"top1": 90.0, "top5": 99.0, "nll": 0.3, "ece": 0.1, "per_class": [90.0, None]}
    record = {
        "schema": "smkd/scores/1",
        "checkpoint": "runs/x",
        "split": "test",
        "images": 360,
        "cell": cell,
        "epochs": None,
        "networks": {"a": top, "b": top},
        "mean": top,
        "ensemble": top,
        "labels": None,
    }
    lines = [_spoilt_json(record, random) for _ in range(2)]
    (here / "s.jsonl").write_bytes(b"\n".join([as_json(record), *lines]))
    return [("report", "s.jsonl", "--format", random.choice(FORMATS))]


def metrics(samples: Samples, random: Random, here: Path) -> list[Words]:
    run = here / "runs" / samples.slug
    shutil.copytree(samples.finished, run)
    rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    changed = mutated(rows, random)
    text = "".join(",".join(map(as_text, row if isinstance(row, list) else [row])) + "\n" for row in changed)
    content = text.encode("utf-8", "surrogatepass")
    (run / "metrics.csv").write_bytes(mutated_bytes(content, random) if random.random() < 0.5 else content)
    return [("report", "runs", "--format", random.choice(FORMATS)), ("Run", f"runs/{samples.slug}", "metrics")]


def records(samples: Samples, random: Random, here: Path) -> list[Words]:
    run = here / "run"
    shutil.copytree(samples.finished, run)
    _spoilt_tensors(run / "samples.safetensors", *samples.records[:1], SAMPLES_SCHEMA, samples.records[1], random)
    return [("Run", "run", "samples")]


def _spoilt_tensors(path: Path, tensors: dict[str, Any], schema: str, facts: dict[str, Any], random: Random) -> None:
    """Tensors and facts that were changed before their checksum was taken, or bytes that were changed after."""
    tensors = dict(tensors)
    if random.random() < 0.5:
        facts = mutated(facts, random)
    else:
        name = random.choice(sorted(tensors))
        value = tensors.pop(name)
        kept = random.choice(
            (None, value.double(), value[:1] if value.ndim else value.reshape(1), value.reshape(-1), value.bool())
        )
        if kept is not None:
            tensors[random.choice((name, name, f"{name}x"))] = kept
    save_tensors(
        path,
        tensors,
        schema,
        json.loads(json.dumps(facts, default=str)) if isinstance(facts, dict) else {"facts": str(facts)},
    )
    if random.random() < 0.2:
        path.write_bytes(mutated_bytes(path.read_bytes(), random))


def peer(samples: Samples, random: Random, here: Path) -> list[Words]:
    run = here / "run"
    shutil.copytree(samples.finished, run)
    _spoilt_tensors(run / "peer_a.safetensors", *samples.peer[:1], PEER_SCHEMA, samples.peer[1], random)
    return [("eval", "run", "--split", random.choice(("test", "train")), "--device", "cpu")]


def checkpoint(samples: Samples, random: Random, here: Path) -> list[Words]:
    run = here / "runs" / "quickstart" / samples.slug
    shutil.copytree(samples.begun, run)
    tensors, facts = samples.checkpoint
    _spoilt_tensors(run / "checkpoint" / "state.safetensors", tensors, CHECKPOINT_SCHEMA, facts, random)
    settings = [word for setting in _SETTINGS for word in ("--set", setting)]
    return [("train", "quickstart", *settings, "--device", "cpu", "--jobs", "1")]


def recipe(_: Samples, random: Random, here: Path) -> list[Words]:
    shipped = random.choice(sorted(resources.recipes_folder().glob("*.yaml")))
    value = mutated(yaml.safe_load(shipped.read_text(encoding="utf-8")), random)
    content = yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass")
    (here / "r.yaml").write_bytes(mutated_bytes(content, random) if random.random() < 0.3 else content)
    return [random.choice((("recipes", "validate", "r.yaml"), ("train", "r.yaml", "--dry-run", "--quiet")))]


Subject = Callable[[Samples, Random, Path], list[Words]]
SUBJECTS: dict[str, Subject] = {
    made.__name__: made
    for made in (manifest, labels, parquet, result, scores, metrics, records, peer, checkpoint, recipe)
    if made is not parquet or find_spec("pyarrow")
}
