"""The tables of arguments and options on the pages of the commands, made of the command line's own declarations.

    python docs/option_tables.py

rewrites what stands in ``docs/commands/*.md`` between ``<!-- options: smkd COMMAND -->`` and ``<!-- end -->``; a test
says when that is needed.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType

import typer
from typer.models import OptionInfo, ParameterInfo

from smkd_cli.app import app

COMMANDS = Path(__file__).parent / "commands"
BLOCK = re.compile(r"(?<=<!-- options: )(smkd[ \w]*)( -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = "| | default | what it does |\n| --- | --- | --- |\n"
PLACEHOLDERS = {str: "TEXT", int: "N", float: "X", Path: "PATH"}


def callbacks(part: typer.Typer = app, prefix: str = "smkd") -> Iterator[tuple[str, Callable[..., None]]]:
    """Every command in full (``smkd recipes ls``) with its function; first ``smkd`` itself, with what all share."""
    if part.registered_callback is not None and part.registered_callback.callback is not None:
        yield prefix, part.registered_callback.callback
    for command in part.registered_commands:
        assert command.callback is not None
        yield f"{prefix} {command.name or command.callback.__name__}", command.callback
    for group in part.registered_groups:
        assert group.typer_instance is not None
        yield from callbacks(group.typer_instance, f"{prefix} {group.name}")


def table(callback: Callable[..., None]) -> str:
    """The table of a command's arguments and options, as a person types them; a sentence where it has none."""
    hints = typing.get_type_hints(callback, include_extras=True)
    parameters = inspect.signature(callback).parameters.values()
    rows = [_row(parameter, *typing.get_args(hints[parameter.name])) for parameter in parameters]
    return HEAD + "".join(rows) if rows else "It has no options.\n"


def with_tables(page: str) -> str:
    """A page with every table in it made anew."""
    known = dict(callbacks())
    return BLOCK.sub(lambda block: f"{block[1]}{block[2]}\n{table(known[block[1]])}\n{block[3]}", page)


def names_of(parameter: str, info: ParameterInfo) -> list[str]:
    """``["--output", "-o"]`` of an option; an argument's name in capitals."""
    if not isinstance(info, OptionInfo):
        return [parameter.upper()]
    declared = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    return sorted(declared, key=len, reverse=True) or [f"--{parameter.replace('_', '-')}"]


def _row(parameter: inspect.Parameter, kind: object, info: ParameterInfo) -> str:
    required = parameter.default is inspect.Parameter.empty
    names = [f"`{name}`" for name in names_of(parameter.name, info)]
    kind, many = _plain(kind)
    if isinstance(info, OptionInfo):
        names[0] = f"`{names_of(parameter.name, info)[0]}{_placeholder(kind, info)}`"
    elif many:
        names[0] = names[0][:-1] + " …`"
    default = "" if required or parameter.default is None or parameter.default is False else f"`{parameter.default}`"
    words = f"{info.help} Environment: `{info.envvar}`." if info.envvar else info.help
    cells = [", ".join(names), "needed" if required else default, words]
    return "| " + " | ".join(str(cell).replace("|", r"\|") for cell in cells) + " |\n"


def _plain(kind: object) -> tuple[object, bool]:
    """What one value is, and whether there may be many: ``list[str] | None`` is str, many."""
    if typing.get_origin(kind) in {typing.Union, UnionType}:
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    return (typing.get_args(kind)[0], True) if typing.get_origin(kind) is list else (kind, False)


def _placeholder(kind: object, info: OptionInfo) -> str:
    if kind is bool:
        return ""
    if typing.get_origin(kind) is typing.Literal:
        return " " + "|".join(typing.get_args(kind))
    return f" {info.metavar or PLACEHOLDERS[typing.cast(type, kind)]}"


def main() -> None:
    """Rewrite the tables of all pages, and name the pages that changed."""
    for page in sorted(COMMANDS.glob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = with_tables(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{page}\n")


if __name__ == "__main__":
    main()
