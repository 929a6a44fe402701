"""smkd recipes ls | show | copy | validate."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data_sets import DATA

from smkd_cli import resources
from smkd_cli.recipe import load_recipe


def test_ls_has_a_line_per_recipe(smkd: Callable[..., Any]) -> None:
    result = smkd("recipes", "ls")
    assert result.code == 0
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert ["table2", "150", "Methods under pair-flip noise, symmetric noise and clean labels"] in rows
    assert {len(row) for row in rows} == {3}


def test_show_prints_the_file_as_it_is(smkd: Callable[..., Any], recipe_file: Callable[..., Path]) -> None:
    assert smkd("recipes", "show", "table2").out == (resources.recipes_folder() / "table2.yaml").read_text()
    assert smkd("recipes", "show", "-", stdin="# mine\na: 1\n").out == "# mine\na: 1\n"
    assert smkd("recipes", "show", recipe_file()).out == recipe_file().read_text()


@pytest.mark.parametrize(("content", "at"), [("\x1b[31m", "1:1"), ("a: 1\nb: é\x9b2J\n", "2:5"), ("a: \0", "1:4")])
def test_show_never_steers_a_terminal(smkd: Callable[..., Any], tmp_path: Path, content: str, at: str) -> None:
    (tmp_path / "odd.yaml").write_text(content)
    result = smkd("recipes", "show", "odd.yaml")
    assert (result.code, result.out) == (3, "")
    assert f"odd.yaml:{at}: the character '\\x" in result.err
    assert f"stdin:{at}: the character" in smkd("recipes", "show", "-", stdin=content).err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_reported(smkd: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(0)
    for arguments in (("shut/r.yaml",), ("quickstart", "--profile", "shut/p.yaml")):
        assert "cannot be read: Permission denied" in smkd("recipes", "show", *arguments).err


def test_show_with_overrides_prints_a_recipe_that_runs_so(smkd: Callable[..., Any]) -> None:
    shown = smkd("recipes", "show", "table2", "--set", "methods=[CE, LS]", "--set", "seeds=[3]")
    assert shown.code == 0
    assert "epochs: 100" in shown.out
    assert "warmup_epochs: 0" in shown.out
    assert smkd("recipes", "validate", "-", stdin=shown.out).out == "-: ok, 10 cells\n"


def test_copy_to_a_folder_and_to_a_file(smkd: Callable[..., Any], tmp_path: Path) -> None:
    assert smkd("recipes", "copy", "table1").out == "table1.yaml\n"
    assert (tmp_path / "table1.yaml").read_text() == (resources.recipes_folder() / "table1.yaml").read_text()
    assert smkd("recipes", "copy", "table1", "mine/new.yaml").out == "mine/new.yaml\n"
    # its runs stay apart from table1's
    assert load_recipe(str(tmp_path / "mine" / "new.yaml"), data=DATA).name == "new"


def test_copy_overwrites_nothing_by_itself(smkd: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    result = smkd("recipes", "copy", "table1", "mine.yaml")
    assert result.code == 2
    assert "--force" in result.err
    assert (tmp_path / "mine.yaml").read_text() == "mine"
    assert smkd("recipes", "copy", "table1", "mine.yaml", "--force").code == 0
    assert (tmp_path / "mine.yaml").read_text() != "mine"


def test_copy_of_an_unknown_recipe_or_to_an_impossible_place(smkd: Callable[..., Any], tmp_path: Path) -> None:
    assert smkd("recipes", "copy", "tabel1").code == 3
    assert "did you mean table1?" in smkd("recipes", "copy", "tabel1").err
    (tmp_path / "file").write_text("")
    assert smkd("recipes", "copy", "table1", "file/new.yaml").code == 4


def test_validate_reads_stdin_and_takes_the_name_of_the_file(
    smkd: Callable[..., Any], recipe_file: Callable[..., Path]
) -> None:
    text = recipe_file().read_text()
    assert smkd("recipes", "validate", "-", stdin=text).out == "-: ok, 6 cells\n"
    unnamed = recipe_file(("name: small\n", ""), name="My Recipe.yaml")
    assert load_recipe(str(unnamed), data=DATA).name == "my-recipe"
    assert load_recipe(str(recipe_file(("name: small\n", ""), name="--.yaml")), data=DATA).name == "recipe"


def test_a_folder_does_not_hide_a_shipped_recipe(smkd: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "quickstart").mkdir()
    assert smkd("recipes", "validate", "quickstart").code == 0


def test_recipes_never_import_torch() -> None:
    program = (
        "import sys\n"
        "from smkd_cli.app import app\n"
        "for line in (['recipes', 'ls'], ['recipes', 'validate', 'table2'], ['train', 'quickstart', '--dry-run']):\n"
        "    app(line, standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
