"""How a report is written: a file per format, each with a ``FORMAT``, which is found by being here."""

from __future__ import annotations

from pathlib import Path

from smkd_cli.errors import UsageError
from smkd_cli.registry import FORMATS, Registry, used
from smkd_cli.report.formats.contract import Format, is_format
from smkd_cli.report.tables import Report

REGISTRY: Registry[Format] = Registry(FORMATS, is_format, "Format")
_DEFAULT = "terminal"


def chosen(name: str | None, output: str) -> str:
    """The name of the requested format, or else of that for a file of this extension.

    Raises:
        UnknownName: there is no such format.
    """
    if name is None:
        ours = (REGISTRY.find(own) for own in FORMATS.own)
        fitting = [own.name for own in ours if own.extension == Path(output).suffix.lower()]
        return fitting[0] if fitting else _DEFAULT
    REGISTRY.find(name)
    return name


def render(name: str, report: Report) -> str:
    """The report in the format of that name.

    Raises:
        UsageError: the format is not ours, and something is wrong with it.
    """
    made = REGISTRY.find(name)
    if FORMATS.is_own(name):
        return made.render(report)
    title = f"the {REGISTRY.title(name)}"
    text = used(title, lambda: made.render(report))
    if not isinstance(text, str):
        raise UsageError(f"{title} makes no text, but {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{title} makes text that UTF-8 cannot hold: {error.reason}") from error
    return str(text)
