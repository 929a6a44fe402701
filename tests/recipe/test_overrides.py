"""--set and --profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from data_sets import DATA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from photos import write_photos

from smkd_cli.errors import RecipeError
from smkd_cli.recipe import load_recipe
from smkd_cli.recipe.yaml_reader import parse
from smkd_cli.recipe.yaml_writer import dump


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("optimizer.lr=5e-2", lambda recipe: recipe.optimizer.lr == 0.05),
        ("seeds=[4]", lambda recipe: recipe.seeds == (4,)),
        ("methods=[CE, LS]", lambda recipe: [entry.name for entry in recipe.methods] == ["CE", "LS"]),
        ("methods.1=LS", lambda recipe: [entry.name for entry in recipe.methods] == ["CE", "LS"]),
        ("noise.0.rate=0.2", lambda recipe: recipe.noise[0].rate == 0.2),
        ("options.MyLC.b1=8", lambda recipe: recipe.options == {"MyLC": {"b1": 8}}),
        ("networks=[resnet18, shufflenet_v2]", lambda recipe: recipe.networks == ("resnet18", "shufflenet_v2")),
        ("schedule={name: cosine}", lambda recipe: recipe.schedule.name == "cosine"),
        ("title=a=b", lambda recipe: recipe.title == "a=b"),
        (" epochs =3", lambda recipe: recipe.epochs == 3),
    ],
)
def test_an_override_sets_what_it_says(
    recipe_file: Callable[..., Path], override: str, read: Callable[[Any], bool]
) -> None:
    assert read(load_recipe(str(recipe_file()), [override], data=DATA))


def test_the_last_override_has_the_last_word(recipe_file: Callable[..., Path]) -> None:
    assert load_recipe(str(recipe_file()), ["epochs=3", "epochs=4"], data=DATA).epochs == 4


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("optimizr.lr=1", "optimizr: unknown key 'optimizr'; did you mean optimizer?"),
        ("optimizer.lrr=1", "optimizer.lrr: unknown key 'lrr'; did you mean lr?"),
        ("optimizer.lr='1'", "optimizer.lr: should be a number, not '1'"),
        ("noise.1.rate=0.2", "noise is a list of length 1; 1 is not an index of it"),
        ("noise.x.rate=0.2", "x is not an index of it"),
        ("noise.-1.rate=0.2", "-1 is not an index of it"),
        (f"noise.{'1' * 100}.rate=0.2", "is not an index of it"),
        ("noise.².rate=0.2", "² is not an index of it"),
        ("noise.0.raet=0.2", "did you mean rate?"),
        ("epochs.x=1", "epochs is a single value and has no key x"),
        ("epochs", "is not KEY=VALUE"),
        ("=1", "is not KEY=VALUE"),
        ("seeds=[1", "expected ',' or ']'"),
        ("seeds=[&x 1]", "the anchor &x"),
        ("title=", "title: should be text, not empty"),
    ],
)
def test_a_wrong_override_is_named(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], override: str, what: str
) -> None:
    result = smkd("recipes", "validate", recipe_file(), "--set", override)
    assert result.code == 3
    assert result.err.startswith(f"error: --set {override}: ")
    assert what in result.err


def test_another_data_set(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is from the current folder, wherever the recipe is; a mapping of one's own images keeps what it says."""
    write_photos(tmp_path / "here" / "photos", {"cat": 4, "dog": 4})
    own = "dataset: {path: elsewhere, size: 16, test: 0.5}"
    few = ("epochs:", "batch_size: 4\nepochs:")
    path, named = recipe_file(("dataset: digits", own), few), recipe_file(few, name="named.yaml")
    assert load_recipe(str(path), data=DATA, dataset="digits").dataset.reference == "digits"
    monkeypatch.chdir(tmp_path / "here")
    for name in ("photos/", "./photos", str(tmp_path / "here" / "photos")):
        for recipe, kept in ((path, (16, 0.5)), (named, (224, 0.2))):
            dataset = load_recipe(str(recipe), data=DATA, dataset=name).dataset
            assert dataset.path == str(tmp_path / "here" / "photos")
            assert (dataset.own.size, dataset.test) == kept
    assert load_recipe(str(path), ["dataset.test=0.25"], data=DATA, dataset="photos/").dataset.test == 0.25
    shown = smkd("recipes", "show", path, "--dataset", "digits")
    assert (shown.code, "\ndataset: digits\n" in shown.out) == (0, True)


