"""The header of a manifest: which keys it has, and their values with types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from smkd_cli.errors import DataError
from smkd_cli.limits import MAX_CLASSES, MAX_SAMPLES
from smkd_cli.naming import LONGEST_NAME, is_name
from smkd_cli.suggestions import closest
from smkd_cli.words import quoted

MANIFEST_SCHEMA = "smkd/manifest/1"

_FILLED = ("schema", "dataset", "split", "classes", "samples", "kind")
_MAY_BE_EMPTY = ("rate", "seed", "sampling", "transition_matrix")
_MAY_BE_DROPPED = ("realised_rate", "clean_labels_sha256", "labels_sha256")
# They go into messages, results and names of files.
_WORDS = ("dataset", "split", "kind", "sampling", "transition_matrix")

_MOST = {"classes": MAX_CLASSES, "samples": MAX_SAMPLES}

T = TypeVar("T")


class Header:
    """Typed access to the ``key: value`` lines of a manifest.

    Args:
        values: the lines as read.
        name: names the file in messages.

    Raises:
        DataError: another schema, or a key is unknown, missing or without its value, or a word is not one line of at
            most 100 printable characters.
    """

    def __init__(self, values: Mapping[str, str], name: str) -> None:
        self.values = values
        self.name = name
        if values["schema"] != MANIFEST_SCHEMA:
            raise DataError(
                f"{name}: has the schema {quoted(values['schema'])}, but this version of smkd reads"
                f" {MANIFEST_SCHEMA!r}:"
                " write the manifest again with smkd corrupt, or update smkd"
            )
        keys = (*_FILLED, *_MAY_BE_EMPTY, *_MAY_BE_DROPPED)
        for key in values:
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
        try:
            value = convert(text)
        except ValueError:
            pass
        else:
            if fits(value):
                return value
        raise DataError(f"{self.name}: {key} in the header is {quoted(text)}, not {wanted}")


def check_word(key: str, value: str | None, name: str) -> None:
    """Raise a DataError unless a value of the header is one line of printable text, or None."""
    if value is not None and not is_name(value):
        raise DataError(
            f"{name}: {key} in the header is {quoted(value)}, not a line of at most {LONGEST_NAME} printable letters"
        )
