"""The arithmetic of a grid: which methods an entry stands for, and where each of their options comes from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smkd_cli import methods
from smkd_cli.recipe.document import KeyPath
from smkd_cli.recipe.protocol import Training
from smkd_cli.recipe.schema import LONGEST_LABEL, MethodEntry, RuleOptions
from smkd_cli.registry import called, file_of

OWN_RECIPE = "(own recipe)"


@dataclass(frozen=True)
class Row:
    """One method of the grid: an entry, or one point of its sweep.

    Attributes:
        method: its name, as the rules spell themselves.
        rules: names of its rules.
        options: its own options with the path of each, relative to the recipe's root.
        protocol: how it is trained, where it has its own recipe.
    """

    method: str
    label: str
    rules: tuple[str, ...]
    options: Mapping[str, tuple[Any, KeyPath]]
    protocol: Training | None = None

    def with_options_of(self, rule_options: RuleOptions, at: KeyPath) -> Row:
        """The row with further options of its rules, given at that path, where it has none of its own."""
        inherited = {
            key: (value, (*at, rule, key)) for rule in self.rules for key, value in rule_options.get(rule, {}).items()
        }
        return replace(self, options={**inherited, **self.options})

    @property
    def values(self) -> dict[str, Any]:
        """The options without their paths."""
        return {key: value for key, (value, _) in self.options.items()}


def rows(entry: MethodEntry, at: KeyPath) -> Iterator[Row]:
    """The methods that an entry at that path stands for: one, or as many as its sweep has points.

    Raises:
        ValueError: there is no such method.
    """
    rules = tuple(rule.name for rule in methods.rules_of(entry.name))
    spelling = {rule.lower(): rule for rule in rules}
    parts = methods.parts_of(entry.name)
    method = "+".join(part if file_of(part) else spelling[part.lower()] for part in parts)
    short_name = "+".join(spelling[called(part).lower()] for part in parts)
    own = {key: (value, (*at, key)) for key, value in entry.options.items()}
    name = entry.label or (short_name if entry.protocol is None else f"{short_name} {OWN_RECIPE}")
    for point in itertools.product(*map(enumerate, entry.sweep.values())):
        swept = {
            key: (value, (*at, "sweep", key, number)) for key, (number, value) in zip(entry.sweep, point, strict=True)
        }
        label = " ".join([name, *(f"{key}={short(value)[: LONGEST_LABEL + 1]}" for key, (value, _) in swept.items())])
        yield Row(method, label, rules, own | swept, entry.protocol)


def used_rules(entries: Iterable[MethodEntry]) -> set[str]:
    """The names of all rules that these methods have.

    Raises:
        ValueError: as :func:`rows`.
    """
    return {rule.name for entry in entries for rule in methods.rules_of(entry.name)}


def short(value: Any) -> str:
    """A value as people write it: 0.4, 1, -8."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
