"""Which number of a result a report shows first."""

from __future__ import annotations

from dataclasses import replace

from smkd_cli.artifacts.results import Result
from smkd_cli.errors import DataError, UsageError
from smkd_cli.report.layout import MACRO, Layout, Measured
from smkd_cli.suggestions import unknown
from smkd_cli.words import shown

# What people call the metrics, and what a cell's summaries do.
HEADLINES = {"accuracy": "last", MACRO: MACRO}


def checked(metric: str) -> str:
    """The metric of that name, as a cell's summaries call it.

    Raises:
        UsageError: there is none.
    """
    if metric not in HEADLINES:
        raise UsageError(f"--metric: {unknown('metric', metric, list(HEADLINES))}")
    return HEADLINES[metric]


def with_metric(layout: Layout, metric: str) -> Layout:
    """A layout of accuracies with another headline; one of something else stays as it is."""
    if metric == "last" or layout.metric != "last":
        return layout

    def measure(result: Result) -> Measured:
        measured = list(layout.measure(result))
        if result.scores is not None and any(numbers and metric not in numbers for _, numbers in measured):
            raise DataError(
                f"{shown(result.path)}: was written before there was {metric}; smkd eval scores its networks again"
            )
        return measured

    return replace(layout, metric=metric, measure=measure)
