"""Finds rules and methods by name: the classes of this package, those that other packages offer, those of a file.

A new rule is one new file. Nothing else names it: this package's modules are scanned, the entry points of group
``smkd.methods`` are loaded, and a rule in a file of one's own is named with its path, ``my_rules.py:Mine``. What is not
of this package is loaded by ``plugins``; nothing in it stops a rule that is.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import pkgutil
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import create_model

from smkd_cli import methods
from smkd_cli.methods import plugins
from smkd_cli.methods.composed import Composed
from smkd_cli.methods.contract import Method, Rule
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule

# Of a step of cross entropy: a backward pass is as much as two forward passes.
_PASSES = 3


# How a rule's file says its name. Whoever makes it otherwise is found too, only not as fast.
_NAME = re.compile(r"""^    name(?:: ClassVar\[str\])? = ["']([^"'\n]+)["']$""", re.MULTILINE)


@cache
def _modules() -> dict[str, str]:
    """The modules of this package by the names in their text: a recipe names few, and the others need no import."""
    found = {}
    root = Path(methods.__path__[0])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        for name in _NAME.findall(path.read_text(encoding="utf-8")):
            found[name.lower()] = ".".join((methods.__name__, *parts))
    return found


@cache
def _entry_points() -> tuple[importlib.metadata.EntryPoint, ...]:
    return plugins.entry_points()


@cache
def _offered() -> plugins.Offered:
    """What other packages offer."""
    return plugins.load(_entry_points(), _own_rules())


@cache
def _quickly(name: str) -> type[Rule] | None:
    """The package's rule of that name, if its file's text says so and no other package offers methods."""
    module = _modules().get(name.lower())
    if module is None or _entry_points():
        return None
    return _by_name(vars(importlib.import_module(module)).values()).get(name.lower())


@cache
def _own_rules() -> dict[str, type[Rule]]:
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(methods.__path__, methods.__name__ + ".")]
    return _by_name(value for module in modules for value in vars(module).values())


@cache
def _rules() -> dict[str, type[Rule]]:
    return {**_own_rules(), **_offered().rules}


def _by_name(values: Iterable[Any]) -> dict[str, type[Rule]]:
    found: dict[str, type[Rule]] = {}
    for rule in filter(plugins.is_rule, values):
        if found.setdefault(rule.name.lower(), rule) is not rule:
            raise ValueError(f"two rules are named {rule.name}: {found[rule.name.lower()]} and {rule}")
    return found


@cache
def _rules_in(path: str) -> dict[str, type[Rule]]:
    """The rules that a file defines."""
    rules = plugins.rules_in(path)
    try:
        return _by_name(rules)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def unusable() -> tuple[str, ...]:
    """What other packages offer and cannot be used, in words; nothing of it is loaded before a method is looked for."""
    return tuple(_offered().warnings) if _entry_points() else ()


def names() -> list[str]:
    """Names of all rules and methods: exchange rules, then target rules, then methods that stand alone."""
    kinds: list[type[Rule]] = [ExchangeRule, TargetRule, Method]
    return [rule.name for kind in kinds for rule in _rules().values() if issubclass(rule, kind)]


def _find(name: str) -> type[Rule]:
    path = file_of(name)
    if path is None and (quickly := _quickly(name)):
        return quickly
    rules = _rules() if path is None else _rules_in(path)
    wanted = name if path is None else name[len(path) + 1 :]
    rule = rules.get(wanted.lower())
    if rule is None:
        if path is None and (why := _offered().refused.get(wanted.lower())):
            raise ValueError(f"method {name!r} cannot be used: {why}")
        close = difflib.get_close_matches(wanted.lower(), list(rules), n=1)
        known = names() if path is None else [rule.name for rule in rules.values()]
        hint = f"did you mean {rules[close[0]].name}?" if close else f"known are {', '.join(known)}"
        raise ValueError(f"unknown method {name!r}: {hint}")
    return rule


def rule(name: str) -> type[Rule]:
    """One rule or method by its own name.

    Raises:
        ValueError: there is no such one; the message says what to write instead.
    """
    return _find(name)


def parts_of(name: str) -> tuple[str, ...]:
    """A method's name taken apart: ``SMKD-P+MyLC`` into two, ``Co-teaching+`` not at all."""
    if name.lower() in _modules() or (_entry_points() and name.lower() in _rules()):
        return (name,)
    first, plus, second = name.partition("+")
    return (first, second) if plus else (first,)


def file_of(name: str) -> str | None:
    """The path in the name of a rule of a file, ``my_rules.py`` of ``my_rules.py:Mine``; None of other names."""
    path, colon, _ = name.rpartition(":")
    return path if colon and path.endswith(".py") else None


def rules_of(name: str) -> tuple[type[Rule], ...]:
    """The rules that a method's name stands for.

    ``SMKD-P+MyLC`` is (Progressive, MyLC), ``LS`` is (Zero, LS), ``MKD`` is (MKD, CE); case does not matter. A part
    may be a rule of a file, ``SMKD-P+my_rules.py:Mine``.

    Raises:
        ValueError: no such name, or a part is missing or in the wrong place; the message says what to write instead.
    """
    first, *others = parts_of(name)
    rule = _find(first)
    if not others:
        if issubclass(rule, TargetRule):
            return _find("Zero"), rule
        if issubclass(rule, ExchangeRule):
            if rule.alone is None:
                raise ValueError(f"{rule.name} needs a target rule: write, for example, {rule.name}+ProSelfLC")
            return rule, _find(rule.alone)
        return (rule,)
    target = _find(others[0])
    if not issubclass(rule, ExchangeRule) or not issubclass(target, TargetRule):
        raise ValueError(f"{name!r} is not EXCHANGE+TARGET, for example SMKD-P+MyLC")
    if clash := rule.model_fields.keys() & target.model_fields.keys():
        raise ValueError(f"{rule.name} and {target.name} share the options {', '.join(sorted(clash))}")
    return rule, target


@cache
def _options_model(rules: tuple[type[Rule], ...]) -> type[Rule]:
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


def cost(method: Method, epochs: int = 100) -> float:
    """What training costs, in passes of images through networks, relative to cross entropy over the recipe's epochs.

    A forward and a backward pass are 3 passes; a companion is one, and so is what is said of images before mixing.
    """
    passes = 0
    for number, stage in enumerate(method.stages(epochs)):
        beside = sum(companion.first_stage <= number for companion in method.companions())
        passes += stage.epochs * (_PASSES + beside + (method.mixup() is not None))
    return passes / (_PASSES * epochs)
