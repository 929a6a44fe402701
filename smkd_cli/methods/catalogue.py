"""Finds rules and methods by name: the classes of this package, and those that other packages offer.

A new rule is one new file. Nothing else names it: this package's modules are scanned, and the entry points of group
``smkd.methods`` are loaded.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import create_model

from smkd_cli import methods
from smkd_cli.methods.composed import Composed
from smkd_cli.methods.contract import Method, Rule
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule


@cache
def _rules() -> dict[str, type[Rule]]:
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(methods.__path__, methods.__name__ + ".")]
    offered: list[object] = [value for module in modules for value in vars(module).values()]
    offered += [point.load() for point in importlib.metadata.entry_points(group="smkd.methods")]
    found: dict[str, type[Rule]] = {}
    for value in offered:
        if not (isinstance(value, type) and issubclass(value, Rule) and vars(value).get("name")):
            continue
        if found.setdefault(value.name.lower(), value) is not value:
            raise TypeError(f"two rules are named {value.name}: {found[value.name.lower()]} and {value}")
    return found


def names() -> list[str]:
    """Names of all rules and methods: exchange rules, then target rules, then methods that stand alone."""
    kinds: list[type[Rule]] = [ExchangeRule, TargetRule, Method]
    return [rule.name for kind in kinds for rule in _rules().values() if issubclass(rule, kind)]


def _find(name: str) -> type[Rule]:
    rule = _rules().get(name.lower())
    if rule is None:
        close = difflib.get_close_matches(name.lower(), list(_rules()), n=1)
        hint = f"did you mean {_rules()[close[0]].name}?" if close else f"known are {', '.join(names())}"
        raise ValueError(f"unknown method {name!r}: {hint}")
    return rule


def rules_of(name: str) -> tuple[type[Rule], ...]:
    """The rules that a method's name stands for.

    ``SMKD-P+MyLC`` is (Progressive, MyLC), ``LS`` is (Zero, LS), ``MKD`` is (MKD, CE); case does not matter.

    Raises:
        ValueError: no such name, or a part is missing or in the wrong place; the message says what to write instead.
    """
    first, plus, second = name.partition("+")
    rule = _find(first)
    if not plus:
        if issubclass(rule, TargetRule):
            return _find("Zero"), rule
        if issubclass(rule, ExchangeRule):
            if rule.alone is None:
                raise ValueError(f"{rule.name} needs a target rule: write, for example, {rule.name}+ProSelfLC")
            return rule, _find(rule.alone)
        return (rule,)
    target = _find(second)
    if not issubclass(rule, ExchangeRule) or not issubclass(target, TargetRule):
        raise ValueError(f"{name!r} is not EXCHANGE+TARGET, for example SMKD-P+MyLC")
    return rule, target


@cache
def _options_model(rules: tuple[type[Rule], ...]) -> type[Rule]:
    clash = {key for rule in rules[1:] for key in rule.model_fields if key in rules[0].model_fields}
    if clash:
        raise TypeError(f"{' and '.join(rule.name for rule in rules)} share the options {sorted(clash)}")
    return create_model("Options", __base__=rules)


def full_options(name: str, options: Mapping[str, object]) -> dict[str, Any]:
    """All options of a method with their values: those given, and the defaults of the others.

    Raises:
        ValueError: unknown name, as :func:`rules_of`.
        pydantic.ValidationError: an option that the method does not have, or a wrong value; ``loc[0]`` is its key.
    """
    return _options_model(rules_of(name))(**options).model_dump()


def build(name: str, options: Mapping[str, object]) -> Method:
    """The method of that name with these options; raises as :func:`full_options`."""
    rules = rules_of(name)
    values = full_options(name, options)
    first, *rest = [rule(**{key: values[key] for key in rule.model_fields}) for rule in rules]
    if isinstance(first, Method):
        return first
    assert isinstance(first, ExchangeRule)
    assert isinstance(rest[0], TargetRule)
    return Composed(exchange=first, target_rule=rest[0])
