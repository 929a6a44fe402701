"""Equal values found without comparing each with all before it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


def key_of(value: Any) -> Hashable:
    """Something hashable that is equal for equal values: of YAML, that is, also for lists and mappings."""
    if isinstance(value, dict):
        return dict, frozenset((name, key_of(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return type(value), tuple(map(key_of, value))
    scalar: Hashable = value
    return scalar