def test_another_data_set_that_is_not_there(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    result = smkd("train", recipe_file(), "--dataset", "photos", "--dry-run")
    assert result.code == 3
    assert result.err.startswith("error: --dataset photos: dataset: unknown data set 'photos'")
    assert "a path has a slash: ./photos" in result.err
    result = smkd("recipes", "validate", recipe_file(), "--dataset", "cats/")
    assert (result.code, "cats" in result.err) == (4, True)


def test_a_path_of_very_many_digits(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    result = smkd("recipes", "validate", recipe_file(), "--set", f"noise.{'1' * 5000}.rate=0.2")
    assert (result.code, "is not an index of it" in result.err, len(result.err) < 500) == (3, True, True)


def test_mistakes_in_overrides_and_file_are_reported_together(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path]
) -> None:
    path = recipe_file(("dataset: digits", "dataset: digitz"))
    result = smkd("recipes", "validate", path, "--set", "epochs.x=1", "--set", "sedes=[1]", "--set", "seeds=[1")
    for part in (f"{path}:3:10: ", "--set epochs.x=1: ", "--set sedes=[1]: ", "--set seeds=[1: "):
        assert part in result.err


def test_other_methods_leave_the_options_of_absent_ones_behind(recipe_file: Callable[..., Path]) -> None:
    path = recipe_file(
        ("rate: 0.4}", "rate: 0.4, options: {SMKD-P: {eta: 3}}}"), added="options: {MyLC: {b1: 8}, CE: {}}\n"
    )
    recipe = load_recipe(str(path), ["methods=[CE]"], data=DATA)
    assert recipe.options == {"CE": {}}
    assert recipe.noise[0].options == {}
    with pytest.raises(RecipeError, match="no method here has the rule LS"):
        load_recipe(str(path), ["options.LS.epsilon=0.1"], data=DATA)


_STEPS = st.lists(
    st.sampled_from(["noise", "0", "options", "MyLC", "b1", "methods", "1", "seeds", "x", ""]), max_size=4
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=_STEPS, value=st.text("[]{}:, 1.eaCELS-", max_size=8))
def test_no_override_does_more_than_raise_a_recipe_error(
    recipe_file: Callable[..., Path], path: list[str], value: str
) -> None:
    message = "--set "
    try:
        load_recipe(str(recipe_file()), [f"{'.'.join(path)}={value}"], data=DATA)
    except RecipeError as error:
        message = str(error)
    assert message.startswith("--set ")


def test_a_profile_is_merged_in_before_the_overrides(recipe_file: Callable[..., Path], tmp_path: Path) -> None:
    path = recipe_file(added="optimizer: {lr: 0.5, momentum: 0.8}\nseeds: [1, 2]\n")
    profile = tmp_path / "tiny.yaml"
    profile.write_text("optimizer: {lr: 0.2, weight_decay: 0}\nseeds: [7]\nepochs: 9\n")
    recipe = load_recipe(str(path), ["epochs=5"], str(profile), data=DATA)
    assert recipe.optimizer.model_dump(include={"lr", "momentum", "weight_decay"}) == {
        "lr": 0.2,
        "momentum": 0.8,
        "weight_decay": 0.0,
    }
    assert (recipe.seeds, recipe.epochs, recipe.profile, recipe.name) == ((7,), 5, "tiny", "small-tiny")


def test_a_wrong_profile_is_reported_with_its_own_locations(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path
) -> None:
    profile = tmp_path / "tiny.yaml"
    profile.write_text("seeds: [7]\nepoch: 9\nseeds: [8]\noptimizer: {lr: x}\n")
    result = smkd("recipes", "validate", recipe_file(), "--profile", profile)
    assert result.code == 3
    for location in ("2:1: epoch: unknown key", "3:1: the key 'seeds' appears twice", "4:17: optimizer.lr: should be"):
        assert f"{profile}:{location}" in result.err
    profile.write_text("[1]")
    assert "a profile is a mapping" in smkd("recipes", "validate", recipe_file(), "--profile", profile).err
    assert "did you mean embedded?" in smkd("recipes", "validate", recipe_file(), "--profile", "embeded").err


def test_a_profile_that_a_recipe_has_already_does_not_rename_it_again(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path
) -> None:
    shown = smkd("recipes", "show", recipe_file(), "--profile", "embedded").out
    (tmp_path / "shown.yaml").write_text(shown)
    again = load_recipe("shown.yaml", profile="embedded", data=DATA)
    assert again.name == "small-embedded"
    assert again == load_recipe("shown.yaml", data=DATA)


def _of_leaves(leaf: str) -> st.SearchStrategy[Any]:
    def inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)

    return st.dictionaries(st.sampled_from("abc"), st.recursive(st.just(leaf), inside, max_leaves=8), max_size=3)


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
        return
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(inner, (*path, step))


@settings(max_examples=200, deadline=None)
@given(_of_leaves("below"), _of_leaves("above"))
def test_whatever_is_laid_over_what_each_value_knows_where_it_stands(below: Any, above: Any) -> None:
    document = parse(dump(below), "below")
    document.merge(parse(dump(above), "above"))
    leaves = dict(_leaves(document.data))
    for path, leaf in leaves.items():
        assert document.values[path].source == leaf
    for path in document.values:  # nothing is remembered of what was replaced
        value = document.data
        for step in path:
            value = value[step]
