"""``smkd train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smkd_cli import console, registry
from smkd_cli.cli.options import DATA, Dataset, Overrides, Profile, Quiet, Recipe, Root, read_stdin_once
from smkd_cli.errors import UsageError
from smkd_cli.words import shown


def train(
    recipe: Recipe,
    dataset: Dataset = None,
    overrides: Overrides = None,
    profile: Profile = None,
    manifest: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Train on these labels instead of the recipe's noise; - is stdin."),
    ] = None,
    cells: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Train only matching cells, e.g. '*_seed1'; repeatable.")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Folder for the run directories.")] = Path("runs"),
    jobs: Annotated[
        str, typer.Option(metavar="N|auto", help="Cells at the same time; auto measures the fastest number.")
    ] = "auto",
    images: Annotated[
        str, typer.Option(help="Images: auto, resident (all in memory) or streamed (decoded batch by batch).")
    ] = "auto",
    workers: Annotated[
        str, typer.Option(metavar="N|auto", help="Threads that decode streamed images; no bit of a result changes.")
    ] = "auto",
    device: Annotated[str, typer.Option(help="Device: auto, cpu or cuda.")] = "auto",
    executor: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.py:NAME", help=f"Where cells are trained: {', '.join(registry.EXECUTORS.own)}."
        ),
    ] = "local",
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Same bits every time, also on a GPU (compute.deterministic).")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for cells that another process is training.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cells and their cost; train nothing.")] = False,
    data: Root = DATA,
    quiet: Quiet = False,
) -> None:
    """Train every cell of a recipe's grid and print the run directories."""
    console.be_quiet(quiet)
    read_stdin_once(recipe, manifest)
    if jobs != "auto" and not (jobs.isascii() and jobs.isdecimal() and len(jobs) < 7 and int(jobs) > 0):
        raise UsageError(f"--jobs {shown(jobs)}: must be auto or a whole number from 1 on")
    settings = [*(overrides or []), *(["compute.deterministic=true"] if deterministic else [])]
    from smkd_cli.data.images.loading import Loading
    from smkd_cli.train.executors import find
    from smkd_cli.train.grid import GridRequest

    loading = Loading.from_text(images, workers)
    where = find(executor, None if jobs == "auto" else int(jobs))
    request = GridRequest(recipe, settings, profile, manifest, cells or [], dataset)
    if dry_run:
        from smkd_cli.train.dry_run import run as show_plan

        show_plan(request, runs=runs, data=data)
        return
    from smkd_cli.train.command import run

    run(request, runs=runs, device=device, executor=where, data=data, wait=wait, loading=loading)
