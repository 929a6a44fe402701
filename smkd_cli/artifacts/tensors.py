"""Tensor files (safetensors) that know their own checksum: weights of peers, and what resuming needs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.artifacts.files import published
from smkd_cli.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


def _checksum(tensors: dict[str, Tensor], facts: str) -> str:
    """SHA-256 over the facts and, in the order of their names, every tensor's name, type, shape and bytes."""
    import torch

    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # reshape, because a tensor of no dimension cannot be viewed as bytes
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_tensors(path: Path, tensors: dict[str, Tensor], schema: str, facts: dict[str, Any]) -> None:
    """Publish tensors and JSON-able facts as one safetensors file whose header holds their checksum.

    Raises:
        DataError: the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    ours = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(facts, sort_keys=True)
    header = {"schema": schema, "facts": text, "sha256": _checksum(ours, text)}
    with published(path) as temporary:
        try:
            save_file(ours, temporary, metadata=header)
        except SafetensorError as error:
            raise DataError(f"{path}: cannot be written: {error}") from error


def load_tensors(path: Path, schema: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`save_tensors` wrote, on the CPU: (tensors, facts).

    Raises:
        DataError: the file is missing, truncated, not of this schema, or does not match its checksum.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            header = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: not a readable safetensors file (truncated or damaged): {error}") from error
    if header.get("schema") != schema:
        raise DataError(f"{path}: its schema is {header.get('schema')!r}, not {schema!r}; was it written by smkd?")
    facts = header.get("facts", "")
    if _checksum(tensors, facts) != header.get("sha256"):
        raise DataError(f"{path}: its content does not match its checksum; it was altered or damaged")
    return tensors, json.loads(facts)
