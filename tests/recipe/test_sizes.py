"""Enormous grids, endless files and ten thousand mistakes are refused soon, with little memory, in few words."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

METHODS = "methods: [CE, SMKD-P+MyLC]"
# What reading a recipe takes, with room: a grid of millions of cells takes far more.
SECONDS, BYTES = 20, 2 << 30


def bounded(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command with little memory and processor time."""

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))

    command = [sys.executable, "-m", "smkd_cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limits)


def sweep(**values: int) -> str:
    axes = ", ".join(f"{key}: {list(range(1, count + 1))}" for key, count in values.items())
    return f"methods: [{{name: SMKD-P+MyLC, sweep: {{{axes}}}}}]"


@pytest.mark.parametrize("command", [["recipes", "validate"], ["train", "--dry-run"], ["train"]])
def test_a_sweep_of_millions_is_refused_before_it_is_made(recipe_file: Callable[..., Path], command: list[str]) -> None:
    done = bounded(*command, recipe_file((METHODS, sweep(b1=2000, b2=2000))))
    assert done.returncode == 3
    assert "5:38: methods.0.sweep: makes a grid of 12,000,000 cells" in done.stderr
    assert "methods.0 sweeps 2,000 b1 x 2,000 b2" in done.stderr
    assert "3 seeds" in done.stderr


def test_a_sweep_of_many_options_is_refused(recipe_file: Callable[..., Path]) -> None:
    done = bounded("recipes", "validate", recipe_file((METHODS, sweep(**{f"b{i}": 2 for i in range(99)}))))
    assert done.returncode == 3
    assert "cells" in done.stderr
    done = bounded("recipes", "validate", recipe_file((METHODS, sweep(**{f"b{i}": 1 for i in range(101)}))))
    assert done.returncode == 3
    assert "methods.0.sweep: has 101 items; 100 are the most" in done.stderr


def test_a_method_with_too_many_options_is_refused(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    options = ", ".join(f"b{i}: 1" for i in range(101))
    result = smkd("recipes", "validate", recipe_file((METHODS, f"methods: [{{name: LS, {options}}}]")))
    assert result.code == 3
    assert "has 101 options" in result.err


def test_one_mistake_in_each_of_many_cells_is_reported_once(recipe_file: Callable[..., Path]) -> None:
    wrong = ", ".join(f"o{number}: 1" for number in range(90))
    swept = f"sweep: {{a: {list(range(100))}, b: {list(range(300))}}}"
    done = bounded("recipes", "validate", recipe_file((METHODS, f"methods: [{{name: LS, {wrong}, {swept}}}]")))
    assert done.returncode == 3
    assert "methods.0.o0: unknown option of LS" in done.stderr
    assert len(done.stderr.splitlines()) <= 51


def test_the_product_of_all_axes_counts(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    noise = ", ".join(f"{{kind: symmetric, rate: {rate / 1000}}}" for rate in range(1, 101))
    variants = ", ".join(f"{{name: v{number}}}" for number in range(4))
    added = f"seeds: {list(range(126))}\nvariants: [{variants}]\n"
    recipe = recipe_file(("  - {kind: symmetric, rate: 0.4}", f"  [{noise}]"), added=added)
    result = smkd("recipes", "validate", recipe)
    assert result.code == 3
    assert "9:8: seeds: makes a grid of 100,800 cells (2 methods x 100 noise x 126 seeds x 4 variants)" in result.err


def test_a_large_grid_is_a_grid(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    recipe = recipe_file((METHODS, "methods: [CE]"), added=f"seeds: {list(range(3000))}\n")
    assert smkd("recipes", "validate", recipe).out == f"{recipe}: ok, 3000 cells\n"


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"key{number}: 1\n" for number in range(10_000)),
        "x: [" + "&a 1, " * 10_000 + "]\n",
        "options: {" + ", ".join(f"R{number}: {{}}" for number in range(10_000)) + "}\n",
    ],
    ids=["keys", "anchors", "rules"],
)
def test_ten_thousand_mistakes_are_fifty_and_a_number(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], text: str
) -> None:
    result = smkd("recipes", "validate", recipe_file(added=text))
    assert result.code == 3
    lines = result.err.splitlines()
    assert len(lines) == 51
    assert lines[-1] in {"and 9,950 more problems", "and 9,951 more problems"}
    assert len(result.err) < 50_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dataset: digits", "dataset: {}"),
        ("methods: [CE,", "methods: [{},"),
        ("  - {kind: symmetric, rate: 0.4}", "  - {{kind: {}, rate: 0.4}}"),
        ("name: small", "name: {}"),
        ("epochs: 2", "epochs: {}"),
        ("epochs: 2", "? {}\n: 1"),
        ("epochs: 2", "epochs: !{}!x 2"),
        ("epochs: 2", "epochs: *{}"),
    ],
)
def test_a_long_word_is_not_repeated_whole(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], old: str, new: str
) -> None:
    result = smkd("recipes", "validate", recipe_file((old, new.format("x" * 200_000))))
    assert result.code == 3
    assert len(result.err) < 10_000
    assert "characters)" in result.err


