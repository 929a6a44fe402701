"""Finds rules and methods by name, and makes a method of its rules.

A new rule is one new file. Nothing else names it: the registry (:mod:`smkd_cli.registry`) finds it in this package,
among the entry points of group ``smkd.methods``, or in a file of one's own that is named by its path,
``my_rules.py:Mine``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeGuard

from pydantic import create_model

from smkd_cli.errors import UnknownName
from smkd_cli.methods import asking
from smkd_cli.methods.assembly import method_of
from smkd_cli.methods.contract import Method, Rule
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.registry import METHODS, Registry, file_of, is_file

# What a path ends with before the name of a rule in its file.
_OF_FILE = ".py:"
# Of a step of cross entropy: a backward pass is as much as two forward passes.
_PASSES = 3


def _is_rule(value: object) -> TypeGuard[type[Rule]]:
    """Whether it is a rule or method that can be named."""
    if not (isinstance(value, type) and issubclass(value, (ExchangeRule, TargetRule, Method))):
        return False
    name = vars(value).get("name")
    return isinstance(name, str) and bool(name)


REGISTRY: Registry[type[Rule]] = Registry(
    METHODS, _is_rule, "subclass of TargetRule, ExchangeRule or Method with a name"
)


def names() -> list[str]:
    """Names of all rules and methods: exchange rules, then target rules, then methods that stand alone."""
    kinds: list[type[Rule]] = [ExchangeRule, TargetRule, Method]
    rules = {name: REGISTRY.find(name) for name in REGISTRY.names()}
    return [name for kind in kinds for name, rule in rules.items() if issubclass(rule, kind)]


def rule(name: str) -> type[Rule]:
    """One rule or method by its own name.

    Raises:
        UnknownName: there is no such one; the message says what to write instead.
    """
    return REGISTRY.find(name)


def parts_of(name: str) -> tuple[str, ...]:
    """A method's name taken apart: ``SMKD-P+MyLC`` into two, ``Co-teaching+`` not at all.

    Paths may have plus signs: see :func:`_cuts` for where a name with paths can be cut.
    """
    if METHODS.is_own(name) or METHODS.fold(name) in _offered(name):
        return (name,)
    cut = next(_cuts(name), None)
    return (name,) if cut is None else (name[:cut], name[cut + 1 :])


def _offered(name: str) -> Mapping[str, object]:
    """What packages offer, unless the name is one of a path, or of two rules of ours: these ask for nothing of it."""
    first, plus, second = name.partition("+")
    ours = plus and METHODS.is_own(first) and METHODS.is_own(second)
    return {} if ours or _OF_FILE in name or not plus else REGISTRY.offered.found


def _cuts(name: str) -> Iterator[int]:
    """Where the plus sign between an exchange rule and a target rule may be, the most likely first.

    In a name with paths that is after an exchange rule that is known, after the name of a rule in a file, or else, as
    before a file of a rule that is not known here, where a path begins that is there or that has no folder before it.
    """
    signs = [at for at, letter in enumerate(name) if letter == "+" and name[at + 1 :] and name[:at]]
    first = name.find(_OF_FILE)
    if first < 0:
        yield from signs[:1]
        return
    known = METHODS.modules.keys() if "+" in name[:first] else set()
    yield from (at for at in signs if at < first and METHODS.fold(name[:at]) in known)
    last = name.rfind(_OF_FILE)
    inner = [at for at in signs if first + len(_OF_FILE) < at and (last == first or at < last)]
    yield from (at for at in inner if last > first and _is_there(name[at + 1 :]))
    yield from inner
    if not _is_there(name):
        before = [at for at in signs if at < first]
        yield from (at for at in before if _is_there(name[at + 1 :]))
        yield from (at for at in before[:1] if not set(name[:at]) & {"/", "\\", "~"})


def _is_there(name: str) -> bool:
    path = file_of(name)
    return path is not None and is_file(path)


def split(name: str) -> tuple[str, str]:
    """The exchange and the target rule in a method's name: LS is (Zero, LS), MKD is (MKD, CE).

    Of a method that stands alone, and of any single name that is not of this package, it is (Zero, that name): results
    differ by it, and they run no code.
    """
    first, *target = parts_of(name)
    if not target and METHODS.is_own(first):
        rule = REGISTRY.find(first)
        target = [rule.alone] if issubclass(rule, ExchangeRule) and rule.alone else []
    return (first, target[0]) if target else ("Zero", first)


def joined(exchange: str, target: str) -> str:
    """The method's name that :func:`split` takes apart, in its shortest form."""
    for name in (target, exchange):
        if split(name) == (exchange, target):
            return name
    return f"{exchange}+{target}"


