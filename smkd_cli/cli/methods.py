"""``smkd methods ls | show``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="List the methods, and show one in detail.")


@app.command("ls")
def methods_ls() -> None:
    """List the methods: what each needs, its cost and its source."""
    from smkd_cli.recipe.method_verbs import ls

    ls()


@app.command("show")
def methods_show(
    name: Annotated[str, typer.Argument(help="Name of a method or rule, EXCHANGE+TARGET, or FILE.py:NAME.")],
) -> None:
    """Print the formula of a method, and its options with defaults and sources."""
    from smkd_cli.recipe.method_verbs import show

    show(name)
