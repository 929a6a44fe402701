"""``smkd datasets ls | fetch | verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smkd_cli import console
from smkd_cli.cli.options import DATA, Quiet, Root

app = typer.Typer(no_args_is_help=True, help="List, download and check data sets.")


@app.command("ls")
def datasets_ls(data: Root = DATA) -> None:
    """List the data sets and where they are."""
    from smkd_cli.data.verbs import ls

    ls(data)


@app.command("fetch")
def datasets_fetch(
    names: Annotated[list[str], typer.Argument(help="Data sets.")],
    data: Root = DATA,
    url: Annotated[str | None, typer.Option(help="Download from this address instead of the official one.")] = None,
    quiet: Quiet = False,
) -> None:
    """Download data sets and check them; resume interrupted downloads."""
    console.be_quiet(quiet)
    from smkd_cli.data.verbs import fetch

    fetch(names, data, url)


@app.command("verify")
def datasets_verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Data sets (default: all that are present), or the path of own images."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for what is found in own images.")] = None,
    data: Root = DATA,
    quiet: Quiet = False,
) -> None:
    """Check the files of data sets against known checksums, and count duplicate images; or look at your own images."""
    console.be_quiet(quiet)
    from smkd_cli.data.verbs import verify

    verify(names or [], data, output)
