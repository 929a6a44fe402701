"""What commands ask of methods before and beside training; one that is not ours may answer anything.

A training step asks without a guard, as it is the hot path: what is raised there ends its cell, and names the method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from smkd_cli.errors import MethodError, SmkdError, UnknownName
from smkd_cli.methods.composed import Composed
from smkd_cli.methods.contract import Hooks, Method, Rule
from smkd_cli.methods.hook_checks import check_stages
from smkd_cli.registry import full_name, is_ours, used

T = TypeVar("T")


def title(rules: Sequence[type[Rule]]) -> str:
    """What messages call a method of these rules: those that are not ours with their file or package."""
    return f"method {'+'.join(full_name(rule.name, rule) for rule in rules)}"


def of_rules(rules: Sequence[type[Rule]], work: Callable[[], T]) -> T:
    """What is made of rules; a ValidationError is about the options that it is made with, and passes.

    Raises:
        UnknownName: one of the rules is not ours, and fails.
    """
    if all(map(is_ours, rules)):
        return work()
    return used(title(rules), work, as_error=UnknownName, passes=(SmkdError, ValidationError))


def answer(method: Method, hook: str, *arguments: object) -> Any:
    """What a hook of a method returns; what it prints goes to stderr.

    Raises:
        UsageError: the method is not ours, and the hook fails.
        MethodError: it is not ours, and its stages, or its problem, are not what they should be.
    """
    ask = getattr(method, hook)
    rules = rules_in(method)
    if all(map(is_ours, rules)):
        return ask(*arguments)
    value = used(title(rules), lambda: ask(*arguments), hook)
    if hook == "stages":
        used(title(rules), lambda: check_stages(title(rules), value), hook)
    if hook == "problem" and not isinstance(value, str | None):
        raise MethodError(f"{title(rules)}: problem should give text or None, not {type(value).__name__}")
    return value


def rules_in(method: Method) -> list[type[Hooks]]:
    """The classes of the rules that a method is made of, in the order of its name; its own if it stands alone."""
    if isinstance(method, Composed):
        return [type(method.exchange), type(method.target_rule)]
    return [type(method)]
