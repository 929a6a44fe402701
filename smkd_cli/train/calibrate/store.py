"""The cache file of what was measured on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smkd_cli import cache, console
from smkd_cli.artifacts.files import read_regular, write_text
from smkd_cli.errors import DataError

_SCHEMA = "smkd/calibration/2"
_EARLIER_SCHEMA = "smkd/calibration/1"  # `setup` instead of `chosen`
_LARGEST = 1 << 24  # bytes; a kilobyte is kept for each kind of grid


def path() -> Path:
    """``calibration.json`` in the cache folder."""
    return cache.folder() / "calibration.json"


def load(key: str) -> dict[str, Any] | None:
    """The facts saved under this key; None if there are none, or if the file is not valid."""
    record = _read().get(key)
    return record if isinstance(record, dict) else None


def save(key: str, facts: dict[str, Any]) -> None:
    """Save facts under a key, beside those that are there; warns if the folder cannot be written."""
    entries = _read()
    before = entries.get(key)
    entries[key] = {**(before if isinstance(before, dict) else {}), **facts}
    try:
        write_text(path(), json.dumps({"schema": _SCHEMA, "entries": entries}, indent=1) + "\n")
    except (DataError, OSError, RuntimeError) as error:
        console.warn(f"{error}; the machine will be measured again next time")


def _read() -> dict[str, Any]:
    try:
        content = json.loads(read_regular(path(), _LARGEST) or b"")
    except (OSError, ValueError, RuntimeError):  # also of a user without a home, and of JSON nested too deep
        return {}
    if not isinstance(content, dict) or content.get("schema") not in {_SCHEMA, _EARLIER_SCHEMA}:
        return {}
    entries = content.get("entries")
    if not isinstance(entries, dict):
        return {}
    for entry in entries.values():
        if isinstance(entry, dict) and "setup" in entry:
            entry["chosen"] = entry.pop("setup")
    return entries
