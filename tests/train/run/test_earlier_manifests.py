"""What was begun with manifests of the format's first version goes on, and ends as it would with the second."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_sets import DATA
from earlier import to_first_version
from stop_after import StopAfter

from smkd_cli.errors import InterruptedRunError
from smkd_cli.recipe import fitting_cells, load_recipe
from smkd_cli.run import Run
from smkd_cli.train.run.loop import train_cell
from smkd_cli.train.run.task import Task

SHORT = "epochs=2"


def begun(recipe: Path, *overrides: str) -> Path:
    """The run directory of the recipe's cell, stopped in the middle of its second epoch."""
    grid = load_recipe(str(recipe), [SHORT, *overrides], data=DATA)
    (cell,) = fitting_cells(grid, DATA)
    directory = Path("runs", grid.name, cell.slug)
    with pytest.raises(InterruptedRunError):
        train_cell(Task(cell, directory, DATA), StopAfter(8), lambda event: None)
    assert (directory / "checkpoint" / "state.safetensors").exists()
    return directory


def test_drawn_labels(smkd, recipe, bits, assert_same):
    directory = begun(recipe)
    to_first_version(directory / "manifest.csv")
    written = (directory / "manifest.csv").read_bytes()
    result = smkd("train", recipe, "--set", SHORT, "--jobs", "1")
    assert (result.code, result.out) == (0, f"{directory}\n")
    assert (directory / "manifest.csv").read_bytes() == written
    assert "goes on in epoch 2" in result.err
    whole = smkd("train", recipe, "--set", SHORT, "--jobs", "1", "--runs", "whole").out.strip()
    assert Run(directory).manifest.header == Run(whole).manifest.header
    assert_same(bits(Path(whole)), bits(directory))
    one, other = (smkd("eval", path, "--split", "train").out for path in (whole, directory))
    assert one.replace(whole, str(directory)) == other != ""


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_given_labels(smkd, recipe, bits, assert_same, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    smkd("corrupt", "--rate", 0.4, "--seed", 1, "-o", f"m{suffix}")
    second = Path(f"m{suffix}").read_bytes()
    to_first_version(Path(f"m{suffix}"))
    given = f"noise=[{{manifest: {Path(f'm{suffix}').resolve()}}}]"
    directory = begun(recipe, given)
    to_first_version(directory / "manifest.csv")
    # The recipe of the cell pins the manifest's checksum, and the folder is called after it: in both versions one.
    for content, word in ((Path(f"m{suffix}").read_bytes(), "goes on in epoch 2"), (second, "1 of 1")):
        Path(f"m{suffix}").write_bytes(content)
        result = smkd("train", recipe, "--set", SHORT, "--set", given, "--jobs", "1")
        assert (result.code, result.out) == (0, f"{directory}\n")
        assert word in result.err
    assert smkd("train", directory / "recipe.yaml", "--runs", "again", "--jobs", "1").code == 0
    (again,) = Path("again").glob("*/*")
    assert again.name == directory.name
    assert_same(bits(again), bits(directory))
