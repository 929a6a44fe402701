"""The YAML layer: what scalars mean, what is refused and where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.errors import RecipeError
from smkd_cli.recipe.yaml_reader import MAX_CHARACTERS, parse
from smkd_cli.recipe.yaml_writer import dump

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]) | st.sampled_from("\n\t"), max_size=30)
_SCALARS = st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
_LOOKALIKES = st.from_regex(r"[-+.~0-9eEnulltrfas<:# ]{0,8}", fullmatch=True)
_DATA = st.recursive(
    _SCALARS | _TEXT | _LOOKALIKES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT | _LOOKALIKES, inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> Any:
    document = parse(text, "r.yaml")
    document.raise_problems()
    return document.data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("5e-4", 0.0005),
        ("1E+2", 100.0),
        (".5", 0.5),
        ("-8", -8),
        ("+3", 3),
        ("0", 0),
        ("2.", 2.0),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("True", "True"),
        ("true", True),
        ("false", False),
        ("~", None),
        ("null", None),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-11-23", "2026-11-23"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("[1, a, null]", [1, "a", None]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("a:", {"a": None}),
        ("{on: 1, 1: x}", {"on": 1, "1": "x"}),
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_what_a_scalar_means(text: str, value: Any) -> None:
    got = read(text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\nb: 2\na: 3", "3:1", "'a' appears twice"),
        ("a: !!python/object:os.system x", "1:4", "the tag"),
        ("a: !!str 5", "1:4", "the tag"),
        ("a: &x 1", "1:4", "the anchor &x"),
        ("a: {<<: {b: 1}}", "1:5", "merge keys"),
        ("a: [1, .inf]", "1:8", "not a finite number"),
        ("a: -.INF", "1:4", "not a finite number"),
        ("a: .nan", "1:4", "not a finite number"),
        ("a: 1e999", "1:4", "not a finite number"),
        ("a: " + "9" * 65, "1:4", "a number of 65 characters"),
        ('a: "x\\0"', "1:4", "control character"),
        ('a: "\\ud800"', "1:4", "control character"),
        ("? [a, b]\n: 1", "1:3", "a key must be a name"),
        ("!!str a: 1", "1:1", "plain name"),
        ("a: 1\n---\nb: 2", "2:1", "second document"),
        ("a: [1, 2", "1:9", "expected ',' or ']'"),
        ("a: b: c", "1:5", "mapping values are not allowed"),
        ("a:\n\t- 1", "2:1", "cannot start any token"),
        ("a: \x01", "1:4", "is not allowed in YAML"),
        ("x\n  \x01", "2:3", "is not allowed in YAML"),
        ("[" * 100, "1:18", "nested more than 16 deep"),
    ],
)
def test_what_is_refused_is_refused_with_its_place(text: str, where: str, what: str) -> None:
    with pytest.raises(RecipeError, match=rf"^r\.yaml:{where}: .*") as caught:
        read(text)
    assert what in str(caught.value)


def test_all_problems_are_reported_in_the_order_of_the_text() -> None:
    with pytest.raises(RecipeError) as caught:
        read("a: &x 1\nb: *x\nb: .nan\nc: !t {d: 1, d: 2}\n")
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        "r.yaml:1:4",
        "r.yaml:2:4",
        "r.yaml:3:1",
        "r.yaml:3:4",
        "r.yaml:4:4",
        "r.yaml:4:14",
    ]


def test_an_expansion_bomb_is_refused_before_it_expands() -> None:
    bomb = "a: &a [x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
    )
    with pytest.raises(RecipeError, match="the alias"):
        read(bomb)


def test_a_long_text_is_refused() -> None:
    with pytest.raises(RecipeError, match="longer than"):
        read("#" * (MAX_CHARACTERS + 1))


def test_an_impossible_escape_is_an_error_with_the_file() -> None:
    with pytest.raises(RecipeError, match=r"^r\.yaml: an escape"):
        read('a: "\\UFFFFFFFF"')


def test_locations_of_keys_and_values() -> None:
    document = parse("a:\n  b: [1, 22]\n", "r.yaml")
    assert str(document.location(("a", "b"), key=True)) == "r.yaml:2:3"
    assert str(document.location(("a", "b", 1))) == "r.yaml:2:10"
    assert str(document.location(("a", "missing"))) == "r.yaml:2:3"


@settings(max_examples=300, deadline=None)
@given(_DATA)
def test_what_is_written_is_read_back(data: Any) -> None:
    got = read(dump(data))
    assert got == data
    assert repr(got) == repr(data)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("ab:,-?[]{}&*!|>'\"%@`#\n \t1.e<~\\", max_size=40))
def test_no_text_does_more_than_raise_a_recipe_error(text: str) -> None:
    message = "r.yaml:"
    try:
        read(text)
    except RecipeError as error:
        message = str(error)
    assert message.startswith("r.yaml:")
