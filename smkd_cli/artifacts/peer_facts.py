"""What the file of a trained network says of itself, read without its tensors and without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from smkd_cli.artifacts.run_directory import PEER_SCHEMA, RunDirectory
from smkd_cli.errors import DataError


class PeerFacts(NamedTuple):
    """What a network was trained on: the data set's name, and the number of classes where the file says it."""

    dataset: str
    classes: int | None


def peer_file(path: Path) -> Path:
    """The file of a trained network: itself, or peer A of a run directory."""
    return RunDirectory(path).peer("a") if path.is_dir() else path


def read_peer_facts(path: Path) -> PeerFacts:
    """The facts of a network's file, or of peer A of a run directory. Its checksum is left to who reads the weights.

    Raises:
        DataError: there is no such file, or none that smkd has written.
    """
    from safetensors import SafetensorError, safe_open

    file = peer_file(path)
    if not file.is_file():
        raise DataError(f"{file}: {'is no file' if file.exists() else 'no such file'}")
    try:
        with safe_open(file, framework="np") as stream:
            header = stream.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{file}: not a readable safetensors file (truncated or damaged): {error!s:.200}") from error
    try:
        cell = json.loads(header["facts"])["cell"]
        facts = PeerFacts(cell["dataset"], cell.get("classes"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts = PeerFacts("", None)
    if header.get("schema") != PEER_SCHEMA or not facts.dataset or type(facts.dataset) is not str:
        raise DataError(f"{file}: is no network that smkd has trained")
    return facts
