"""``smkd report``."""

from __future__ import annotations

from typing import Annotated

import typer

from smkd_cli import console, registry
from smkd_cli.cli.options import Quiet, read_stdin_once


def report(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Folders of run directories, score files, or - for stdin (default: runs)."),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME|FILE.py:NAME",
            help=f"Format: {', '.join(registry.FORMATS.own)} (default: by the extension of -o, else terminal).",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD", help="Show the gain of all others over this method (or label), seed by seed; repeatable."
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(metavar="NAME", help="What tables of accuracies show: accuracy or macro_accuracy."),
    ] = "accuracy",
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Show the accuracy of every class, in tables of their own.")
    ] = False,
    output: Annotated[str, typer.Option("-o", "--output", help="File for the report; - is stdout.")] = "-",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run Python files of layouts that results name.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make tables and figures of results."""
    console.be_quiet(quiet)
    read_stdin_once(*(sources or []))
    from smkd_cli.report.command import run

    run(
        sources=sources or [],
        output_format=output_format,
        output=output,
        against=against or [],
        metric=metric,
        per_class=per_class,
        trust_code=trust_code,
    )
