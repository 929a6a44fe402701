"""Whose code a class is, or an error comes from: ours, a package's, or that of a user's file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from smkd_cli.registry import foreign

_OURS = __name__.partition(".")[0]


def is_ours(kind: type) -> bool:
    """Whether a class is of this package."""
    return kind.__module__.partition(".")[0] == _OURS


def full_name(name: str, kind: type) -> str:
    """What messages call a plug-in of that name and class: ``my_rules.py:Mine``, or ``Mine (package theirs)``."""
    module = kind.__module__
    if foreign.is_of_file(module):
        return f"{shown(Path(getattr(sys.modules.get(module), '__file__', None) or module))}:{name}"
    packages = () if is_ours(kind) else foreign.all_entry_points()
    for point in packages:
        if foreign.module_of(point) == module.partition(".")[0]:
            return f"{name} ({foreign.name_of(point.dist)})"
    return name


def shown(file: Path) -> str:
    """A path as people write it: relative where it is below the working directory."""
    try:
        relative = os.path.relpath(file)
    except (OSError, ValueError):  # the working directory is gone, or on another drive
        return str(file)
    return str(file) if relative.startswith(os.pardir) else relative


def where_raised(error: BaseException) -> str | None:
    """Where in a plug-in an error was raised, ``my_rules.py, line 12, in loss``; None if no plug-in took part."""
    packages = set(map(foreign.module_of, foreign.all_entry_points()))
    place, step = None, error.__traceback__
    while step is not None:
        module = step.tb_frame.f_globals.get("__name__")
        if isinstance(module, str) and (foreign.is_of_file(module) or module.partition(".")[0] in packages):
            code = step.tb_frame.f_code
            place = f"{shown(Path(code.co_filename))}, line {step.tb_lineno}, in {code.co_name}"
        step = step.tb_next
    return place


def with_place(error: BaseException) -> str:
    """The text of an error, and where it was raised if that is in a plug-in."""
    try:
        text = str(error)
    except Exception:  # code that is not ours may define it
        text = ""
    where = where_raised(error)
    return f"{text}{', ' if text else ''}in {where}" if where else text
