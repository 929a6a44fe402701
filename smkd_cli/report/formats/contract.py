"""What a format is: a function that makes text of a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

from smkd_cli.report.tables import Report


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a report is written.

    Attributes:
        name: what ``smkd report --format`` calls it.
        extension: of its files, such as ``.md``; without ``--format``, one of ours is chosen by that of ``-o FILE``.
        render: the text of a report, which ends with a line break. :class:`~smkd_cli.report.tables.Report` holds the
            numbers (accuracies in percent, not rounded); ``smkd_cli.report.view.grids`` makes rounded text of a table.
        with_notes: whether the text holds the report's own notes; otherwise they go to stderr.
    """

    name: str
    extension: str
    render: Callable[[Report], str]
    with_notes: bool = True


def is_format(value: object) -> TypeGuard[Format]:
    """Whether a value is a format."""
    return isinstance(value, Format)
