"""Reading a pickled dictionary of arrays without trusting it.

A pickle is a program. This reader lets it build numbers, strings, bytes, lists, tuples, dictionaries and nothing else,
but for NumPy arrays, and those it rebuilds itself: the names of NumPy's classes lead to stand-ins that only take
notes, because ``numpy.dtype`` restored from a hostile state can make an array of raw pointers.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from smkd_cli.artifacts.foreign import SNIFFED, pointer_in
from smkd_cli.errors import DataError
from smkd_cli.words import shown


def read_arrays(path: Path) -> dict[str, Any]:
    """Read a pickled dictionary, of Python 2 or 3.

    Returns:
        The dictionary with text keys. Arrays that are its values are NumPy arrays (booleans, integers, floats), and
        read-only; Python 2's ``str`` comes as bytes.

    Raises:
        DataError: the file cannot be read, is no such pickle, or names anything but NumPy arrays.
    """
    try:
        with path.open("rb") as stream:
            if what := pointer_in(stream.read(SNIFFED)):
                raise DataError(f"{shown(path)}: {what}")
            stream.seek(0)
            content = _ArraysOnly(stream, path).load()
        return {_text(key): value.array() if isinstance(value, _Array) else value for key, value in content.items()}
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error
    except DataError:
        raise
    # A damaged pickle can fail as almost anything: struct errors, missing attributes, a stack that is empty.
    except Exception as error:
        raise DataError(
            f"{shown(path)}: is no pickled dictionary of arrays ({type(error).__name__}: {error})"
        ) from error


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


class _ArraysOnly(pickle.Unpickler):
    def __init__(self, stream: BinaryIO, path: Path) -> None:
        super().__init__(stream, encoding="bytes")
        self._path = path

    def find_class(self, module: str, name: str) -> type[_Array] | type[_DType]:
        match module, name:
            case ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") | ("numpy", "ndarray"):
                return _Array
            case "numpy", "dtype":
                return _DType
        raise DataError(
            f"{shown(self._path)}: refused: the file asks for {module}.{name}, and only NumPy arrays, text and numbers"
            " are admitted. Get the data from its official source"
        )


class _DType:
    """Stands in for ``numpy.dtype``: plain numbers of a fixed width only."""

    def __init__(self, code: bytes | str, *_flags: object) -> None:
        self._code = _text(code)
        self._order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = _text(state[1])

    def dtype(self) -> np.dtype[Any]:
        """The type that the notes describe."""
        described = self._order + self._code
        if not re.fullmatch(r"[<>=|][biuf][1248]", described):
            raise ValueError(f"an array of type {described!r}")
        return np.dtype(described)


class _Array:
    """Stands in for ``numpy.ndarray`` and for the function that makes an empty one."""

    def __init__(self, *_arguments: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def array(self) -> NDArray[Any]:
        """The array that the notes describe."""
        _version, shape, dtype, fortran, raw = self._state
        return np.frombuffer(raw, dtype.dtype()).reshape(shape, order="F" if fortran else "C")
