"""``smkd methods``: which methods there are, and what each is."""

from __future__ import annotations

import inspect
import sys
from functools import partial
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from smkd_cli import console, methods
from smkd_cli.errors import UsageError
from smkd_cli.methods import Method, Rule
from smkd_cli.methods.asking import answer, title
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule
from smkd_cli.registry import file_of, used
from smkd_cli.words import printable

_WORDS = {"noise_rate": "the noise rate", "transition_matrix": "the transition matrix"}


def ls() -> None:
    """Print a line per rule and method: name, kind, what it needs, stages, cost relative to CE, and citation."""
    console.info("name\tkind\tneeds\tstages\tcost\twhat it is")
    for name in methods.names():
        rule = methods.rule(name)
        facts = ["", "", "", ""]
        try:
            facts = used(title([rule]), partial(_facts, name, rule))
        except UsageError as error:
            console.warn(str(error))
        console.emit("\t".join(map(printable, (name, _kind(rule), *facts))))


def _facts(name: str, rule: type[Rule]) -> list[str]:
    made = _example(name)
    needs, stages, cost = "", "", ""
    if made is not None:
        needs, stages, cost = _needs(made), str(len(answer(made, "stages", 100))), f"{methods.cost(made):.2f}"
    return [needs, stages, cost, _title(rule)]


def show(name: str) -> None:
    """Print what a method is: citation, formula, what it needs, and every option with its default and source.

    Raises:
        UsageError: there is no such method.
    """
    rules = [(part, methods.rule(part)) for part in methods.parts_of(name)]
    pages = [used(title([rule]), partial(_page, part, rule)) for part, rule in rules]
    with console.data_out() as stream:
        stream.write("\n".join(map("\n".join, pages)))


def _page(name: str, rule: type[Rule]) -> list[str]:
    called = rule.name if file_of(name) is None else name
    lines = [f"{called}: {_kind(rule)}", _title(rule), "", inspect.getdoc(rule) or "", ""]
    made = _example(name)
    if made is not None:
        lines += [f"Needs: {_needs(made) or 'nothing but the labels'}."]
        stages = answer(made, "stages", 100)
        lines += [f"Stages of 100 epochs: {', '.join(f'{stage.name} ({stage.epochs})' for stage in stages)}."]
        lines += [f"Cost: {methods.cost(made):.2f} times cross entropy.", ""]
    if rule.model_fields:
        lines += ["Options:"]
        for key, field in rule.model_fields.items():
            lines += [f"  {key} ({_type_of(field.annotation)}, {_default_of(field)}): {field.description}"]
        lines += [""]
    return lines


def _kind(rule: type[Rule]) -> str:
    if issubclass(rule, ExchangeRule):
        return "exchange rule"
    return "target rule" if issubclass(rule, TargetRule) else "method"


def _title(rule: type[Rule]) -> str:
    """The first line of the file that defines it."""
    return (sys.modules[rule.__module__].__doc__ or "").strip().partition("\n")[0]


def _example(name: str) -> Method | None:
    """The method with its defaults; None of a rule that is no method alone, or has no defaults.

    Raises:
        UnknownName: it is not ours, and fails.
    """
    rule = methods.rule(name)
    if issubclass(rule, ExchangeRule) and rule.alone is None:
        return None
    required = {key: key for key, field in rule.model_fields.items() if field.is_required()}
    try:
        return methods.build(name, required)
    except ValidationError:  # it requires an option that is no text
        return None


def _needs(made: Method) -> str:
    words = [_WORDS[need] for need in sorted(answer(made, "needs"))]
    words += [f"a trained {companion.name}" for companion in answer(made, "companions") if companion.is_file]
    return " and ".join(words)


def _default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be given"
    return f"default {'null' if field.default is None else field.default}"


def _type_of(annotation: Any) -> str:
    if get_origin(annotation) is not None:
        return " or ".join(_type_of(part) for part in get_args(annotation))
    if annotation is type(None):
        return "null"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
