"""Duplicates in a recipe are found as if each item were compared with all before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_sets import DATA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smkd_cli.errors import RecipeError
from smkd_cli.naming import slug
from smkd_cli.recipe import load_recipe
from smkd_cli.recipe.grid import Row, rows
from smkd_cli.recipe.hashing import key_of
from smkd_cli.recipe.schema import MethodEntry, _distinct

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, "1", "a", ""])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(one=VALUES, other=VALUES)
@settings(max_examples=300, deadline=None)
def test_keys_are_equal_where_values_are(one: Any, other: Any) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)
    assert key_of(one) == key_of(one)
    hash(key_of(one))


@given(items=st.lists(VALUES, max_size=8).map(tuple))
@settings(max_examples=200, deadline=None)
def test_the_first_item_that_was_there_before_is_reported(items: tuple[Any, ...]) -> None:
    twice = [item for number, item in enumerate(items) if item in items[:number]]
    if not twice:
        assert _distinct(items) == items
        return
    with pytest.raises(ValueError, match="appears twice") as caught:
        _distinct(items)
    assert str(caught.value) == f"{twice[0]} appears twice"


METHODS = st.fixed_dictionaries(
    {"name": st.sampled_from(["LS", "Zero+LS", "All+LS"])},
    optional={"label": st.sampled_from(["a b", "a-b", "A!b", "c", "LS"]), "epsilon": st.sampled_from([0.5, 1, 1.0])},
)


@given(methods=st.lists(METHODS, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_of_one_folder_and_twins_are_found(recipe_file: Callable[..., Path], methods: list[Any]) -> None:
    table = [row for entry in methods for row in rows(MethodEntry.model_validate(entry), ())]

    def same_method(one: Row, other: Row) -> bool:
        return ({*one.rules, "Zero"}, one.values) == ({*other.rules, "Zero"}, other.values)

    expected = set()
    for number, row in enumerate(table):
        before = table[:number]
        named = [other.label for other in before if slug(other.label) == slug(row.label)]
        twins = [other for other in before if same_method(row, other)]
        if named:
            expected.add(f"methods.{number}: {row.label!r} and {named[0]!r} would be one folder")
        if twins and slug(twins[0].label) != slug(row.label):
            expected.add(f"methods.{number}: is the same method as {twins[0].label!r}")
    path = recipe_file(("[CE, SMKD-P+MyLC]", _flow(methods)))
    try:
        load_recipe(str(path), data=DATA)
        messages: set[str] = set()
    except RecipeError as error:
        messages = {line.split(": ", 1)[1].partition(";")[0] for line in str(error).splitlines()}
    assert messages == expected


def _flow(methods: list[dict[str, Any]]) -> str:
    return "[" + ", ".join("{" + ", ".join(f"{key}: {value}" for key, value in m.items()) + "}" for m in methods) + "]"


def test_a_sweep_of_a_list_names_the_place_of_each_value(recipe_file: Callable[..., Path]) -> None:
    sweep = "{name: LS, sweep: {epsilon: [0.1, 7, 0.2, 8]}}"
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(recipe_file(("[CE, SMKD-P+MyLC]", f"[{sweep}]"))), data=DATA)
    first, second = str(caught.value).splitlines()
    assert "methods.0.sweep.epsilon.1" in first
    assert "methods.0.sweep.epsilon.3" in second
