"""``smkd eval``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from smkd_cli import console
from smkd_cli.cli.options import DATA, Quiet, Root, read_stdin_once


def evaluate(
    checkpoints: Annotated[list[str], typer.Argument(help="Run directories, .safetensors files, or - for stdin.")],
    split: Annotated[Literal["test", "train"], typer.Option(help="Images to score.")] = "test",
    output: Annotated[str, typer.Option("-o", "--output", help="File for the JSON Lines; - is stdout.")] = "-",
    device: Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[
        bool,
        typer.Option(
            "--trust-code",
            help="Run Python files that a checkpoint names: network, data set, or method (only for --split train).",
        ),
    ] = False,
    data: Root = DATA,
    quiet: Quiet = False,
) -> None:
    """Score trained networks and print one JSON record for each run."""
    console.be_quiet(quiet)
    read_stdin_once(*checkpoints)
    from smkd_cli.evaluate.command import run

    run(
        checkpoints=checkpoints,
        split=split,
        output=output,
        device=device,
        data=data,
        trust_code=trust_code,
    )
