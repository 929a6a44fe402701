"""``smkd corrupt``."""

from __future__ import annotations

from typing import Annotated

import typer

from smkd_cli import console, registry
from smkd_cli.cli.options import DATA, Quiet, Root


def corrupt(
    dataset: Annotated[str, typer.Option(help="Data set whose training labels are corrupted.")] = "digits",
    kind: Annotated[
        str,
        typer.Option(
            metavar="KIND|FILE.py:NAME",
            help=f"Kind of noise: {', '.join(registry.NOISE.own)} (given: labels as they are).",
        ),
    ] = "symmetric",
    rate: Annotated[float | None, typer.Option(help="Noise rate in [0, 1] (default 0.4; 0 for clean).")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise, 0 to 2³² - 1.")] = 0,
    sampling: Annotated[str, typer.Option(help="per-sample, exact (per class) or coteaching.")] = "per-sample",
    labels: Annotated[
        str | None, typer.Option(metavar="FILE", help="CSV file of your own labels instead of a data set; - is stdin.")
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(help="Column of the labels in --labels (default: label; with --kind given also noisy_label)."),
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes in --labels (default: largest + 1).")] = None,
    separator: Annotated[
        str | None,
        typer.Option(metavar="CHAR", help="Separator in --labels (default: , ; | or tab, whichever fits)."),
    ] = None,
    output: Annotated[str | None, typer.Option("-o", "--output", help="Path of the manifest; - is stdout.")] = None,
    data: Root = DATA,
    quiet: Quiet = False,
) -> None:
    """Write a manifest of noisy labels and print its path."""
    console.be_quiet(quiet)
    from smkd_cli.corrupt.command import run

    run(
        dataset=dataset,
        kind=kind,
        rate=rate,
        seed=seed,
        sampling=sampling,
        labels=labels,
        column=column,
        classes=classes,
        separator=separator,
        output=output,
        data=data,
    )
