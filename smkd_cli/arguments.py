"""What the functions of the Python API are given, checked with words, and errors in the words of Python.

Each check gives the value, or raises a UsageError that names the argument.
"""

from __future__ import annotations

import json
import numbers
import operator
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smkd_cli.errors import SmkdError, UsageError

# Options of the command whose arguments have other names.
_NAMES = {"set": "overrides"}
_OPTION = re.compile(
    r"(?<![\w-])--(set|dataset|profile|manifest|cells|runs|jobs|images|workers|device|executor|deterministic|wait|data)"
    r"(?![\w-])"
)


@contextmanager
def in_python() -> Iterator[None]:
    """Errors speak of arguments and calls, where those of the command speak of options."""
    try:
        yield
    except SmkdError as error:
        words = _OPTION.sub(lambda found: _NAMES.get(found[1], found[1]), str(error))
        words = words.replace("the same command", "the same call").replace("this command", "this call")
        error.args = (words.replace("smkd --debug shows where", "the notes of this error show where"),)
        raise


def text(name: str, value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise _wrong(name, "text", value)
    return value


def texts(name: str, value: object) -> list[str]:
    """Strings."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise _wrong(name, "a list of texts", value)
    return list(value)


def whole(name: str, value: Any, least: int | None = None) -> int:
    """A whole number, NumPy's too; True and False are none."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (least is not None and number < least):
        raise _wrong(name, "a whole number" if least is None else f"a whole number from {least} on", value)
    return number


def number(name: str, value: object) -> float:
    """A number, NumPy's too; True and False are none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise _wrong(name, "a number", value)
    return float(value)


def truth(name: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise _wrong(name, "True or False", value)
    return value


def path(name: str, value: object) -> Path:
    """A path of a file or a folder."""
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str) or not os.fspath(value):
        raise _wrong(name, "a path", value)
    if "\0" in os.fspath(value):
        raise _wrong(name, "a path without a null character", value)
    return Path(value)


def overrides(value: object) -> list[str]:
    """``KEY=VALUE`` each, of such texts or of a mapping of keys to plain values."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise _wrong("overrides", "a mapping of keys to values", value)
        # JSON is YAML too.
        return [f"{key}={json.dumps(plain(key, each), ensure_ascii=False)}" for key, each in value.items()]
    return texts("overrides", value)


def mapping(name: str, value: Mapping[Any, Any]) -> dict[str, Any]:
    """Plain data by name."""
    found: dict[str, Any] = plain(name, value)
    return found


def plain(name: str, value: Any) -> Any:
    """Data as YAML knows it: tuples become lists, paths text, and NumPy's single numbers Python's."""
    if isinstance(value, Mapping):
        if wrong := next((key for key in value if not isinstance(key, str)), None):
            raise _wrong(f"a key of {name}", "text", wrong)
        return {key: plain(f"{name}.{key}", each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(f"{name}.{number}", each) for number, each in enumerate(value)]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is not None and not isinstance(value, (str, bool, int, float)):
        raise _wrong(name, "a text, a number, a list or a mapping", value)
    return value


def _wrong(name: str, wanted: str, value: object) -> UsageError:
    return UsageError(f"{name} should be {wanted}, not {type(value).__name__} {value!r:.80}")
