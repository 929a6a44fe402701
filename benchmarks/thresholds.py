"""Which threshold SMKD-P should have: collects the runs of defaults/thresholds.yaml, and decides as the plan says.

    python benchmarks/thresholds.py collect runs/thresholds benchmarks/results/thresholds-digits.csv
    python benchmarks/thresholds.py report benchmarks/results/thresholds-digits.csv

``collect`` adds a line per finished cell to the file, so that seeds may come from several machines. ``report`` prints
the tables of docs/defaults.md, where the plan stands. Accuracies are those at the last epoch, in percent, the mean of
both peers; differences are paired by seed.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from scipy.stats import t

from smkd_cli.artifacts.metrics import read_metrics
from smkd_cli.artifacts.results import Result, read_results

TARGETS, EPOCHS = ("MyLC", "ProSelfLC"), (16, 40, 80)
ETAS, B2S = (2, 4, 6), (-1, -2, -4, -8)
# Added when the first seeds had their best settings at the edge of the grid.
EDGE_ETAS, EDGE_B2S = (8, 12), (-2, -8)
CHOOSING, JUDGING = range(13, 25), range(25, 37)
FAVOURITE = {"SMKD-P": (4, -2), "SMKD-S": (4, 0)}
# What the decision came to be; the seeds that judge were trained with it.
CHOSEN = (8, -2)
KEY = ["exchange", "target", "eta", "b2", "epochs", "seed"]
# When in a training it is counted what is sent.
MOMENTS = {"quarter": 0.25, "half": 0.5, "end": 1.0}


def line_of(result: Result) -> dict[str, object]:
    """A finished cell as a line of the file."""
    cell, scores = result.cell, result.scores
    assert cell is not None
    assert scores is not None
    exchange, plus, target = cell.method.partition("+")
    exchange, target = (exchange, target) if plus else ("Zero", exchange)
    metrics = read_metrics(
        result.path,
        "train_accuracy_a",
        "train_accuracy_b",
        "sent_a_to_b",
        "sent_b_to_a",
        "precision_a_to_b",
        "precision_b_to_a",
    )
    line: dict[str, object] = {
        "exchange": exchange,
        "target": target,
        "eta": cell.options.get("eta"),
        "b2": 0.0 if exchange == "SMKD-S" else cell.options.get("b2"),
        "epochs": cell.epochs,
        "seed": cell.seed,
        "last": scores.last.mean,
        "best": scores.best.mean if scores.best else None,
        "ensemble": scores.last.ensemble,
        "memorised": sum(metrics[-1][:2]) / 2,
    }
    for moment, share in MOMENTS.items():
        *_, sent_a, sent_b, right_a, right_b = metrics[round(share * cell.epochs) - 1]
        sent = sent_a + sent_b
        line[f"sent_{moment}"] = sent / 2
        line[f"precision_{moment}"] = (
            sum(n * right for n, right in ((sent_a, right_a), (sent_b, right_b)) if n) / sent if sent else None
        )
    return line


def collect(runs: Path, file: Path) -> None:
    """Add the finished cells of a folder to the file, sorted; what stands there twice must be the same."""
    lines = [line_of(result) for result in read_results(str(runs)).results if result.scores]
    table = pd.DataFrame(lines).round(6)
    if file.exists():
        table = pd.concat([pd.read_csv(file), table])
    table = table.drop_duplicates().sort_values(KEY)
    twice = table[table.duplicated(KEY)]
    if len(twice):
        raise SystemExit(f"{file}: has other numbers for the same cell:\n{twice[KEY].to_string()}")
    table[[*KEY, *(name for name in table.columns if name not in KEY)]].to_csv(file, index=False)
    print(f"{file}: {len(table)} cells")


class Runs:
    """Accuracies by case, a row per seed: those seeds of which every case is there."""

    def __init__(self, table: pd.DataFrame, seeds: range) -> None:
        self.table = table[table.seed.isin(seeds)]

    def of(self, exchange: str, target: str, epochs: int, setting: tuple[float, float] | None = None) -> pd.Series:
        """Accuracy by seed of one method in one case."""
        here = self.table
        here = here[(here.exchange == exchange) & (here.target == target) & (here.epochs == epochs)]
        if setting is not None:
            here = here[(here.eta == setting[0]) & (here.b2 == setting[1])]
        return here.set_index("seed")["last"]

    def overall(self, exchange: str, setting: tuple[float, float] | None = None) -> pd.DataFrame:
        """Accuracies by seed in each of the six cases."""
        cases = {
            (target, epochs): self.of(exchange, target, epochs, setting) for target in TARGETS for epochs in EPOCHS
        }
        return pd.DataFrame(cases).dropna()


def settings(exchange: str) -> list[tuple[float, float]]:
    """Every (η, b2) that was run of an exchange; SMKD-S has b2 = 0."""
    grids = ((ETAS, B2S), (EDGE_ETAS, EDGE_B2S))
    return [(eta, b2) for etas, b2s in grids for eta in etas for b2 in (b2s if exchange == "SMKD-P" else (0,))]


def interval(values: pd.Series, comparisons: int = 1) -> tuple[float, float, float]:
    """Mean and its 95 % interval by Student's t, corrected for so many comparisons (Bonferroni)."""
    half = t.ppf(1 - 0.025 / comparisons, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def decide(
    runs: Runs, exchange: str
) -> tuple[tuple[float, float], list[tuple[tuple[float, float], float, float, float, int]]]:
    """The setting that the plan's rule takes, and each rival's lead over the favourite with its corrected interval."""
    favourite = FAVOURITE[exchange]
    rivals = [setting for setting in settings(exchange) if setting != favourite]
    base = runs.overall(exchange, favourite).mean(axis=1)
    leads = []
    for setting in rivals:
        lead = (runs.overall(exchange, setting).mean(axis=1) - base).dropna()
        leads.append((setting, *interval(lead, len(rivals)), len(lead)))
    better = [lead for lead in leads if lead[2] > 0]
    return max(better, key=lambda lead: lead[1])[0] if better else favourite, leads


def number(value: float, signed: bool = False) -> str:
    return f"{value:{'+' if signed else ''}.2f}".replace("-", "−")


def named(exchange: str, setting: tuple[float, float] | None = None) -> str:
    if setting is None:
        return exchange
    b2 = f", b2 = {setting[1]:g}".replace("-", "−") if exchange == "SMKD-P" else ""
    return f"{exchange}, η = {setting[0]:g}{b2}"


def table(title: str, head: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join([title, *head])} |"
    yield f"| --- |{' ---: |' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def accuracies(runs: Runs, title: str, methods: list[tuple[str, tuple[float, float] | None]]) -> Iterator[str]:
    """Overall accuracy and that of each case."""
    rows = []
    for exchange, setting in methods:
        cases = runs.overall(exchange, setting)
        if len(cases) > 1:
            overall = cases.mean(axis=1)
            spread = f"{number(overall.mean())} ± {number(overall.std(ddof=1))}"
            rows.append(
                [named(exchange, setting), spread, *(number(cases[case].mean()) for case in cases), str(len(cases))]
            )
    yield from table(title, ["overall", *(f"{target} {epochs}" for target in TARGETS for epochs in EPOCHS), "n"], rows)


def gains(title: str, pairs: list[tuple[str, pd.DataFrame, pd.DataFrame]]) -> Iterator[str]:
    """Differences paired by seed: overall and over each target rule with its interval, and the mean in each case."""
    rows = []
    for name, ours, theirs in pairs:
        cases = (ours - theirs).dropna()
        parts = [cases, *(cases[[case for case in cases if case[0] == target]] for target in TARGETS)]
        together = [with_interval(part.mean(axis=1)) for part in parts]
        rows.append([name, *together, *(number(cases[case].mean(), True) for case in cases), str(len(cases))])
    heads = ["overall", *TARGETS, *(f"{target} {epochs}" for target in TARGETS for epochs in EPOCHS), "n"]
    yield from table(title, heads, rows)


def with_interval(values: pd.Series) -> str:
    mean, low, high = interval(values)
    return f"{number(mean, True)} ({number(low, True)} to {number(high, True)})"


def without_refining(runs: Runs, exchange: str, setting: tuple[float, float] | None = None) -> pd.DataFrame:
    """What an exchange over CE reaches at each length, in the columns of both targets, which it stands against."""
    ce = {epochs: runs.of(exchange, "CE", epochs, setting) for epochs in EPOCHS}
    return pd.DataFrame({(target, epochs): ce[epochs] for target in TARGETS for epochs in EPOCHS}).dropna()


def sent(runs: Runs, title: str, settings: list[tuple[str, tuple[float, float]]]) -> Iterator[str]:
    """How much is sent at a quarter, the half and the end of 40 epochs of MyLC, and how much of it is right."""
    rows = []
    for exchange, setting in settings:
        here = runs.table[(runs.table.exchange == exchange) & (runs.table.target == "MyLC") & (runs.table.epochs == 40)]
        here = here[(here.eta == setting[0]) & (here.b2 == setting[1])]
        if len(here):
            cells = [
                f"{here[f'sent_{moment}'].mean():,.0f} ({100 * here[f'precision_{moment}'].mean():.0f} %)"
                for moment in MOMENTS
            ]
            rows.append([named(exchange, setting), *cells, str(len(here))])
    yield from table(title, [*MOMENTS, "n"], rows)


def report(file: Path) -> Iterator[str]:
    """The tables of the page, as far as there are runs for them."""
    everything = pd.read_csv(file)
    choosing, judging = Runs(everything, CHOOSING), Runs(everything, JUDGING)
    of_p = [("SMKD-P", setting) for setting in settings("SMKD-P")]
    of_s = [("SMKD-S", setting) for setting in settings("SMKD-S")]
    yield from accuracies(choosing, "seeds 13 to 24", [("Zero", None), ("All", None), *of_s, *of_p])
    for exchange in ("SMKD-P", "SMKD-S"):
        chosen, leads = decide(choosing, exchange)
        rows = [
            [named(exchange, setting), number(mean, True), f"{number(low, True)} to {number(high, True)}", str(n)]
            for setting, mean, low, high, n in leads
            if n > 1
        ]
        over = named(exchange, FAVOURITE[exchange])
        yield from table(f"lead over {over}", ["points", "corrected 95 % interval", "n"], rows)
        seeds = min((n for *_, n in leads), default=0)
        decided = seeds == len(CHOOSING)
        yield f"Taken: {named(exchange, chosen)}." if decided else f"Not decided: {seeds} of {len(CHOOSING)} seeds."
        yield ""
    yield from sent(choosing, "sent of 1,437, MyLC, 40 epochs (right)", [*of_s, *of_p])
    if len(judging.overall("SMKD-P", CHOSEN)) < 2:
        return
    p, s = judging.overall("SMKD-P", CHOSEN), judging.overall("SMKD-S", (CHOSEN[0], 0))
    zero, everyone = judging.overall("Zero"), judging.overall("All")
    ce, p_ce = without_refining(judging, "Zero"), without_refining(judging, "SMKD-P", CHOSEN)
    s_ce, all_ce = without_refining(judging, "SMKD-S", (CHOSEN[0], 0)), without_refining(judging, "All")
    methods = [("Zero", None), ("All", None), ("SMKD-S", (CHOSEN[0], 0)), ("SMKD-P", CHOSEN)]
    yield from accuracies(judging, "seeds 25 to 36", methods)
    claims = [
        ("P − Zero", p, zero),
        ("S − Zero", s, zero),
        ("P − All", p, everyone),
        ("S − All", s, everyone),
        ("P − S", p, s),
    ]
    yield from gains("gain, seeds 25 to 36", claims)
    controls = [
        ("Zero − CE", zero, ce),
        ("P+CE − CE", p_ce, ce),
        ("S+CE − CE", s_ce, ce),
        ("All+CE − CE", all_ce, ce),
        ("P+CE − All+CE", p_ce, all_ce),
        ("(P − Zero) − (P+CE − CE)", p - zero, p_ce - ce),
        ("(S − Zero) − (S+CE − CE)", s - zero, s_ce - ce),
    ]
    yield from gains("control, seeds 25 to 36", controls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect", help="add the finished cells of a folder to a file")
    collecting.add_argument("runs", type=Path)
    collecting.add_argument("file", type=Path)
    reporting = commands.add_parser("report", help="print the tables")
    reporting.add_argument("file", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "collect":
        collect(arguments.runs, arguments.file)
    else:
        print("\n".join(report(arguments.file)).rstrip())


if __name__ == "__main__":
    main()
