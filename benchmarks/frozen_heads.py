"""What the methods gain where both peers are heads over one frozen network: the tables of docs/frozen-heads.md.

    python benchmarks/frozen_heads.py collect runs/finetune benchmarks/results/frozen-heads.csv
    python benchmarks/frozen_heads.py report benchmarks/results/frozen-heads.csv

Accuracies are those at the last epoch, in percent, the mean of both peers; differences are paired by seed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from scipy.stats import t

from smkd_cli.artifacts.results import read_results

NOISES = ("given", "symmetric", "pairflip")
REFINING = ("MyLC", "All+MyLC", "SMKD-S+MyLC", "SMKD-P+MyLC")
PLAIN = ("CE", "All+CE", "SMKD-S+CE", "SMKD-P+CE")
# Each difference, as the accuracies that are added and those that are taken away.
GAINS = {
    "MyLC − CE": (["MyLC"], ["CE"]),
    "S − MyLC": (["SMKD-S+MyLC"], ["MyLC"]),
    "P − MyLC": (["SMKD-P+MyLC"], ["MyLC"]),
    "S − All+MyLC": (["SMKD-S+MyLC"], ["All+MyLC"]),
    "P − All+MyLC": (["SMKD-P+MyLC"], ["All+MyLC"]),
    "P − S": (["SMKD-P+MyLC"], ["SMKD-S+MyLC"]),
    "S+CE − CE": (["SMKD-S+CE"], ["CE"]),
    "P+CE − CE": (["SMKD-P+CE"], ["CE"]),
    "(S − MyLC) − (S+CE − CE)": (["SMKD-S+MyLC", "CE"], ["MyLC", "SMKD-S+CE"]),
    "(P − MyLC) − (P+CE − CE)": (["SMKD-P+MyLC", "CE"], ["MyLC", "SMKD-P+CE"]),
}


def collect(runs: Path, file: Path) -> None:
    """Write a line per finished cell."""
    lines = []
    for result in read_results(str(runs)).results:
        cell, scores = result.cell, result.scores
        if cell is not None and scores is not None:
            best = scores.best.mean if scores.best else None
            lines.append((cell.method, cell.noise.kind, cell.seed, scores.last.mean, best, scores.last.ensemble))
    table = pd.DataFrame(lines, columns=["method", "noise", "seed", "last", "best", "ensemble"]).round(6)
    table.sort_values(["method", "noise", "seed"]).to_csv(file, index=False)


def report(file: Path) -> Iterator[str]:
    """Both tables, in Markdown."""
    last = pd.read_csv(file).pivot_table(index="seed", columns=["noise", "method"], values="last")
    yield from head("test accuracy")
    for method in (*PLAIN, *REFINING):
        cells = (f"{last[noise, method].mean():.2f} ± {last[noise, method].std(ddof=1):.2f}" for noise in NOISES)
        yield f"| {method} | {' | '.join(cells)} |"
    yield ""
    yield from head("gain")
    for name, (added, taken) in GAINS.items():
        differences = (sum(last[noise, m] for m in added) - sum(last[noise, m] for m in taken) for noise in NOISES)
        yield f"| {name} | {' | '.join(map(with_interval, differences))} |"


def head(title: str) -> Iterator[str]:
    """The first two lines of a table."""
    yield f"| {title} | {' | '.join(noise if noise == 'given' else f'{noise} 40 %' for noise in NOISES)} |"
    yield f"| --- |{' ---: |' * len(NOISES)}"


def with_interval(values: pd.Series) -> str:
    """Mean and its 95 % interval by Student's t."""
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    mean = values.mean()
    return f"{mean:+.2f} ({mean - half:+.2f} to {mean + half:+.2f})".replace("-", "−")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect", help="write the finished cells of a folder to a file")
    collecting.add_argument("runs", type=Path)
    collecting.add_argument("file", type=Path)
    commands.add_parser("report", help="print the tables").add_argument("file", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "collect":
        collect(arguments.runs, arguments.file)
    else:
        print("\n".join(report(arguments.file)))


if __name__ == "__main__":
    main()
