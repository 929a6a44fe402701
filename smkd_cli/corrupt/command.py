"""``smkd corrupt``: draw noisy labels and write their manifest."""

from __future__ import annotations

from pathlib import Path

from smkd_cli import console, noise
from smkd_cli.artifacts.class_names import named
from smkd_cli.artifacts.manifest import Manifest, write_manifest
from smkd_cli.corrupt.clean_labels import CleanLabels, from_dataset, from_file
from smkd_cli.corrupt.summary import show
from smkd_cli.errors import UsageError
from smkd_cli.limits import MAX_CLASSES, MAX_SEED
from smkd_cli.naming import file_word
from smkd_cli.noise import GIVEN
from smkd_cli.registry import called
from smkd_cli.words import quoted

_NO_SEPARATORS = '"\r\n\0.+-_#'


def run(
    *,
    dataset: str,
    kind: str,
    rate: float | None,
    seed: int,
    sampling: str,
    labels: str | None,
    column: str | None,
    classes: int | None,
    separator: str | None,
    output: str | None,
    data: Path,
) -> None:
    """Corrupt the training labels of a data set, or labels from a file, and print the path of the manifest.

    Args:
        dataset: name of the data set; with ``labels``, the one whose classes they are.
        kind, rate, seed, sampling: see :func:`smkd_cli.noise.corrupt_labels`; the rate is 0.4 by default, 0 for clean.
        labels: path of a CSV of labels, ``-`` for stdin, or None for those of the data set.
        column, classes, separator: of ``labels``; see :func:`from_file`. A separator is one character or ``tab``.
        output: path of the manifest, ``-`` for its content on stdout, or None for :func:`default_path`.
        data: the folder of the data sets.

    Raises:
        UsageError: the options make no sense.
        DataError: the labels cannot be read or are wrong, or the manifest cannot be written.
        ClosedPipeError: the reader of stdout has closed it.
    """
    _check(kind, rate, seed, labels, classes, separator)
    if output is not None:
        console.check_path(output, "-o")
    rate = (0.0 if kind in noise.WITHOUT_RATE else 0.4) if rate is None else rate
    if labels is None:
        source = from_dataset(dataset, data)
        if kind == GIVEN and source.trusted:
            raise UsageError(f"the labels of {source.name} are taken to be right, use --kind clean")
    else:
        given = kind == GIVEN
        source = from_file(labels, column, classes, dataset, separator=_character(separator), given=given)
    if kind == GIVEN:
        manifest = as_given(source)
    else:
        for warning in noise.check(kind, rate, len(source.class_names), source.dataset):
            console.warn(warning)
        manifest = corrupted(source, kind, rate, seed, sampling)
    if output != "-":
        path = default_path(manifest) if output is None else Path(output)
        write_manifest(path, manifest)
    with console.data_out() as stream:
        if output == "-":
            write_manifest(stream, manifest)
        else:
            stream.write(f"{path}\n")
    if kind == GIVEN:
        known = "which of them are clean is not known"
        if manifest.realised_rate is not None:
            known = f"{100 * manifest.realised_rate:.2f} % of them are not those of the column clean_label"
        console.info(f"{source.name}: {len(manifest.noisy_labels):,} labels as they are; {known}")
        return
    stay = noise.transitions(kind, rate, manifest.classes, source.dataset).stay
    show(manifest, source.base_of(kind), stay, source.class_names)


def as_given(source: CleanLabels) -> Manifest:
    """The manifest of noisy labels as they are given: nothing is drawn, and clean ones are those of the source."""
    return Manifest(
        dataset=source.name,
        split=source.split,
        classes=len(source.class_names),
        kind=GIVEN,
        rate=None,
        seed=None,
        sampling=None,
        transition_matrix=None,
        noisy_labels=source.labels,
        clean_labels=source.clean_labels,
        image=source.image,
        class_names=named(source.class_names),
    )


def corrupted(source: CleanLabels, kind: str, rate: float, seed: int, sampling: str) -> Manifest:
    """The manifest of labels drawn from ``source``; the options are those of :func:`smkd_cli.noise.corrupt_labels`."""
    classes = len(source.class_names)
    return Manifest(
        dataset=source.name,
        split=source.split,
        classes=classes,
        kind=kind,
        rate=rate,
        seed=seed,
        sampling=sampling,
        transition_matrix=kind,
        noisy_labels=noise.corrupt_labels(
            source.base_of(kind),
            kind=kind,
            rate=rate,
            classes=classes,
            seed=seed,
            sampling=sampling,
            dataset=source.dataset,
        ),
        clean_labels=source.right,
        image=source.image,
        class_names=named(source.class_names),
    )


def default_path(manifest: Manifest) -> Path:
    """``manifests/<data set>-<split>-<kind>-<rate>[-<sampling>]-seed<seed>.csv``, without the default sampling.

    Data set and split may be words of a file, so their letters are made those of a file's name.
    """
    words = [*map(file_word, (called(manifest.dataset), manifest.split, called(manifest.kind)))]
    if manifest.kind != GIVEN:
        sampling = [] if manifest.sampling == noise.samplings()[0] else [str(manifest.sampling)]
        words += [f"{manifest.rate:.10g}", *sampling, f"seed{manifest.seed}"]
    return Path("manifests", "-".join(words) + ".csv")


def _check(
    kind: str, rate: float | None, seed: int, labels: str | None, classes: int | None, separator: str | None
) -> None:
    """Raise a UsageError if the options make no sense, whatever the labels are."""
    if labels is None and classes is not None:
        raise UsageError("--classes belongs to --labels; a named data set knows its classes")
    if labels is None and separator is not None:
        raise UsageError("--separator belongs to --labels; a named data set is no CSV file")
    if classes is not None and not 2 <= classes <= MAX_CLASSES:
        raise UsageError(f"label noise needs at least 2 classes and at most {MAX_CLASSES}, not --classes {classes}")
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed {seed} is not in 0 … {MAX_SEED}")
    if kind == GIVEN and rate is not None:
        raise UsageError(f"--kind {GIVEN} takes labels as they are, wrong ones and all, at no rate")


def _character(separator: str | None) -> str | None:
    if separator is None:
        return None
    character = {"tab": "\t", "\\t": "\t"}.get(separator, separator)
    if len(character) != 1 or not character.isascii() or character.isalnum() or character in _NO_SEPARATORS:
        raise UsageError(f"--separator {quoted(separator)}: must be one character such as , or ; or |, or tab")
    return character
