"""The header of a manifest: which keys it has, and their values with types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from smkd_cli.artifacts.class_names import problem_with
from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES, MAX_SAMPLES
from smkd_cli.naming import LONGEST_NAME, is_name
from smkd_cli.suggestions import closest
from smkd_cli.words import listed, quoted

MANIFEST_SCHEMA = "smkd/manifest/3"

# What each version of the format calls the column of the noisy labels; their hash is called after it.
_NOISY_COLUMNS = {"smkd/manifest/1": "label", "smkd/manifest/2": "noisy_label", MANIFEST_SCHEMA: "noisy_label"}

_FILLED = ("schema", "dataset", "split", "classes", "samples", "kind")
_MAY_BE_EMPTY = ("rate", "seed", "sampling", "transition_matrix")
_MAY_BE_DROPPED = ("realised_rate", "clean_labels_sha256")
# They go into messages, results and names of files.
_WORDS = ("dataset", "split", "kind", "sampling", "transition_matrix")

_MOST = {"classes": MAX_CLASSES, "samples": MAX_SAMPLES}

# Python takes more for numbers, such as 1_000 and digits of any script.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LONGEST_NUMBER = 64

NOISY_LABEL = _NOISY_COLUMNS[MANIFEST_SCHEMA]
"""The column of the noisy labels in what is written."""

T = TypeVar("T")


class Header:
    """Typed access to the ``key: value`` lines of a manifest.

    Args:
        values: the lines as read.
        columns: the names of the file's columns.
        class_names: the file's names of the classes, by label; only the third version of the format has them.
        name: names the file in messages.
        place: names the place of the columns in messages.

    Attributes:
        noisy_column: what the file calls the column of the noisy labels: ``label`` in the first version.
        noisy_hash: the key of their SHA-256.

    Raises:
        DataError: the schema is unknown, or has other columns; or a key is unknown, missing or without its value, or a
            word is not one line of at most 100 printable characters.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        columns: Sequence[str],
        name: str,
        place: str,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.values, self._class_names = values, class_names
        self.name = name
        if values["schema"] not in _NOISY_COLUMNS:
            raise DataError(
                f"{name}: has the schema {quoted(values['schema'])}, but this version of smkd reads"
                f" {', '.join(map(repr, _NOISY_COLUMNS))}:"
                " write the manifest again with smkd corrupt, or update smkd"
            )
        self.noisy_column = _NOISY_COLUMNS[values["schema"]]
        self.noisy_hash = f"{self.noisy_column}s_sha256"
        self._check_columns(columns, place)
        keys = (*_FILLED, *_MAY_BE_EMPTY, *_MAY_BE_DROPPED, self.noisy_hash)
        for key in (*values, *(("class 0",) if class_names is not None and not self._may_name_classes else ())):
            if key not in keys:
                close = closest(key, keys)
                raise DataError(
                    f"{name}: unknown header key {quoted(key)}" + (f"; did you mean {close}?" if close else "")
                )
        for key in (*_FILLED, *_MAY_BE_EMPTY):
            if key not in values:
                raise DataError(f"{name}: the header lacks the line '# {key}: …'")
        for key in _FILLED:
            if not values[key]:
                raise DataError(f"{name}: the header gives no value for {key}")
        for key in _WORDS:
            check_word(key, values[key], name)

    def _check_columns(self, columns: Sequence[str], place: str) -> None:
        schema, wanted = self.values["schema"], columns_of(self.noisy_column)
        if list(columns) == wanted:
            return
        for other, noisy_column in _NOISY_COLUMNS.items():
            if list(columns) == columns_of(noisy_column):
                raise DataError(
                    f"{place}: the file says that it is {schema}, whose noisy labels are in the column"
                    f" {self.noisy_column}, but it has the column {noisy_column} of {other}: one of the two was"
                    " changed; change it back, or write the manifest again with smkd corrupt"
                )
        raise DataError(f"{place}: the columns must be {', '.join(wanted)}, not {listed(columns) or 'none'}")

    @property
    def _may_name_classes(self) -> bool:
        return self.values["schema"] == MANIFEST_SCHEMA

    def class_names(self) -> tuple[str, ...] | None:
        """The name of each class; None where the file has no names."""
        names = self._class_names
        if names is None:
            return None
        classes = self.count("classes", 2)
        problem = problem_with(names)
        if len(names) != classes:
            problem = f"it names {len(names):,} classes, but classes in the header is {classes:,}"
        if problem:
            raise DataError(f"{self.name}: {problem}")
        return tuple(names)

    def text(self, key: str) -> str | None:
        """A value as text; None where it is empty or dropped."""
        return self.values.get(key) or None

    def count(self, key: str, least: int) -> int:
        """An integer of at least ``least`` that must be there."""
        most = _MOST[key]
        wanted = f"an integer of at least {least} and at most {most:,}"
        value = self._typed(key, int, lambda count: least <= count <= most, wanted)
        assert value is not None  # such keys are never empty
        return value

    def seed(self) -> int | None:
        """The seed, if there is one."""
        return self._typed("seed", int, lambda seed: 0 <= seed < 2**63, "an integer from 0 to 2⁶³ - 1")

    def fraction(self, key: str) -> float | None:
        """A number in [0, 1], if it is there."""
        return self._typed(key, float, lambda value: 0 <= value <= 1, "a number in [0, 1]")

    def _typed(self, key: str, convert: Callable[[str], T], fits: Callable[[T], bool], wanted: str) -> T | None:
        text = self.text(key)
        if text is None:
            return None
        if _NUMBER.fullmatch(text) and len(text) <= _LONGEST_NUMBER:
            try:
                value = convert(text)
            except ValueError:  # 1.5 is no integer
                pass
            else:
                if fits(value):
                    return value
        raise DataError(f"{self.name}: {key} in the header is {quoted(text)}, not {wanted}")


def columns_of(noisy_column: str) -> list[str]:
    """The columns of a manifest that calls that of the noisy labels so."""
    return ["index", "image", "clean_label", noisy_column]


def check_word(key: str, value: str | None, name: str) -> None:
    """Raise a DataError unless a value of the header is one line of printable text, or None."""
    if value is not None and not is_name(value):
        raise DataError(
            f"{name}: {key} in the header is {quoted(value)}, not a line of at most {LONGEST_NAME} printable letters"
        )
