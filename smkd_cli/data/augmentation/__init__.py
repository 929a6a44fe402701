"""How training images are varied: one file per rule in ``rules/``, found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from pydantic import ValidationError

from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.errors import SmkdError, UsageError
from smkd_cli.registry import AUGMENTATIONS, Registry, full_name, is_ours, used

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Augmentation", "build", "draw", "names"]


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
        UsageError: it is not ours, and fails.
        pydantic.ValidationError: it has no such option, or not with this value.
    """
    rule = REGISTRY.find(name)
    if AUGMENTATIONS.is_own(name):
        return rule(**options)
    return used(REGISTRY.title(name), lambda: rule(**options), passes=(SmkdError, ValidationError))


def draw(rule: Augmentation, random: np.random.Generator, n: int, views: int) -> Mapping[str, NDArray[np.generic]]:
    """What a rule draws for an epoch: arrays (n, views, …) by name.

    Raises:
        UsageError: the rule is not ours, and fails, or draws something else.
    """
    if is_ours(type(rule)):
        return rule.draw(random, n, views)
    title = f"augmentation {full_name(rule.name, type(rule))}"
    drawn = used(title, lambda: dict(rule.draw(random, n, views)), "draw")
    for name, values in drawn.items():
        if not isinstance(name, str) or not _are_numbers(values, (n, views)):
            given = f"{getattr(values, 'dtype', type(values).__name__)} {getattr(values, 'shape', '')}".strip()
            raise UsageError(f"{title}: draw should return arrays of numbers ({n}, {views}, …) by name, not {given}")
    return drawn


def _are_numbers(values: Any, start: tuple[int, int]) -> bool:
    """Whether it is an array of numbers whose shape begins so."""
    import numpy as np

    return isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.shape[:2] == start
