"""Turns pydantic's errors into problems with a location and plain words."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from smkd_cli import suggestions
from smkd_cli.recipe.document import Document, KeyPath
from smkd_cli.recipe.schema import MethodEntry, NoiseEntry, Recipe, Variant

_WORDS = {
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "string_pattern_mismatch": "should start with a-z or 0-9 and go on with these and . _ -",
    "string_type": "should be text",
    "too_short": "should not be empty",
    "tuple_type": "should be a list",
}
_WHICH_DATA = ": which images are trained on; give --dataset NAME or PATH, or the key in the recipe"


def add_problems(document: Document, error: ValidationError, at: KeyPath = ()) -> None:
    """Note in the document all errors of pydantic, in the part of it that stands at ``at``."""
    for detail in error.errors(include_url=False):
        path = (*at, *detail["loc"])
        kind = detail["type"]
        if kind == "extra_forbidden":
            document.add_problem(path, suggestions.unknown("key", str(path[-1]), _keys_beside(path)), key=True)
        elif kind == "too_short" and detail["input"]:
            continue  # pydantic counts sound items only, and the others have problems of their own
        elif kind == "missing":
            document.add_problem(path, "is missing" + (_WHICH_DATA if path == ("dataset",) else ""))
        else:
            document.add_problem(path, in_words(detail))


def in_words(detail: Any) -> str:
    """One of pydantic's error details as the end of a sentence that starts with the key."""
    kind, given = detail["type"], detail["input"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "too_long":
        return f"has {len(given):,} items; {detail['ctx']['max_length']} are the most"
    if kind == "model_type":
        methods_entry = detail["ctx"]["class_name"] == MethodEntry.__name__
        words = "should be a method's name or a mapping" if methods_entry else "should be a mapping"
    else:
        words = _WORDS.get(kind) or detail["msg"].replace("Input should", "should").replace("Tuple should", "should")
    if isinstance(given, list | dict | tuple):
        return words
    shown = (
        {None: "empty", True: "true", False: "false"}.get(given) if given is None or isinstance(given, bool) else None
    )
    return f"{words}, not {shown or repr(given)}"


_OF_LISTS: dict[Any, type[BaseModel]] = {"methods": MethodEntry, "noise": NoiseEntry, "variants": Variant}


def _keys_beside(path: KeyPath) -> list[str]:
    model: type[BaseModel] = Recipe
    for step in path[:-1]:
        if step in _OF_LISTS:
            model = _OF_LISTS[step]
        elif isinstance(step, str):
            annotation: Any = model.model_fields[step].annotation  # a section is a model, or a model or None
            model = next(kind for kind in (*get_args(annotation), annotation) if isinstance(kind, type))
    return [field.alias or name for name, field in model.model_fields.items()]
