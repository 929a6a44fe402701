"""How the cost of the commands grows with the work.

    python benchmarks/growth.py [images classes cells epochs report] [--json FILE]

Prints a line per size: seconds, peak memory where it matters, and the exponent of the growth since the size before
(1 is linear, 2 quadratic). Of a command, the cost of its smallest size is taken for its start and left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import report
from growth_grids import cells, reports
from machine import describe
from measuring import Cost, Growth, python, smkd

SIZES = (10, 100, 1_000, 10_000)
READ = "import sys; from smkd_cli.artifacts.manifest import read_manifest; read_manifest(sys.argv[1])"


def write_labels(path: Path, count: int, classes: int) -> Path:
    """A CSV of labels, written in small pieces: a child's peak memory counts what its parent held."""
    generator = np.random.default_rng(0)
    with path.open("w") as stream:
        stream.write("label\n")
        for start in range(0, count, 10_000):
            labels = generator.integers(0, classes, min(10_000, count - start)).tolist()
            stream.writelines(f"{label}\n" for label in labels)
    return path


def images(growth: Growth, folder: Path) -> None:
    sizes = (10_000, 100_000, 1_000_000, 10_000_000)
    labels = {size: write_labels(folder / f"{size}.csv", size, 100) for size in sizes}
    out = {size: folder / f"out{size}.csv" for size in sizes}
    corrupt = {size: partial(smkd, "corrupt", "--labels", labels[size], "-o", out[size]) for size in sizes}
    growth.commands("images: corrupt --labels", corrupt, memory=True)
    growth.commands("images: read a manifest", {n: partial(python, "-c", READ, out[n]) for n in sizes}, memory=True)


def classes(growth: Growth, folder: Path) -> None:
    from smkd_cli import noise

    for sampling in noise.samplings():
        count = 30_000 if sampling == "coteaching" else 1_000_000
        labels = {size: write_labels(folder / f"{size}.csv", count, size) for size in SIZES}
        for kind in noise.kinds():
            if kind == "asymmetric":  # belongs to the classes of a data set
                continue

            def corrupt(size: int, kind: str = kind, sampling: str = sampling, labels: Any = labels) -> Cost:
                options = ("--kind", kind, "--sampling", sampling, "--classes", size, "-o", folder / "out.csv")
                return smkd("corrupt", "--labels", labels[size], *options)

            what = f"classes: {count:,} labels, {kind} {sampling}"
            growth.commands(what, {size: partial(corrupt, size) for size in SIZES}, memory=True)
    _batches(growth)


def _batches(growth: Growth) -> None:
    """Scores and losses of batches of 128."""
    import torch

    from smkd_cli import methods
    from smkd_cli.methods import Batch, Clock, Outputs
    from smkd_cli.scoring import scores

    torch.set_num_threads(1)
    clock = Clock(*(torch.tensor(time, dtype=torch.float64) for time in (50, 100, 500, 1_000)))
    pairs = {size: torch.randn(2, 128, size, generator=torch.Generator().manual_seed(size)) for size in SIZES}
    labels = {size: torch.arange(128) % size for size in SIZES}

    def score(size: int) -> None:
        for _ in range(20):
            scores(pairs[size][0].log_softmax(1), labels[size])

    def train(name: str, size: int) -> None:
        method = methods.build(name, {})
        onehot = torch.nn.functional.one_hot(labels[size], size).float()
        batch = Batch(labels[size], onehot, torch.arange(128))
        for _ in range(20):
            memory = {key: torch.zeros(shape) for key, shape in method.memory(128, size).items()}
            a, b = (Outputs.of(logits.clone().requires_grad_(), memory) for logits in pairs[size])
            a, b = (peer.refined(method.refine(peer, batch, clock)) for peer in (a, b))
            torch.autograd.backward((method.loss(a, b, batch, clock), method.loss(b, a, batch, clock)))

    growth.functions("classes: scores of 20 batches", {size: partial(score, size) for size in SIZES})
    for name in ("CE", "SMKD-P+MyLC"):
        growth.functions(f"classes: loss of 20 batches, {name}", {size: partial(train, name, size) for size in SIZES})


def epochs(growth: Growth, folder: Path) -> None:
    import torch

    from smkd_cli.artifacts.metrics import read_metrics
    from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA
    from smkd_cli.artifacts.tensors import save_tensors
    from smkd_cli.train.run.evaluation import summary
    from smkd_cli.train.run.metrics_file import COLUMNS, MetricsFile

    sizes = (1, *SIZES)
    rows = {size: [dict.fromkeys(COLUMNS, 50.123456) | {"epoch": epoch + 1} for epoch in range(size)] for size in sizes}
    files = {size: MetricsFile(folder / f"{size}" / "metrics.csv") for size in sizes}

    def append(size: int) -> None:
        files[size].restart([])
        for row in rows[size]:
            files[size].append(row)

    def checkpoint(size: int) -> None:
        save_tensors(folder / "state", {"sums": torch.zeros(8)}, CHECKPOINT_SCHEMA, {"progress": {"rows": rows[size]}})

    growth.functions("epochs: metrics.csv, a row after each", {size: partial(append, size) for size in sizes})
    growth.functions("epochs: metrics.csv, written anew", {n: partial(files[n].restart, rows[n]) for n in sizes})
    growth.functions("epochs: metrics.csv, read", {n: partial(read_metrics, folder / f"{n}", "epoch") for n in sizes})
    growth.functions("epochs: summary for result.json", {n: partial(summary, rows[n], True, 1437) for n in sizes})
    growth.functions("epochs: one checkpoint", {size: partial(checkpoint, size) for size in sizes})
    for size in sizes:
        report.make(folder / "figure2" / f"{size}", 4, metrics=files[size].path)
    curves = {size: partial(smkd, "report", folder / "figure2" / f"{size}", "--format", "csv") for size in sizes}
    growth.commands("epochs: report of Figure 2, four runs", curves)


SECTIONS = {"images": images, "classes": classes, "cells": cells, "epochs": epochs, "report": reports}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"{', '.join(SECTIONS)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the lines and the machine to this file too")
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - SECTIONS.keys():
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    growth = Growth()
    print("; ".join(f"{key} {value}" for key, value in describe().items()))
    print(f"{'what':58} {'size':>11} {'cost':>11} {'peak':>9} {'growth':>6}")
    for name, section in SECTIONS.items():
        if name in (arguments.sections or SECTIONS):
            with tempfile.TemporaryDirectory() as folder:
                section(growth, Path(folder))
    if arguments.json:
        document = {"machine": describe(), "lines": [line.record() for line in growth.lines]}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
