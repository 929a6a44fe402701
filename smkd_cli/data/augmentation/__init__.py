"""How training images are varied: one file per rule in ``rules/``, found by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from pydantic import ValidationError

from smkd_cli.data.augmentation.contract import Augmentation
from smkd_cli.errors import SmkdError, UsageError
from smkd_cli.registry import AUGMENTATIONS, Registry, full_name, is_ours, used

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Augmentation", "at_test", "build", "draw", "names", "shown", "size_after", "varied"]


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


def size_after(rules: Sequence[Augmentation], height: int, width: int) -> tuple[int, int]:
    """Height and width of images that all rules have varied, in pixels.

    Raises:
        UsageError: images of that size cannot be varied so.
    """
    for rule in rules:
        try:
            height, width = _output_size(rule, height, width)
        except ValueError as error:
            raise UsageError(f"{rule.name}: {error}") from error
    return height, width


def _output_size(rule: Augmentation, height: int, width: int) -> tuple[int, int]:
    if is_ours(type(rule)):
        return rule.output_size(height, width)
    title = f"augmentation {full_name(rule.name, type(rule))}"
    size = used(title, lambda: rule.output_size(height, width), "output_size")
    if not (isinstance(size, tuple) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        raise ValueError(f"{title}: output_size should give height and width, not {size!r:.80}")
    return size


def at_test(rules: Sequence[Augmentation]) -> list[Augmentation]:
    """The rules that change test images too, because they change the size of images."""
    own = ("at_test", "output_size")
    return [rule for rule in rules if any(getattr(type(rule), hook) is not getattr(Augmentation, hook) for hook in own)]


def varied(rule: Augmentation, pixels: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Training images, uint8 (N, C, H, W), varied by one rule with what it drew for them.

    Raises:
        ValueError: the rule gives something else than images of the size that it says.
    """
    return _checked(rule, pixels, rule.apply(pixels, drawn))


def shown(rule: Augmentation, pixels: Tensor) -> Tensor:
    """Test images, uint8 (N, C, H, W), as one rule shows them; raises as :func:`varied`."""
    return _checked(rule, pixels, rule.at_test(pixels))


def _checked(rule: Augmentation, before: Tensor, after: Tensor) -> Tensor:
    height, width = rule.output_size(*before.shape[2:])
    if after.shape != (*before.shape[:2], height, width) or after.dtype != before.dtype:
        size = "" if (height, width) == before.shape[2:] else f", but of {height} x {width} pixels"
        raise ValueError(f"{rule.name} should give images as it gets them, {before.dtype} {before.shape}{size}")
    return after
