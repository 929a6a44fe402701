"""A method of rules as a Python program has them: names, classes, and rules with their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from smkd_cli.errors import UsageError
from smkd_cli.methods import asking, catalogue
from smkd_cli.methods.assembly import method_of
from smkd_cli.methods.contract import Method, Rule
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.hook_checks import called
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.suggestions import unknown

if TYPE_CHECKING:
    from pydantic import ValidationError

_KINDS = (ExchangeRule, TargetRule, Method)
# What pydantic calls a value of the wrong type, and what we do.
_WORDS = {
    "bool_type": "should be True or False",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "string_type": "should be text",
}


def method_of_own(rules: Sequence[object], options: Mapping[str, object]) -> Method:
    """The method; see :func:`smkd_cli.api.method`, which also says what it raises."""
    given = [_checked(rule) for rule in rules]
    match given:
        case [str(name)]:
            found: list[type[Rule] | Rule] = list(catalogue.rules_of(name))
        case [rule]:
            found = _alone(rule)
        case [_, _] as both:
            found = [catalogue.rule(rule) if isinstance(rule, str) else rule for rule in both]
        case _:
            raise UsageError("a method is one name or rule, or an exchange rule and a target rule")
    # What a program's own class raises is the program's to see; what a name stands for is reported with its file.
    named = [catalogue.rule(part) for rule in given if isinstance(rule, str) for part in catalogue.parts_of(rule)]
    return asking.of_rules(named, lambda: method_of(_made(found, options)))


def _alone(rule: Any) -> list[type[Rule] | Rule]:
    """What a rule that stands alone means: a target rule with the exchange of nothing, as its name would."""
    of = rule if isinstance(rule, type) else type(rule)
    if issubclass(of, TargetRule):
        return [catalogue.rule("Zero"), rule]
    if issubclass(of, ExchangeRule):
        if of.alone is None:
            raise UsageError(f"{called(rule)} is an exchange rule: give a target rule too")
        return [rule, catalogue.rule(of.alone)]
    return [rule]


def _checked(value: object) -> Any:
    if not isinstance(value, (str, *_KINDS)) and not (isinstance(value, type) and issubclass(value, _KINDS)):
        wanted = "a method's name, or a class or an instance of TargetRule, ExchangeRule or Method"
        raise UsageError(f"a method is made of {wanted}, not of {type(value).__name__} {value!r:.80}")
    return value


def _made(rules: Sequence[type[Rule] | Rule], options: Mapping[str, object]) -> list[Rule]:
    """The rules with their options: each option goes to the class that has it."""
    from pydantic import ValidationError

    classes = [rule for rule in rules if isinstance(rule, type)]
    known = [key for rule in classes for key in rule.model_fields]
    whole = "+".join(map(called, rules))
    for key in options:
        if key not in known:
            raise UsageError(unknown(f"option of {whole}", key, known))
    if both := sorted({key for key in known if known.count(key) > 1}):
        raise UsageError(f"both rules of {whole} have the option {', '.join(both)}")
    made = []
    for rule in rules:
        if not isinstance(rule, type):
            made.append(rule)
            continue
        try:
            made.append(rule(**{key: value for key, value in options.items() if key in rule.model_fields}))
        except ValidationError as error:
            raise UsageError(_in_words(called(rule), rule, error)) from error
    return made


def _in_words(name: str, rule: type[Rule], error: ValidationError) -> str:
    return "; ".join(_problem(name, rule, detail) for detail in error.errors(include_url=False))


def _problem(name: str, rule: type[Rule], detail: Any) -> str:
    key, kind = str(detail["loc"][0]) if detail["loc"] else "", detail["type"]
    if kind == "missing":
        return f"{name} needs {key}: {rule.model_fields[key].description or 'it has no default'}"
    if kind == "value_error":
        return f"{name}: {key} {detail['ctx']['error']}".replace(":  ", ": ")
    words = _WORDS.get(kind) or detail["msg"].replace("Input should", "should")
    return f"{name}: {key} {words}, not {detail['input']!r:.80}"
