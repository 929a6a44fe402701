"""Which data set a trained network belongs to, also where its images are somebody's own."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.peer import FrozenRecord, TrainedCell
from smkd_cli.data import DataSet, OwnData, augmentation
from smkd_cli.data.augmentation import Augmentation
from smkd_cli.data.own.options import is_path
from smkd_cli.errors import DataError, UsageError
from smkd_cli.features import Frozen
from smkd_cli.words import plain, shown

_OWN = TypeAdapter(OwnData)
_FINGERPRINT = "fingerprint"


def reference_of(cell: TrainedCell, path: Path) -> str | OwnData:
    """What :func:`smkd_cli.data.find` finds the data set of a cell by.

    Args:
        path: of its network, for messages.

    Raises:
        DataError: what it says of its images is not valid.
    """
    if cell.source is None:
        if is_path(cell.dataset):  # a name, and nothing that opens a folder
            raise DataError(f"{shown(path)}: is of a data set {cell.dataset!r:.80}, which is not known")
        return cell.dataset
    try:
        return _OWN.validate_python({key: value for key, value in cell.source.items() if key != _FINGERPRINT})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(map(str, problem["loc"]))
        raise DataError(f"{shown(path)}: source.{plain(key)}: {plain(problem['msg'])}") from error


def frozen_of(cell: TrainedCell, path: Path) -> Frozen | None:
    """The frozen network whose features a head belongs to, if it is one.

    Raises:
        DataError: its weights are gone, or are others.
    """
    if cell.frozen is None:
        return None
    rules = json.dumps([rule.model_dump() for rule in cell.test_rules])
    return _frozen(cell.frozen, rules, path)


def _frozen(record: FrozenRecord, rules: str, path: Path) -> Frozen:
    weights = Path(record.weights)
    if not weights.is_file() or sha256_of(weights) != record.weights_sha256:
        problem = "are no longer those" if weights.is_file() else "are not there, those"
        raise DataError(f"{shown(path)}: the weights {shown(weights)} {problem} whose features it was trained on")
    other = None if record.other is None else _frozen(record.other, rules, path)
    return Frozen(record.network, record.weights, rules, other=other)


def rules_of(cell: TrainedCell, path: Path) -> tuple[Augmentation, ...]:
    """The rules that test images were shown by when a network was trained.

    Raises:
        DataError: one is not known, or has other options.
    """
    try:
        return tuple(augmentation.build(rule.name, rule.model_extra or {}) for rule in cell.test_rules)
    except (UsageError, ValidationError) as error:
        raise DataError(f"{shown(path)}: the way in which its test images are shown is not known: {error}") from error


def check_same(cell: TrainedCell, dataset: DataSet, path: Path) -> None:
    """Raise a DataError if one's own images are no longer those that a network was trained on."""
    if cell.source is not None and cell.source.get(_FINGERPRINT) != dataset.fingerprint:
        raise DataError(
            f"{shown(path)}: was trained when {plain(cell.source.get('path'))} had other images, labels or splits; put"
            " them back as they were, or train again"
        )