def test_a_long_override_is_not_repeated_whole(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    for override in (f"epochs={'x' * 50_000}", f"{'x' * 50_000}=1", "[" * 50_000):
        result = smkd("recipes", "validate", recipe_file(), "--set", override)
        assert result.code == 3
        assert len(result.err) < 5_000


def test_an_override_deep_below_is_refused(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    result = smkd("recipes", "validate", recipe_file(), "--set", "a." * 10_000 + "a=1")
    assert result.code == 3
    assert "is a path of 10001 keys" in result.err


def test_a_large_profile_is_laid_over_in_linear_time(recipe_file: Callable[..., Path], tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    seeds = ", ".join(map(str, range(15_000)))
    profile.write_text(f"seeds: [{seeds}]\n" + "".join(f"k{number}: 1\n" for number in range(10_000)))
    done = bounded("recipes", "validate", recipe_file(), "--profile", profile)
    assert done.returncode == 3
    assert "profile.yaml:2:1: k0: unknown key" in done.stderr
    assert "and 9,950 more problems" in done.stderr


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_an_endless_file_is_no_recipe(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    for arguments in (["/dev/zero"], [recipe_file(), "--profile", "/dev/zero"]):
        for command in (["recipes", "validate"], ["train", "--dry-run"], ["recipes", "show"]):
            result = smkd(*command, *arguments)
            assert result.code == 3
            assert "/dev/zero: is longer than" in result.err
    result = smkd("recipes", "validate", recipe_file(), "--set", "dataset=/dev/zero")
    assert "/dev/zero: is no folder of images" in result.err


def test_a_pipe_is_read_as_a_file_is(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], tmp_path: Path
) -> None:
    pipe = tmp_path / "Fast Profile.yaml"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("epochs: 3\n",))
    writer.start()
    result = smkd("recipes", "show", recipe_file(), "--profile", pipe)
    writer.join()
    assert result.code == 0, result.err
    assert "epochs: 3\n" in result.out
    assert "name: small-fast-profile\n" in result.out  # what names a folder is a name


def test_no_file_has_a_nul_in_its_name(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    assert "is not allowed in YAML" in smkd("recipes", "validate", "-", stdin="a: 1\0\n").err
    for arguments in (["a\0.yaml"], [recipe_file(), "--profile", "a\0"]):
        result = smkd("recipes", "validate", *arguments)
        assert result.code == 3


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        (f"epochs={10**60}", "less than or equal to 1000000"),
        (f"compute.threads={10**60}", "at most 1024"),
        ("batch_size=1294", "at most 1293, the number of training images of digits, less the 144"),
    ],
)
def test_numbers_that_nothing_can_be_trained_with(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path], setting: str, what: str
) -> None:
    result = smkd("train", recipe_file(), "--dry-run", "--set", "validation.fraction=0.1", "--set", setting)
    assert result.code == 3
    assert what in result.err
