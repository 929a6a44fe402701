"""Tensor files: the same content gives the same bytes, and whatever bytes are read, an error is one of ours."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from smkd_cli.artifacts import tensors as module
from smkd_cli.artifacts.peer import load_peer
from smkd_cli.artifacts.run_directory import PEER_SCHEMA
from smkd_cli.artifacts.tensors import difference, load_tensors, save_tensors
from smkd_cli.errors import DataError

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool]
SMALL = {"b.weight": torch.arange(6.0).view(2, 3), "a": torch.tensor(3), "é": torch.zeros(0, 4)}
FACTS = {"network": "n", "rate": 0.1}


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3)),
        max_size=5,
    )
)
@settings(max_examples=40, deadline=None)
def test_safetensors_reads_what_we_write(tmp_path_factory, made):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    tensors = {name: (torch.rand(shape) * 9).to(dtype) for name, (dtype, shape) in made.items()}
    save_tensors(path, tensors, "s", FACTS)
    ours, facts = load_tensors(path, "s")
    assert facts == FACTS
    for read in (ours, load_file(path)):
        assert read.keys() == tensors.keys()
        assert all(torch.equal(read[name], tensors[name]) for name in tensors)
        assert difference(read, tensors) is None


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        # As training has them: one laid out another way, one with a gradient.
        tensors = {
            "w": torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last),
            "v": torch.ones(3).requires_grad_(),
        }
        save_tensors(tmp_path / name, dict(sorted(tensors.items(), reverse=name == "two")), "s", FACTS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_umask_decides_who_may_read(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        save_tensors(tmp_path / "x", SMALL, "s", FACTS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_no_file_but_our_own_is_there_while_it_is_written(tmp_path, monkeypatch):
    there = set()
    whole = module._bytes_of

    def look(tensor):
        there.update(file.suffix for file in tmp_path.iterdir())
        return whole(tensor)

    monkeypatch.setattr(module, "_bytes_of", look)
    save_tensors(tmp_path / "x.safetensors", SMALL, "s", FACTS)
    assert there == {".part"}
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_type_that_the_format_does_not_know(tmp_path):
    with pytest.raises(DataError, match="q is of type complex128, which cannot be saved"):
        save_tensors(tmp_path / "x", {"q": torch.zeros(1, dtype=torch.complex128)}, "s", FACTS)
    with pytest.raises(ValueError, match="JSON"):
        save_tensors(tmp_path / "x", SMALL, "s", {"loss": float("inf")})
    assert not list(tmp_path.iterdir())


def with_facts(path: Path, text: str) -> None:
    """A file whose checksum is right and whose facts are this text."""
    about = {"schema": "s", "facts": text, "sha256": module._checksum({}, text)}
    header = module._header({}, about)
    path.write_bytes(len(header).to_bytes(8, "little") + header)


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", "[" * 100_000, '{"a":' * 100_000, '{"a": 1} x', "\0"])
def test_facts_that_are_none(tmp_path, text):
    with_facts(tmp_path / "x", text)
    with pytest.raises(DataError, match="its header is not one of smkd"):
        load_tensors(tmp_path / "x", "s")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_raise_only_our_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save_tensors(path, SMALL, "s", FACTS)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(content) - 1))
        content[begin : begin + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    path.write_bytes(content)
    with suppress(DataError):
        read, facts = load_tensors(path, "s")
        # Nothing that counts was changed.
        assert facts == FACTS
        assert difference(read, SMALL) is None


@given(
    dtype=st.sampled_from(["F64", "F32", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "F4", "U16", "C64", "X", 3, None]),
    shape=st.lists(st.sampled_from([0, 1, 2, 8, 2**40, 2**62, -1]), max_size=3) | st.none(),
    offsets=st.lists(st.integers(-1, 17), max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_headers_that_lie_raise_only_our_error(tmp_path_factory, dtype, shape, offsets):
    path = tmp_path_factory.getbasetemp() / "lies.safetensors"
    header = json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(DataError):
        load_tensors(path, "s")


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="not a file"):
            load_tensors(path, "s")
    with pytest.raises(DataError, match="no such file"):
        load_tensors(tmp_path / "absent", "s")
    with pytest.raises(DataError):
        load_tensors(tmp_path / ("x" * 300), "s")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"a": None}, "a is missing"),
        ({"c": torch.zeros(1)}, "c does not belong there"),
        ({"a": torch.tensor([3])}, r"a has the shape \(1,\), not \(\)"),
        ({"a": torch.tensor(3.0)}, "a is of type float32, not int64"),
    ],
)
def test_differences_are_named(change, word):
    found = {name: value for name, value in (SMALL | change).items() if value is not None}
    with pytest.raises(AssertionError, match=word):
        assert not difference(found, SMALL), difference(found, SMALL)


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F4", "C64", "U64"])
def test_a_peer_of_other_types_is_read_or_refused(tmp_path, monkeypatch, dtype):
    monkeypatch.setitem(module._TYPES, "uint8", dtype)
    cell = {"recipe": "r", "protocol": "p", "label": "CE", "method": "CE", "dataset": "digits", "networks": ["n"]}
    cell |= {"epochs": 1, "noise": {"kind": "clean"}, "seed": 1, "validation_fraction": 0.0}
    facts = {"network": "n", "peer": "a", "cell": cell, "memory": {"m": "nan"}, "written_by": {"precision": "float32"}}
    monkeypatch.setattr(module, "_checksum", lambda *_: "")
    save_tensors(tmp_path / "x", {"w": torch.zeros(8, dtype=torch.uint8)}, PEER_SCHEMA, facts)
    with suppress(DataError):
        weights, read = load_peer(tmp_path / "x")
        assert list(weights) == ["w"]
        assert read.record == cell


@pytest.mark.parametrize(
    ("kind", "shape", "size"),
    [
        ("F4", [4], 2),
        ("F8_E8M0", [2], 2),
        ("C64", [1], 8),
        ("U64", [1], 8),
        ("F32", [1] * 5000, 4),
        ("F32", [2**63, 0], 0),
        ("F32", [0, 2**62, 2**62], 0),
    ],
)
def test_tensors_that_torch_cannot_compute_with_are_refused(tmp_path, kind, shape, size):
    path = tmp_path / "peer.safetensors"
    about = {"schema": PEER_SCHEMA, "facts": "{}", "sha256": "0"}
    header = json.dumps({"__metadata__": about, "w": {"dtype": kind, "shape": shape, "data_offsets": [0, size]}})
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(size))
    # One that does not know the type says so.
    with pytest.raises(DataError, match=r"which smkd never writes|not a readable safetensors file"):
        load_tensors(path, PEER_SCHEMA)
