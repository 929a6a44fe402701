"""Rules that are not of this package: those that other packages offer by entry points, and those of a file.

All of it is foreign code. Whatever goes wrong in it, an exit too, is told and stops nothing else.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from smkd_cli.methods.contract import Method, Rule
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule

T = TypeVar("T")
EntryPoint = importlib.metadata.EntryPoint
_GROUP = "smkd.methods"


@dataclass
class Offered:
    """What other packages offer, by names in lower case.

    Attributes:
        refused: why a rule that is asked for cannot be used.
        warnings: what cannot be used, for people.
    """

    rules: dict[str, type[Rule]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def refuse(self, names: Iterable[str], why: str) -> None:
        """Tell that none of these names can be used."""
        self.refused |= dict.fromkeys(names, why)
        self.warnings.append(f"a method that another package offers cannot be used: {why}")


def guarded(work: Callable[[], T]) -> T:
    """What foreign code returns; what it prints goes to stderr.

    Raises:
        ValueError: it raised something, or asked to exit.
    """
    try:
        with redirect_stdout(sys.stderr):
            return work()
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:
        raise ValueError("".join(traceback.format_exception_only(error)[-1:]).strip()) from error


def is_rule(value: object) -> bool:
    """Whether it is a rule or method that can be named."""
    if not (isinstance(value, type) and issubclass(value, (ExchangeRule, TargetRule, Method))):
        return False
    name = vars(value).get("name")
    return isinstance(name, str) and bool(name)


def entry_points() -> tuple[EntryPoint, ...]:
    """What the packages of this environment offer; nothing is loaded yet."""
    return tuple(importlib.metadata.entry_points(group=_GROUP))


def load(points: Iterable[EntryPoint], own: Mapping[str, type[Rule]]) -> Offered:
    """Load what is offered, each on its own; a name of ours stays ours, and one that two packages use is nobody's."""
    offered = Offered()
    first: dict[str, str] = {}
    for point in points:
        package = f"package {point.dist.name if point.dist else point.value}"
        try:
            rule = guarded(point.load)
            if not guarded(lambda rule=rule: is_rule(rule)):  # type: ignore[misc]
                raise ValueError("is no subclass of TargetRule, ExchangeRule or Method with a name")
        except ValueError as error:
            offered.refuse({point.name.lower()} - own.keys(), f"{package}: {point.name}: {error}")
            continue
        name = rule.name.lower()
        if name in own:
            offered.refuse((), f"{package}: {rule.name}: is a name of smkd's own")
        elif offered.rules.get(name, rule) is not rule or name in offered.refused:
            offered.rules.pop(name, None)
            offered.refuse({name}, f"{package} and {first.get(name, 'another')}: {rule.name}: is offered by both")
        else:
            offered.rules[name] = rule
            first[name] = package
    return offered


def rules_in(path: str) -> list[type[Rule]]:
    """The rules that a file defines; the file is run.

    Raises:
        ValueError: there is no such file, it cannot be loaded, or it defines no rule.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"{path}: no such file of methods")
    module_name = f"smkd_rules_in_{file.stem}_{abs(hash(file.resolve()))}"
    try:
        found = guarded(lambda: _run(file, module_name))
    except ValueError as error:
        sys.modules.pop(module_name, None)
        raise ValueError(f"{path}: cannot be loaded: {error}") from error
    if not found:
        raise ValueError(f"{path}: defines no method: no subclass of TargetRule, ExchangeRule or Method has a name")
    return found


def _run(file: Path, module_name: str) -> list[type[Rule]]:
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None, "a path that ends with .py"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # where pydantic looks for the meaning of the fields' types
    spec.loader.exec_module(module)
    return [value for value in vars(module).values() if is_rule(value) and value.__module__ == module_name]
