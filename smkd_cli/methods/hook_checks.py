"""Whether a rule defines hooks that there are, and declares with them what the training loop can use.

Looked at when a method is built, without torch. What is made of tensors is looked at in its first step, by
``step_checks.py``.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, get_args

from smkd_cli.errors import MethodError
from smkd_cli.methods.contract import Method, Rule
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.hooks import Hooks, Need, Views
from smkd_cli.methods.sampling import Sampler
from smkd_cli.methods.stages import Companion, Extra, Stage
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.registry import full_name

_CONTRACTS: dict[type[Rule], str] = {TargetRule: "a target rule", ExchangeRule: "an exchange rule", Method: "a method"}
# What a function is called that should be called at some time. No hook is meant by other names, unless it is misspelt.
_OF_A_TIME = ("before_", "after_", "on_")
_CLOSE = 0.75


def called(rule: type[Rule] | Rule) -> str:
    """As recipes name it, with its file or package; a rule that no recipe names may have no name."""
    of = rule if isinstance(rule, type) else type(rule)
    return full_name(getattr(of, "name", "") or of.__name__, of)


def _functions(of: type) -> dict[str, Callable[..., Any]]:
    """The public functions that a class itself defines."""
    unwrapped = {name: getattr(value, "__func__", value) for name, value in vars(of).items()}
    return {name: value for name, value in unwrapped.items() if inspect.isfunction(value) and name[0] != "_"}


@cache
def _hooks(contract: type[Rule]) -> dict[str, Callable[..., Any]]:
    return {name: value for of in (Hooks, contract) for name, value in _functions(of).items() if name != "defines"}


@cache
def check_names(rule: type[Rule]) -> None:
    """Refuse a rule with a hook that nothing would call.

    A public function is taken for a hook if one is called so, in whatever contract; or if nearly so, and the rule does
    not define that one too; or if its name says when it should be called, as ``before_epoch`` does. A function of a
    rule's own has another name, best one that begins with an underscore.

    Raises:
        MethodError: a hook is not one of this kind of rule, misspelt, no function, or of other parameters.
    """
    contracts = [contract for contract in _CONTRACTS if issubclass(rule, contract)]
    hooks = {name: value for contract in contracts for name, value in _hooks(contract).items()}
    theirs = rule.__mro__[: min(rule.__mro__.index(contract) for contract in contracts)]
    defined = {name: value for of in reversed(theirs) for name, value in _functions(of).items()}
    for name in hooks:
        if name in rule.model_fields or not callable(getattr(rule, name)):
            raise MethodError(f"{called(rule)}: {name} is a hook, and so a function: give the option another name")
    for name, function in defined.items():
        if name in hooks:
            _check_parameters(rule, name, function, hooks[name])
        elif kinds := [word for contract, word in _CONTRACTS.items() if name in _hooks(contract)]:
            own = " and ".join(_CONTRACTS[contract] for contract in contracts)
            raise MethodError(
                f"{called(rule)} is {own}, and defines {name}, which only {' or '.join(kinds)} can define"
            )
        elif (meant := _meant(name, hooks.keys() - defined.keys())) or name.startswith(_OF_A_TIME):
            hint = f"did you mean {meant}" if meant else f"there are {', '.join(sorted(hooks))}"
            raise MethodError(
                f"{called(rule)} defines {name}, which nothing calls; {hint}? "
                "(a name that begins with _ is never taken for a hook)"
            )


def _meant(name: str, hooks: set[str]) -> str | None:
    from difflib import get_close_matches  # only here: most functions are hooks

    return next(iter(get_close_matches(name, sorted(hooks), n=1, cutoff=_CLOSE)), None)


def _check_parameters(rule: type[Rule], name: str, defined: Callable[..., Any], hook: Callable[..., Any]) -> None:
    static = isinstance(inspect.getattr_static(rule, name), staticmethod)
    wanted = list(inspect.signature(hook).parameters)[static:]
    signature = inspect.signature(defined)
    try:
        signature.bind(*wanted)
    except TypeError as error:
        raise MethodError(f"{called(rule)}.{name}{signature} is called as {name}({', '.join(wanted)})") from error


def check_declarations(rule: Hooks, classes: int = 2) -> None:
    """Refuse a rule that declares what the training loop cannot use.

    Args:
        rule: with its options.
        classes: C, of which it is asked.

    Raises:
        MethodError: what a hook gives is not what it should be, or two things have one name.
    """
    check_names(type(rule))
    stages = rule.stages(1)
    check_stages(called(rule), stages)
    for number in range(len(stages)):
        sampler, capturable, passes = rule.sampler(number), rule.capturable(number), rule.passes_before(number)
        _expect(rule, "sampler", sampler, isinstance(sampler, Sampler), "a Sampler")
        _expect(rule, "capturable", capturable, isinstance(capturable, bool), "True or False")
        _expect(rule, "passes_before", passes, isinstance(passes, int) and passes >= 0, "a whole number, at least 0")
    views, features, needs = rule.views(), rule.wants_features(), rule.needs()
    _expect(rule, "views", views, isinstance(views, Views) and views.count > 0, "Views, at least one")
    _expect(rule, "wants_features", features, isinstance(features, bool), "True or False")
    known = isinstance(needs, (set, frozenset)) and needs <= set(get_args(Need))
    _expect(rule, "needs", needs, known, f"a set of {' and '.join(get_args(Need))}")
    for hook, made, kind in (("companions", rule.companions(), Companion), ("extras", rule.extras(), Extra)):
        _expect(rule, hook, made, _are(made, kind), f"a tuple of {kind.__name__}")
        if twice := twice_in(one.name for one in made):
            raise MethodError(f"{called(rule)}: {hook} gives two that are called {', '.join(twice)}")
    memory = rule.memory(1, classes)
    _expect(rule, "memory", memory, _is_memory(memory), "a dict of shapes, tuples of whole numbers, by name")
    if (score := next((made.score for made in map(rule.sampler, range(len(stages))) if made.score), None)) is not None:
        is_by_sample = len(memory.get(score, ())) == 1
        _expect(rule, "sampler", score, is_by_sample, "a score that is (n,) in the memory")


def check_stages(name: str, stages: object) -> None:
    """Raise a MethodError unless these can be the stages of the rule or method of that name."""
    if not isinstance(stages, (tuple, list)) or not _are(stages, Stage) or not stages:
        raise MethodError(f"{name}: stages should give a tuple of Stage, at least one, not {stages!r:.80}")
    for stage in stages:
        if not isinstance(stage.epochs, int) or stage.epochs < 1:
            raise MethodError(
                f"{name}: stages should give a whole number of epochs in each, at least 1, not {stage!r:.80}"
            )


def twice_in(names: Iterable[str]) -> list[str]:
    """The names that come more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _are(values: object, kind: type) -> bool:
    return isinstance(values, (tuple, list)) and all(isinstance(value, kind) for value in values)


def _is_memory(memory: object) -> bool:
    return isinstance(memory, dict) and all(
        isinstance(name, str)
        and isinstance(shape, (tuple, list))
        and all(isinstance(size, int) and size >= 0 for size in shape)
        for name, shape in memory.items()
    )


def _expect(rule: Hooks, hook: str, got: object, is_right: bool, expected: str) -> None:
    if not is_right:
        raise MethodError(f"{called(rule)}: {hook} should give {expected}, not {got!r:.80}")
