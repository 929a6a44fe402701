"""``smkd networks ls | show``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="List the networks, and show what one costs and needs.")


@app.command("ls")
def networks_ls(
    library: Annotated[
        str | None, typer.Argument(help="timm or torchvision (default: those without a library).")
    ] = None,
    pattern: Annotated[str | None, typer.Option("--match", metavar="GLOB", help="Only names like this.")] = None,
) -> None:
    """List networks: ours with their cost, or the names of a library's."""
    from smkd_cli.networks.verbs import ls

    ls(library, pattern)


@app.command("show")
def networks_show(
    name: Annotated[str, typer.Argument(help="Name of a network, timm:NAME, torchvision:NAME, or FILE.py:NAME.")],
    size: Annotated[int | None, typer.Option(min=1, help="Side of its images (default: what it was made for).")] = None,
    classes: Annotated[int, typer.Option(min=2, help="Number of classes.")] = 10,
) -> None:
    """Print what a network costs, and how it wants its images."""
    from smkd_cli.networks.verbs import show

    show(name, size, classes)
