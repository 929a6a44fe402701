"""What several commands have in common: options, and what stdin is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smkd_cli.errors import UsageError

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings and errors on stderr.")]
# The only place that knows where data sets are by default.
DATA = Path("data")
Root = Annotated[
    Path,
    typer.Option("--data", envvar="SMKD_DATA", help="Folder of the data sets (default: data).", show_default=False),
]
Recipe = Annotated[str, typer.Argument(help="Recipe file, name of a shipped recipe, or - for stdin.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the recipe; repeatable.")
]
Dataset = Annotated[
    str | None,
    typer.Option(metavar="NAME|PATH", help="Data set instead of the recipe's: a name, or a path, with a slash."),
]
Profile = Annotated[
    str | None, typer.Option(help="Changes to the recipe, by name or file; 'embedded' makes any grid small, on digits.")
]


def read_stdin_once(*sources: str | None) -> None:
    """Raise a UsageError if more than one input is to come from stdin, of which the second would find nothing."""
    if sources.count("-") > 1:
        raise UsageError("two inputs are -, but stdin can be read only once; put one of them into a file")
