"""``smkd report``: results in, tables out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smkd_cli import console
from smkd_cli.artifacts.files import write_text
from smkd_cli.artifacts.results import FoundResults, read_results
from smkd_cli.errors import DataError
from smkd_cli.report import formats
from smkd_cli.report.build import build
from smkd_cli.report.gains import with_gains
from smkd_cli.report.metrics import checked
from smkd_cli.report.notes import some
from smkd_cli.words import printable, shown

DEFAULT_SOURCE = "runs"


def run(
    *,
    sources: list[str],
    output_format: str | None,
    output: str,
    against: list[str],
    metric: str = "accuracy",
    per_class: bool = False,
    trust_code: bool = False,
) -> None:
    """Report on the results in ``sources`` (folders, files, ``-``); without any, on ``runs``.

    Args:
        output_format: name of a format; None for that of the output's extension.
        against: methods over which the gain of the others is shown.
        metric: the headline of tables of accuracies, ``accuracy`` or ``macro_accuracy``.
        per_class: whether to show the accuracy of every class.
        trust_code: whether files of layouts that results name may be run.

    Raises:
        DataError: a source is missing, damaged or holds no result, or the output cannot be written.
        UsageError: there is no such format or metric, or no result of a method in ``against``.
    """
    output_format = formats.chosen(output_format, output)
    headline = checked(metric)
    found = FoundResults()
    problems: list[str] = []
    for source in sources:
        here = read_results(source)
        if not here.results:
            problems.append(_nothing_in(source, here))
        found.add(here)
    if problems and not found.results:
        raise DataError("\n".join(problems))
    for problem in problems:
        console.warn(problem)
    if not sources:
        found = read_results(DEFAULT_SOURCE) if Path(DEFAULT_SOURCE).is_dir() else found
        if not found.results:
            if found.damaged or found.foreign:
                raise DataError(_nothing_in(DEFAULT_SOURCE, found))
            console.info(f"no results under {DEFAULT_SOURCE}/ yet: `smkd train quickstart` makes the first")
    _report_skipped(found)
    report = with_gains(build(found, trust_code, headline, per_class), against)
    for warning in report.warnings:
        console.warn(warning)
    text = formats.render(output_format, report)
    if output == "-":
        with console.data_out() as stream:
            stream.write(text)
        if not formats.REGISTRY.find(output_format).with_notes:
            for note in report.notes:
                console.info(note)
    else:
        write_text(Path(output), text)
        console.info(f"{shown(output)}: {len(report.tables)} table{'s' * (len(report.tables) != 1)}")


def _report_skipped(found: FoundResults) -> None:
    if found.damaged:
        console.warn(f"passed over what cannot be used ({len(found.damaged)}): {some(found.damaged)}")
    if found.foreign:
        console.info(f"passed over what is not of smkd ({len(found.foreign)}): {_paths(found.foreign)}")


def _paths(paths: Sequence[Path]) -> str:
    return some([printable(str(path)) for path in paths])


def _nothing_in(source: str, found: FoundResults) -> str:
    name = "stdin" if source == "-" else source
    if found.damaged:
        return f"{name}: no results that can be used: {some(found.damaged)}"
    if found.unfinished:
        return f"{name}: none of {len(found.unfinished)} runs is finished; the same smkd train goes on with them"
    if found.train_split:
        return f"{name}: only scores of training images; run smkd eval without --split train"
    if found.foreign:
        return f"{name}: no results; {_paths(found.foreign)} {'are' if len(found.foreign) > 1 else 'is'} not of smkd"
    return f"{name}: no results; smkd train makes run directories, smkd eval makes score records"
