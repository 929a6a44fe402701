"""Whether the methods of a grid exist, differ, and have the options that are given to them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from smkd_cli import methods
from smkd_cli.errors import UsageError
from smkd_cli.methods.asking import answer
from smkd_cli.methods.soft_labels import no_mixtures
from smkd_cli.naming import slug
from smkd_cli.recipe.document import Document, KeyPath
from smkd_cli.recipe.grid import Row, rows
from smkd_cli.recipe.hashing import key_of
from smkd_cli.recipe.problems import in_words
from smkd_cli.recipe.schema import LONGEST_LABEL, MethodEntry, NoiseEntry, RuleOptions
from smkd_cli.suggestions import unknown


@dataclass(frozen=True)
class RecipeContext:
    """What of a recipe a method may not go with.

    Attributes:
        held_out: whether there is a noisy validation split.
        plain: networks that have no ``maps`` and ``classify``.
        balanced: whether some cells take the classes in turn.
        mixed: whether some cells are trained on images that are mixed with others.
    """

    batch_size: int
    classes: int
    held_out: bool
    plain: tuple[str, ...] = ()
    balanced: bool = False
    mixed: bool = False


def check_methods(
    document: Document,
    entries: Mapping[int, MethodEntry],
    settings: Mapping[int, NoiseEntry],
    rule_options: RuleOptions,
    context: RecipeContext | None,
) -> None:
    """Note in the document everything that is wrong with the methods and options of a grid.

    Args:
        entries, settings: the valid ones, by their indices in the recipe's lists.
        context: None if it is not known, because it is wrong itself.
    """
    table: list[tuple[int, Row]] = []
    for number, entry in entries.items():
        for key in sorted(entry.sweep.keys() & entry.options.keys()):
            document.add_problem(("methods", number, key), "is swept as well; give it once")
        try:
            table += [(number, row) for row in rows(entry, ("methods", number))]
        except ValueError as error:
            path = ("methods", number, "name")
            document.add_problem(path if path in document.values else path[:2], str(error))
    _check_labels(document, table)
    options: dict[KeyPath, RuleOptions] = {
        ("noise", number, "options"): setting.options for number, setting in settings.items()
    }
    no_noise: dict[KeyPath, RuleOptions] = {(): {}}
    for number, row in table:
        for at, under_noise in (options or no_noise).items():
            if document.has_enough_problems:
                return
            whole = row.with_options_of(under_noise, at).with_options_of(rule_options, ("options",))
            _check_options(document, whole, number, context)
    given = document.data.get("methods")
    if isinstance(given, list) and given and {number for number, _ in table} == set(range(len(given))):
        _check_rules_are_used(document, table, {("options",): rule_options, **options})


def _check_options(document: Document, row: Row, number: int, context: RecipeContext | None) -> None:
    try:
        made = methods.build(row.method, row.values)
    except UsageError as error:
        document.add_problem(("methods", number), str(error))
        return
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key = str(detail["loc"][0]) if detail["loc"] else ""
            if key not in row.options and detail["type"] != "missing":  # the rule is at odds with itself
                document.add_problem(("methods", number), f"{row.method}: {key and f'{key} '}{in_words(detail)}")
                continue
            if detail["type"] == "missing":
                known_fields = {k: v for rule in methods.rules_of(row.method) for k, v in rule.model_fields.items()}
                document.add_problem(("methods", number), f"{row.method} needs {key}: {known_fields[key].description}")
                continue
            _, path = row.options[key]
            if detail["type"] == "extra_forbidden":
                own = path[0] == "methods"
                rules = [rule for rule in methods.rules_of(row.method) if own or rule.name == path[-2]]
                known = [
                    *(name for rule in rules for name in rule.model_fields),
                    *(("label", "sweep", "protocol") if own else ()),
                ]
                message = unknown(f"option of {row.method if own else path[-2]}", key, known)
                document.add_problem(path, message, key=True)
            else:
                document.add_problem(path, in_words(detail))
        return
    if context is not None:
        of_method = {} if row.protocol is None else row.protocol.given
        size = of_method.get("batch_size", context.batch_size)
        try:
            problem = answer(made, "problem", size, context.classes, context.held_out)
            wants_features = answer(made, "wants_features")
        except UsageError as error:
            document.add_problem(("methods", number), str(error))
            return
        for message in _clashes(made, row.method, of_method, context):
            document.add_problem(("methods", number), message)
        if problem:
            document.add_problem(("methods", number), problem)
        if wants_features and context.plain:
            message = f"{row.method} looks at features: {context.plain[0]} needs the functions maps and classify for it"
            document.add_problem(("methods", number), message)


def _clashes(method: methods.Method, name: str, of_method: Mapping[str, Any], context: RecipeContext) -> Iterator[str]:
    """What of the way of training does not go with a method, whose own protocol has these keys."""
    sampler = of_method.get("sampler")
    balanced = context.balanced if sampler is None else sampler == "balanced"
    if balanced and method.defines("sampler"):
        yield (
            f"{name} draws its batches by a rule of its own, so sampler: balanced is not for it; give the method a"
            " protocol with sampler: uniform, or leave it out"
        )
    own = of_method.get("augmentation")
    mixed = context.mixed if own is None else own.mix is not None
    if mixed and (reason := no_mixtures(method)):
        yield f"{name} {reason}, so images cannot be mixed for it; leave out augmentation.mix"


def _check_labels(document: Document, table: Sequence[tuple[int, Row]]) -> None:
    first_in: dict[str, str] = {}
    first_of: dict[Hashable, tuple[str, str]] = {}
    for number, row in table:
        if len(row.label) > LONGEST_LABEL:
            message = f"{row.label!r} is longer than {LONGEST_LABEL} characters; give it a short label"
            document.add_problem(("methods", number), message)
        folder = slug(row.label)
        if folder in first_in:
            message = f"{row.label!r} and {first_in[folder]!r} would be one folder; give each a label of its own"
            document.add_problem(("methods", number), message)
        first_in.setdefault(folder, row.label)
        training = None if row.protocol is None else row.protocol.model_dump(mode="json")
        rules = frozenset({*methods.rules_of(row.method), methods.rule("Zero")})  # not names: files may share them
        method = rules, key_of(row.values), key_of(training)
        twin, its_folder = first_of.setdefault(method, (row.label, folder))
        if its_folder != folder:
            document.add_problem(("methods", number), f"is the same method as {twin!r}")


def _check_rules_are_used(
    document: Document, table: Sequence[tuple[int, Row]], given: Mapping[KeyPath, RuleOptions]
) -> None:
    """Options for a rule that no method has are a mistake, unless a profile or ``--set`` brought others."""
    used = {rule for _, row in table for rule in row.rules}
    paths: list[KeyPath] = [("methods",), *(("methods", number) for number, _ in table)]
    file = document.root.source
    replaced = any(document.location(path).source != file for path in paths)
    for at, rule_options in given.items():
        for rule in rule_options:
            if rule in used or (replaced and document.location((*at, rule)).source == file):
                continue
            known = rule in methods.names()
            message = (
                f"no method here has the rule {rule}; remove its options or add such a method"
                if known
                else unknown("rule", rule, sorted(used))
            )
            document.add_problem((*at, rule), message, key=True)
