"""Tensor files (safetensors) that know their own checksum: weights of peers, and what resuming needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from smkd_cli.artifacts.files import written_in_one_step
from smkd_cli.artifacts.foreign import SNIFFED, pointer_in
from smkd_cli.errors import DataError
from smkd_cli.words import plain, shown

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

_ANY_FACTS: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
# The format's names of types, by torch's.
_TYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "bool": "BOOL", "uint8": "U8"}
_TYPES |= {f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)}

# Far more than any network has.
_MOST_DIMENSIONS, _LONGEST_SIDE = 16, 1 << 40


def _bytes_of(tensor: Tensor) -> memoryview:
    """The bytes of a contiguous tensor on the CPU, not copied."""
    import torch

    # reshape, because a tensor of no dimension cannot be viewed as bytes
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _checksum(tensors: Mapping[str, Tensor], facts: str) -> str:
    """SHA-256 over the facts and, in the order of their names, every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_bytes_of(tensor))
    return digest.hexdigest()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], schema: str, facts: Mapping[str, Any]) -> None:
    """Publish tensors and JSON-able facts as one safetensors file whose header holds their checksum.

    The same tensors and facts give the same bytes. safetensors' own writer orders the header's keys at random, and
    writes through a temporary file of its own that other users cannot read.

    Raises:
        DataError: the file cannot be written, or a tensor is of a type that the format does not know.
        ValueError: the facts hold a number that is not finite.
    """
    ours = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    for name, tensor in ours.items():
        if _type_of(tensor) not in _TYPES:
            raise DataError(f"{shown(path)}: {name} is of type {_type_of(tensor)}, which cannot be saved")
    text = json.dumps(facts, sort_keys=True, allow_nan=False)
    # Wide types first: so all of them begin at a multiple of their width.
    order = sorted(ours, key=lambda name: (-ours[name].element_size(), name))
    about = {"facts": text, "schema": schema, "sha256": _checksum(ours, text)}
    header = _header({name: ours[name] for name in order}, about)
    with written_in_one_step(path) as temporary, temporary.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        for name in order:
            stream.write(_bytes_of(ours[name]))


def _header(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> bytes:
    """The JSON that describes the tensors after it, padded so that the first begins at a multiple of 8 bytes."""
    header: dict[str, Any] = {"__metadata__": about}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": _TYPES[_type_of(tensor)],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    content = json.dumps(header, separators=(",", ":")).encode()
    return content + b" " * (-len(content) % 8)


def _type_of(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def load_tensors(path: Path, schema: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save_tensors` wrote, on the CPU: (tensors, facts).

    Raises:
        DataError: the file is missing, truncated, not of this schema, or does not match its checksum.
    """
    return load_as(path, schema, _ANY_FACTS)


def load_as(path: Path, schema: str, facts: TypeAdapter[T], *earlier: str) -> tuple[dict[str, Tensor], T]:
    """As :func:`load_tensors`, with facts of a type; schemas of ``earlier`` versions may be read too.

    Raises:
        DataError: as :func:`load_tensors`, or the facts are not of that type.
    """
    tensors, header = _read(path)
    about = _facts_of(path, header, schema, facts, *earlier)
    if _checksum(tensors, header["facts"]) != header.get("sha256"):
        raise DataError(f"{shown(path)}: its content does not match its checksum; it was altered or damaged")
    return tensors, about


def read_facts(path: Path, schema: str, facts: TypeAdapter[T]) -> T:
    """The facts alone, without the tensors, without torch, and without a look at the checksum.

    Raises:
        DataError: as :func:`load_as`, but for the checksum.
    """
    return _facts_of(path, _read(path, tensors=False)[1], schema, facts)


def _facts_of(path: Path, header: Mapping[str, str], schema: str, facts: TypeAdapter[T], *earlier: str) -> T:
    if header.get("schema") not in {schema, *earlier}:
        raise DataError(
            f"{shown(path)}: its schema is {header.get('schema')!r:.80}, not {schema!r}; was it written by smkd?"
        )
    try:
        return facts.validate_json(header.get("facts", ""))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{shown(path)}: its header is not one of smkd: {key + ': ' if key else ''}{first['msg']}"
        ) from error


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        if path.exists() and not path.is_file():  # a device or a pipe has no end
            raise DataError(f"{shown(path)}: not a file")
        with path.open("rb") as file:  # what safetensors cannot open it takes for missing
            if what := pointer_in(file.read(SNIFFED)):
                raise DataError(f"{shown(path)}: {what}")
            # It opens no path that is not UTF-8, and gets another one.
            name = str(path) if str(path).isprintable() else f"/dev/fd/{file.fileno()}"
            with safe_open(name, framework="pt" if tensors else "np") as stream:
                found = {key: _tensor(path, stream, key) for key in stream.keys()} if tensors else {}  # noqa: SIM118
                return found, stream.metadata() or {}
    except FileNotFoundError:
        raise DataError(f"{shown(path)}: no such file") from None
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read: {error.strerror or error!s:.200}") from error
    except SafetensorError as error:
        raise DataError(
            f"{shown(path)}: not a readable safetensors file (truncated or damaged): {error!s:.200}"
        ) from error


def _tensor(path: Path, stream: Any, name: str) -> Tensor:
    """A tensor such as we write; torch does little with others, and in words of its own."""
    held = stream.get_slice(name)
    kind, shape = held.get_dtype(), held.get_shape()
    if kind not in _TYPES.values() or len(shape) > _MOST_DIMENSIONS or max(shape, default=0) > _LONGEST_SIDE:
        raise DataError(f"{path}: {plain(name)} is of type {kind:.20} and shape {shape!s:.80}, which smkd never writes")
    return stream.get_tensor(name)  # type: ignore[no-any-return]


def difference(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """The first difference of two sets of tensors in names, shapes and types; None where there is none."""
    for name in [*wanted, *found]:
        if name not in found:
            return f"{name} is missing"
        if name not in wanted:
            return f"{name} does not belong there"
        here, there = found[name], wanted[name]
        if here.shape != there.shape:
            return f"{name} has the shape {tuple(here.shape)}, not {tuple(there.shape)}"
        if here.dtype != there.dtype:
            return f"{name} is of type {_type_of(here)}, not {_type_of(there)}"
    return None
