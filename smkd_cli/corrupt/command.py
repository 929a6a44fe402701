"""``smkd corrupt``: draw noisy labels and write their manifest."""

from __future__ import annotations

from pathlib import Path

from smkd_cli import console, noise
from smkd_cli.artifacts.manifest import Manifest, write_manifest
from smkd_cli.corrupt.clean_labels import CleanLabels, from_dataset, from_file
from smkd_cli.corrupt.summary import show
from smkd_cli.errors import UsageError

# Labels that people gave are no kind of noise to draw, so this name stands beside the kinds.
_GIVEN = "given"


def run(
    *,
    dataset: str,
    kind: str,
    rate: float | None,
    seed: int,
    sampling: str,
    labels: str | None,
    column: str,
    classes: int | None,
    output: str | None,
    data: Path | None,
) -> None:
    """Corrupt the training labels of a data set, or labels from a file, and print the path of the manifest.

    Args:
        dataset: name of the data set; with ``labels``, the one whose classes they are.
        kind, rate, seed, sampling: see :func:`smkd_cli.noise.corrupt_labels`; the rate is 0.4 by default, 0 for clean.
        labels: path of a CSV of labels, ``-`` for stdin, or None for those of the data set.
        column, classes: of ``labels``.
        output: path of the manifest, ``-`` for its content on stdout, or None for :func:`default_path`.
        data: the folder of the data sets.

    Raises:
        UsageError: the options make no sense.
        DataError: the labels cannot be read or are wrong, or the manifest cannot be written.
        ClosedPipeError: whoever read the manifest from stdout went away.
    """
    if labels is None and classes is not None:
        raise UsageError("--classes belongs to --labels; a named data set knows its classes")
    if classes is not None and classes < 2:
        raise UsageError(f"label noise needs at least 2 classes, not --classes {classes}")
    if kind == _GIVEN and (labels is None or rate is not None):
        raise UsageError(f"--kind {_GIVEN} takes the labels of --labels as they are, wrong ones and all, at no rate")
    rate = (0.0 if kind == "clean" else 0.4) if rate is None else rate
    source = from_dataset(dataset, data) if labels is None else from_file(labels, column, classes, dataset)
    if kind == _GIVEN:
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
    if kind == _GIVEN:
        console.say(f"{source.name}: {len(manifest.label):,} labels as they are; which of them are clean is not known")
        return
    stay = noise.transitions(kind, rate, manifest.classes, source.dataset).stay
    show(manifest, source.label, stay, source.class_names)


def as_given(source: CleanLabels) -> Manifest:
    """The manifest of labels that may be wrong already: nothing is drawn, and no clean label is known."""
    return Manifest(
        dataset=source.name,
        split=source.split,
        classes=len(source.class_names),
        kind=_GIVEN,
        rate=None,
        seed=None,
        sampling=None,
        transition_matrix=None,
        label=source.label,
        image=source.image,
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
        label=noise.corrupt_labels(
            source.label, kind=kind, rate=rate, classes=classes, seed=seed, sampling=sampling, dataset=source.dataset
        ),
        clean_label=source.label,
        image=source.image,
    )


def default_path(manifest: Manifest) -> Path:
    """``manifests/<data set>-<split>-<kind>-<rate>[-<sampling>]-seed<seed>.csv``, without the default sampling."""
    sampling = [] if manifest.sampling == noise.samplings()[0] else [manifest.sampling]
    if manifest.kind == _GIVEN:
        return Path("manifests", f"{manifest.dataset}-{manifest.split}-{_GIVEN}.csv")
    words = [
        manifest.dataset,
        manifest.split,
        manifest.kind,
        f"{manifest.rate:.10g}",
        *sampling,
        f"seed{manifest.seed}",
    ]
    return Path("manifests", "-".join(map(str, words)) + ".csv")
