"""How training images are varied: one file per rule in ``rules/``, found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.registry import AUGMENTATIONS, Registry

__all__ = ["Augmentation", "build", "names"]


def _is_rule(value: object) -> TypeGuard[type[Augmentation]]:
    return isinstance(value, type) and issubclass(value, Augmentation) and isinstance(vars(value).get("name"), str)


REGISTRY: Registry[type[Augmentation]] = Registry(AUGMENTATIONS, _is_rule, "subclass of Augmentation with a name")


def names() -> list[str]:
    """The names of all rules, sorted."""
    return sorted(REGISTRY.names())


def build(name: str, options: Mapping[str, Any]) -> Augmentation:
    """The rule of that name, one of :func:`names` or ``FILE.py:NAME``, with these options.

    Raises:
        UnknownName: there is no such rule.
        pydantic.ValidationError: it has no such option, or not with this value.
    """
    return REGISTRY.find(name)(**options)
