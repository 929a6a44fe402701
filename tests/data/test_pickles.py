"""Reading pickles without trusting them."""

from __future__ import annotations

import builtins
import os
import pickle
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal

from smkd_cli.data.pickles import read_arrays
from smkd_cli.errors import DataError

numbers = st.sampled_from(["bool", "uint8", "int16", "<i4", ">i4", "int64", "float16", ">f4", "float64"])
in_one_folder = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.call


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A damaged pickle may allocate gigabytes; here it gets an error instead."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs to know how much memory is in use")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@in_one_folder
@given(
    array=arrays.arrays(numbers, arrays.array_shapes(max_dims=3, max_side=4)),
    fortran=st.booleans(),
    protocol=st.sampled_from([3, 4]),
    text=st.text(max_size=5),
)
def test_arrays_and_plain_values_come_back(
    array: np.ndarray, fortran: bool, protocol: int, text: str, tmp_path: Path
) -> None:
    plain = {"text": text, "list": [1, 2.5, None, True], "tuple": (b"raw", {"deep": []})}
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({b"data": np.asarray(array, order="F" if fortran else "C"), **plain}, protocol))
    content = read_arrays(path)
    data = content.pop("data")
    assert content == plain
    assert data.dtype == array.dtype
    assert_array_equal(data, array)


def test_python_2_strings_are_bytes_and_keys_are_text(tmp_path: Path) -> None:
    path = tmp_path / "python2"
    path.write_bytes(b"\x80\x02}U\x03keyU\x02\xff\x00s.")
    assert read_arrays(path) == {"key": b"\xff\x00"}


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch owned",), "system"),
        (builtins.eval, ("open('owned', 'w')",), "builtins.eval"),
        (builtins.getattr, (dict, "clear"), "builtins.getattr"),
        (np.load, ("owned",), "numpy.load"),
        (np.float64, (1.0,), "numpy.float64"),
        (Path, ("owned",), "Path"),
    ],
)
def test_any_other_global_is_refused_by_name(
    function: Callable[..., Any],
    arguments: tuple[object, ...],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "hostile"
    path.write_bytes(pickle.dumps({"data": Calls(function, *arguments)}, protocol=4))
    with pytest.raises(DataError, match=rf"hostile: refused: .*{name}"):
        read_arrays(path)
    assert os.listdir(tmp_path) == ["hostile"]  # noqa: PTH208


@pytest.mark.parametrize(
    "content",
    [
        {"data": np.array([{}, None])},
        {"data": np.array(["text"])},
        {"data": np.zeros(2, dtype=[("a", "i4")])},
        ["no", "dictionary"],
        np.zeros(3),
    ],
    ids=["objects", "strings", "records", "list", "array"],
)
def test_other_contents_are_refused(content: object, tmp_path: Path) -> None:
    path = tmp_path / "odd"
    path.write_bytes(pickle.dumps(content, protocol=4))
    with pytest.raises(DataError, match="odd: is no pickled dictionary of arrays"):
        read_arrays(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: cannot be read"):
        read_arrays(tmp_path / "nowhere")


GOOD = pickle.dumps({b"data": np.arange(6, dtype=np.uint8).reshape(2, 3), b"labels": [1, 2]}, protocol=4)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short"
    for length in range(len(GOOD)):
        path.write_bytes(GOOD[:length])
        with pytest.raises(DataError, match="short: is no pickled dictionary"):
            read_arrays(path)


@settings(in_one_folder, max_examples=300)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    tail=st.binary(max_size=20),
)
@pytest.mark.usefixtures("little_memory")
def test_damage_gives_a_dictionary_or_a_data_error(changes: list[tuple[int, int]], tail: bytes, tmp_path: Path) -> None:
    damaged = bytearray(GOOD)
    for position, value in changes:
        damaged[position] = value
    path = tmp_path / "damaged"
    path.write_bytes(damaged + tail)
    try:
        assert isinstance(read_arrays(path), dict)
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017
