"""The command line: its commands put together, and the exit code of what they do."""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from smkd_cli import __version__, console
from smkd_cli.cli import datasets, methods, networks, recipes
from smkd_cli.cli.corrupt import corrupt
from smkd_cli.cli.evaluate import evaluate
from smkd_cli.cli.report import report
from smkd_cli.cli.train import train
from smkd_cli.errors import ClosedPipeError, DataError, SmkdError
from smkd_cli.interrupt import Interrupt
from smkd_cli.words import message

app = typer.Typer(
    name="smkd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train image classifiers when some of the labels are wrong.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(corrupt)
app.command()(train)
app.command(name="eval")(evaluate)
app.command()(report)
app.add_typer(recipes.app, name="recipes")
app.add_typer(methods.app, name="methods")
app.add_typer(networks.app, name="networks")
app.add_typer(datasets.app, name="datasets")


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
