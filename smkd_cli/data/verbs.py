"""The commands ``smkd datasets ls | fetch | verify``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smkd_cli import console
from smkd_cli.data import REGISTRY, DataSet, OwnData, find
from smkd_cli.data import names as all_names
from smkd_cli.data.own.options import is_path
from smkd_cli.errors import DataError, SmkdError, UnknownName, UsageError
from smkd_cli.words import plain, printable, shown

_ABSENT = "absent"


def ls(data: Path) -> None:
    """A line per data set on stdout, tab-separated: name, images for training and testing, classes, shape, where.

    Of one that cannot be used, only the name is known, and the last field is ``broken`` and why; a warning says more.
    """
    console.check_path(data, "--data")
    console.info("name\ttrain\ttest\tclasses\tshape\twhere")
    for name, dataset, where in _all(data):
        if dataset is None:
            facts: tuple[object, ...] = (name, *[""] * 4, f"broken: {where}")
        else:
            shape = "x".join(map(str, dataset.image_shape))
            facts = (name, dataset.train_size, dataset.test_size, dataset.classes, shape, where)
        console.emit("\t".join(map(str, facts)))


def fetch(names: list[str], data: Path, url: str | None) -> None:
    """Download data sets and print where each is.

    Raises:
        UsageError: an unknown name, or one address for several data sets.
        DataError: see :func:`smkd_cli.data.download.fetch`.
    """
    console.check_path(data, "--data")
    wanted = [find(name, data) for name in names]
    if url and len(wanted) > 1:
        raise UsageError("--url is the address of one data set: fetch them one by one")
    from smkd_cli.data.download import fetch as fetch_one

    for dataset in wanted:
        if dataset.archive is None:
            console.info(f"{dataset.name}: comes with the program, nothing to fetch")
            continue
        console.info(f"{dataset.name}: {shown(url or dataset.archive.url)}")
        fetch_one(dataset, url)
        console.emit(_where(dataset))


def verify(names: list[str], data: Path, output: Path | None = None) -> None:
    """Check data sets, all that are here by default, and print a line for each that is whole.

    Of images of one's own, named by their path alone, the list of everything found is printed, or written to ``output``
    (:mod:`smkd_cli.data.own.verify`).

    Fields, tab-separated: name, ``ok``, further copies of images within the training and within the test split, test
    images that are training images too, and images that have more than one label.

    Raises:
        UsageError: an unknown name.
        DataError: files are missing or damaged; the message holds all of them, one data set a line.
    """
    if any(map(is_path, names)):
        if len(names) > 1:
            raise UsageError("images of your own are verified one folder at a time")
        from smkd_cli.data.own.source import OwnImages
        from smkd_cli.data.own.verify import verify_own

        verify_own(OwnImages(OwnData(names[0]), data), output)
        return
    if output is not None:
        raise UsageError("-o belongs to a path: of a named data set, verify prints one line")
    here = [] if names else [made for _, made, where in _all(data) if made is not None and where != _ABSENT]
    chosen = [find(name, data) for name in names] or here
    from smkd_cli.data.duplicates import duplicates

    console.info("name\tstate\ttwice in train\ttwice in test\tin both\tof two labels")
    problems = []
    for dataset in chosen:
        try:
            dataset.verify()
            found = duplicates(dataset)
        except DataError as error:
            problems.append(str(error))
        else:
            facts = (dataset.name, "ok", found.train, found.test, found.shared, found.contradicting)
            console.emit("\t".join(map(str, facts)))
    if problems:
        raise DataError("\n".join(problems))


def _all(data: Path) -> Iterator[tuple[str, DataSet | None, str]]:
    """The name of each data set, itself and where it is; if it cannot be used, None and why, after a warning."""
    for name in sorted({*all_names(), *REGISTRY.offered.refused}):
        try:
            dataset = find(name, data)
            yield dataset.name, dataset, _where(dataset)
        except (SmkdError, OSError) as error:
            if not isinstance(error, UnknownName):  # that was warned of when its package was looked at
                console.warn(str(error))
            yield printable(name), None, plain(str(error).rpartition("cannot be used: ")[2])


def _where(dataset: DataSet) -> str:
    if dataset.archive is None:
        return "embedded"
    return _ABSENT if dataset.missing() else ", ".join(sorted({str(path.parent) for path in dataset.files()}))
