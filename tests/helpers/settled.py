"""Settings of the machine that leave nothing to be measured, so that a test trains at once."""

from __future__ import annotations

SETTLED = {
    "threads": 1,
    "precision": "float32",
    "memory_format": "channels_last",
    "peers": "in_turn",
    "step": "eager",
}
COMPUTE = f"compute={{{', '.join(f'{key}: {value}' for key, value in SETTLED.items())}}}"
