"""Makes a method of its rules, once their code is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from smkd_cli.errors import UnknownName
from smkd_cli.methods.composed import Composed
from smkd_cli.methods.contract import Method, Rule
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.hook_checks import called, check_declarations
from smkd_cli.methods.hooks import Hooks
from smkd_cli.methods.targets.contract import TargetRule


def method_of(rules: Sequence[Rule]) -> Method:
    """The method that rules with their options are: one that stands alone, or an exchange rule and a target rule.

    Raises:
        UnknownName: they are no such rules, or both decide what only one can.
        MethodError: the code of a rule is wrong.
    """
    for rule in rules:
        assert isinstance(rule, Hooks)
        check_declarations(rule)
    match list(rules):
        case [Method() as method]:
            return method
        case [ExchangeRule() as exchange, TargetRule() as target]:
            composed = Composed(exchange=exchange, target_rule=target)
            if clash := composed.clash():
                name = f"{called(exchange)}+{called(target)}"
                raise UnknownName(f"{name}: both of its rules decide {clash}; only one rule can")
            return composed
    raise UnknownName("a method is one that stands alone, or an exchange rule and a target rule")
