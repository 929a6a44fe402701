"""Tables of the accuracy of every class, by its name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from smkd_cli.artifacts.results import Result
from smkd_cli.errors import DataError
from smkd_cli.report.layout import FromResults, Layout, Measured, noise_label
from smkd_cli.words import shown


def class_layouts(protocols: Iterable[Sequence[Result]]) -> Iterator[tuple[Layout, list[Result]]]:
    """For each recipe and noise of each protocol a layout, classes against methods, and the results that are of it."""
    for group in protocols:
        together: dict[tuple[str, str, float | None], list[Result]] = defaultdict(list)
        for result in group:
            if result.cell is not None:
                noise = result.cell.noise
                together[result.cell.recipe, noise.name, noise.rate].append(result)
        for (recipe, kind, rate), results in together.items():
            yield _layout(f"{recipe}, {noise_label((kind, rate))}"), results


def _layout(of: str) -> Layout:
    return Layout(
        name=f"{of}, classes",
        title=f"{of}: accuracy of each class",
        corner="Class",
        rows=FromResults("class", lambda numbered: str(numbered[1]), in_order=False),
        columns=FromResults("label", str, in_order=False),
        measure=_accuracies,
        metric="class_accuracy",
        notes=("Test accuracy (%) of the images of each class at the last epoch, the mean of the two peers.",),
        best_two=False,
        own_recipes=True,
    )


def _accuracies(result: Result) -> Measured:
    """The accuracy of each class; its place comes with its name, because two names may look the same."""
    if result.scores is not None and not result.by_class:
        raise DataError(f"{shown(result.path)}: has no accuracies of classes; smkd eval scores its networks again")
    return [
        ({"class": (number, name)}, {"class_accuracy": value})
        for number, (name, value) in enumerate(result.by_class)
        if value is not None
    ]
