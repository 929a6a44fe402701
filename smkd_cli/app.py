"""The command line: every command is declared here, and its work is imported only when it is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from smkd_cli import __version__, console, registry
from smkd_cli.errors import ClosedPipeError, DataError, SmkdError, UsageError
from smkd_cli.interrupt import Interrupt
from smkd_cli.words import message, shown

app = typer.Typer(
    name="smkd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train image classifiers when some of the labels are wrong.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
recipes_app = typer.Typer(no_args_is_help=True, help="List, show, copy and check recipes.")
methods_app = typer.Typer(no_args_is_help=True, help="List the methods, and show one in detail.")
datasets_app = typer.Typer(no_args_is_help=True, help="List, download and check data sets.")
app.add_typer(recipes_app, name="recipes")
app.add_typer(methods_app, name="methods")
app.add_typer(datasets_app, name="datasets")

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
Profile = Annotated[
    str | None, typer.Option(help="Changes to the recipe, by name or file; 'embedded' makes any grid small, on digits.")
]


def _read_stdin_once(*sources: str | None) -> None:
    """Raise a UsageError if more than one input is to come from stdin, of which the second would find nothing."""
    if sources.count("-") > 1:
        raise UsageError("two inputs are -, but stdin can be read only once; put one of them into a file")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"smkd {__version__}\n")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001 (its callback does the work)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["SMKD_DEBUG"] = "1"


@app.command()
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


@app.command()
def train(
    recipe: Recipe,
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
    _read_stdin_once(recipe, manifest)
    if jobs != "auto" and not (jobs.isascii() and jobs.isdecimal() and len(jobs) < 7 and int(jobs) > 0):
        raise UsageError(f"--jobs {shown(jobs)}: must be auto or a whole number from 1 on")
    settings = [*(overrides or []), *(["compute.deterministic=true"] if deterministic else [])]
    from smkd_cli.train.executors import find
    from smkd_cli.train.grid import GridRequest

    where = find(executor, None if jobs == "auto" else int(jobs))
    request = GridRequest(recipe, settings, profile, manifest, cells or [])
    if dry_run:
        from smkd_cli.train.dry_run import run as show_plan

        show_plan(request, runs=runs, data=data)
        return
    from smkd_cli.train.command import run

    run(request, runs=runs, device=device, executor=where, data=data, wait=wait)


@app.command(name="eval")
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
    _read_stdin_once(*checkpoints)
    from smkd_cli.evaluate.command import run

    run(
        checkpoints=checkpoints,
        split=split,
        output=output,
        device=device,
        data=data,
        trust_code=trust_code,
    )


@app.command()
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
    output: Annotated[str, typer.Option("-o", "--output", help="File for the report; - is stdout.")] = "-",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run Python files of layouts that results name.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make tables and figures of results."""
    console.be_quiet(quiet)
    _read_stdin_once(*(sources or []))
    from smkd_cli.report.command import run

    run(
        sources=sources or [],
        output_format=output_format,
        output=output,
        against=against or [],
        trust_code=trust_code,
    )


@recipes_app.command("ls")
def recipes_ls(data: Root = DATA) -> None:
    """List the shipped recipes."""
    from smkd_cli.recipe.verbs import ls

    ls(data)


@recipes_app.command("show")
def recipes_show(recipe: Recipe, overrides: Overrides = None, profile: Profile = None, data: Root = DATA) -> None:
    """Print a recipe; with --set or --profile, as it would be trained."""
    from smkd_cli.recipe.verbs import show

    show(recipe, overrides or [], profile, data)


@recipes_app.command("copy")
def recipes_copy(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe.")],
    destination: Annotated[Path, typer.Argument(help="New file, or existing folder.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Copy a shipped recipe, so that you can change it."""
    from smkd_cli.recipe.verbs import copy

    copy(recipe, destination, force)


@recipes_app.command("validate")
def recipes_validate(
    recipes: Annotated[list[str], typer.Argument(help="Recipe files or names of shipped recipes; - is stdin.")],
    overrides: Overrides = None,
    profile: Profile = None,
    data: Root = DATA,
) -> None:
    """Check recipes and the files that they name; report all errors at once."""
    _read_stdin_once(*recipes)
    from smkd_cli.recipe.verbs import validate
    from smkd_cli.report.foreign_layouts import check_fit

    validate(recipes, overrides or [], profile, data, check_fit)


@methods_app.command("ls")
def methods_ls() -> None:
    """List the methods: what each needs, its cost and its source."""
    from smkd_cli.recipe.method_verbs import ls

    ls()


@methods_app.command("show")
def methods_show(
    name: Annotated[str, typer.Argument(help="Name of a method or rule, EXCHANGE+TARGET, or FILE.py:NAME.")],
) -> None:
    """Print the formula of a method, and its options with defaults and sources."""
    from smkd_cli.recipe.method_verbs import show

    show(name)


@datasets_app.command("ls")
def datasets_ls(data: Root = DATA) -> None:
    """List the data sets and where they are."""
    from smkd_cli.data.verbs import ls

    ls(data)


@datasets_app.command("fetch")
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


@datasets_app.command("verify")
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


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code.

    0 done, 2 usage, 3 recipe, 4 data, 5 training, 75 cells are left that another process trains, 128 + signal.
    """
    console.open_streams()
    interrupt = Interrupt()
    with interrupt.listening():
        code = _code_of(arguments, interrupt)
    sys.exit(code)


def _code_of(arguments: list[str] | None, interrupt: Interrupt) -> int | str | None:
    """Run the command line, report errors, and give the exit code."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
        if not interrupt.number or not code:
            return code
    except ClosedPipeError as error:
        return error.exit_code if console.began_data() else 0  # of help, the reader has seen what it wanted
    except (Exception, KeyboardInterrupt) as error:
        if not interrupt.number or isinstance(error, SmkdError):
            return _failed(error)
    console.error(interrupt.words)
    return 128 + interrupt.number


def _run(arguments: list[str] | None) -> int | str | None:
    try:
        app(arguments)
    except SystemExit as stop:
        return stop.code
    return 0


def _failed(error: BaseException) -> int:
    """Report an error; with ``--debug``, raise it."""
    if os.environ.get("SMKD_DEBUG"):
        raise error
    if isinstance(error, SmkdError):
        console.error(f"{error.prefix}{message(error)}")
        return error.exit_code
    if isinstance(error, OSError):  # not handled anywhere else; it is still about a file or a stream
        text = message(f"{error.filename or 'a file or stream'}: {error.strerror or error}")
        console.error(f"error: {text}")
        return DataError.exit_code
    if isinstance(error, MemoryError):
        # NumPy reports the size that it wanted, Python does not.
        wanted = f" ({message(error)})" if str(error) else ""
        console.error(f"error: not enough memory: this machine, or this process, has too little for this{wanted}")
        return DataError.exit_code
    # Anything else is a defect of ours.
    text = message(f"{type(error).__name__}: {error}")
    console.error(f"error: {text} (smkd --debug shows where)")
    return 1