def rules_of(name: str) -> tuple[type[Rule], ...]:
    """The rules that a method's name stands for.

    ``SMKD-P+MyLC`` is (Progressive, MyLC), ``LS`` is (Zero, LS), ``MKD`` is (MKD, CE); case does not matter. A part
    may be a rule of a file, ``SMKD-P+my_rules.py:Mine``.

    Raises:
        UnknownName: no such name, or a part is missing or misplaced; the message says what to write instead.
    """
    first, *others = parts_of(name)
    rule = REGISTRY.find(first)
    if not others:
        if issubclass(rule, TargetRule):
            return REGISTRY.find("Zero"), rule
        if issubclass(rule, ExchangeRule):
            if not isinstance(rule.alone, str):
                written = _as_written(first, rule)
                raise UnknownName(f"{written} needs a target rule: write, for example, {written}+ProSelfLC")
            return rule, REGISTRY.find(rule.alone)
        return (rule,)
    target = REGISTRY.find(others[0])
    if not issubclass(rule, ExchangeRule) or not issubclass(target, TargetRule):
        raise UnknownName(f"{name!r} is not EXCHANGE+TARGET, for example SMKD-P+MyLC")
    if clash := rule.model_fields.keys() & target.model_fields.keys():
        both = f"{_as_written(first, rule)} and {_as_written(others[0], target)}"
        raise UnknownName(f"{both} share the options {', '.join(sorted(clash))}")
    return rule, target


def _as_written(part: str, rule: type[Rule]) -> str:
    """What messages call a rule: one of a file with that, as there may be one of ours of the same name."""
    return rule.name if file_of(part) is None else part


@cache
def _options_model(rules: tuple[type[Rule], ...]) -> type[Rule]:
    return create_model("Options", __base__=rules)


def full_options(name: str, options: Mapping[str, object]) -> dict[str, Any]:
    """All options of a method with their values: those given, and the defaults of the others.

    Raises:
        UnknownName: as :func:`rules_of`.
        pydantic.ValidationError: an option that the method does not have, or a wrong value; ``loc[0]`` is its key.
    """
    rules = rules_of(name)
    values = asking.of_rules(rules, lambda: _options_model(rules)(**options).model_dump())
    if not_plain := [key for key, value in values.items() if not _is_plain(value)]:
        raise UnknownName(f"{asking.title(rules)}: the option {not_plain[0]} has a value that no recipe can hold")
    return values


def _is_plain(value: object) -> bool:
    """Whether YAML and JSON can hold it."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def build(name: str, options: Mapping[str, object]) -> Method:
    """The method of that name with these options.

    Raises:
        UnknownName, pydantic.ValidationError: as :func:`full_options`.
        MethodError: the code of a rule is wrong (``hook_checks.py``).
    """
    rules = rules_of(name)
    values = full_options(name, options)

    def make() -> Method:
        return method_of([rule(**{key: values[key] for key in rule.model_fields}) for rule in rules])

    return asking.of_rules(rules, make)


def cost(method: Method, epochs: int = 100) -> float:
    """What training costs, in passes of images through networks, relative to cross entropy over the recipe's epochs.

    A forward and a backward pass are 3 passes; a companion is one, and so is each pass that a method makes before the
    training forward.
    """
    passes = 0
    for number, stage in enumerate(asking.answer(method, "stages", epochs)):
        beside = sum(companion.first_stage <= number for companion in asking.answer(method, "companions"))
        passes += stage.epochs * (_PASSES + beside + asking.answer(method, "passes_before", number))
    return passes / (_PASSES * epochs)
