"""The benchmark that says whether two versions train the same weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from smkd_cli import methods
from smkd_cli.recipe import expand, load_recipe

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.append(str(BENCHMARKS))

import same_bits  # noqa: E402


def test_every_method_is_trained():
    entries = [*same_bits.short_methods(), "{name: T2S-KD, teacher: somewhere}"]
    sets = [*same_bits.SHORT[:-1], f"methods=[{', '.join(entries)}]", "options={}"]
    cells = expand(load_recipe("quickstart", sets, data=Path()))
    trained = {part for cell in cells for part in methods.parts_of(cell.method)}
    # Zero is what a target rule alone is.
    assert trained | {"Zero"} == set(methods.names())


@pytest.mark.parametrize("changed", ["value", "name", "shape", "peer"])
def test_weights_are_distinguished(tmp_path, changed):
    def cell(name, **peers):
        folder = tmp_path / name
        folder.mkdir()
        for peer in "ab":
            save_file(peers.get(peer, {"w": np.zeros((2, 3), np.float32)}), folder / f"peer_{peer}.safetensors")
        return same_bits.weights_of(folder)

    other = {
        "value": {"a": {"w": np.full((2, 3), 1e-30, np.float32)}},
        "name": {"a": {"v": np.zeros((2, 3), np.float32)}},
        "shape": {"a": {"w": np.zeros((3, 2), np.float32)}},
        "peer": {"b": {"w": np.ones((2, 3), np.float32)}},
    }[changed]
    assert cell("before") == cell("after")
    assert cell("other", **other) != cell("again")


def test_what_differs_or_is_missing_is_named(tmp_path, capsys):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps({"ce": "1", "ls": "2", "cp": "3"}))
    after.write_text(json.dumps({"ce": "1", "ls": "0", "mylc": "4"}))
    assert same_bits.compare(before, after) == 1
    output = capsys.readouterr().out
    assert "ce:" not in output
    assert "ls: 2 before, 0 after" in output
    assert "cp: 3 before, missing after" in output
    assert "mylc: missing before, 4 after" in output
    assert "1 of 4 cells are the same" in output
    assert same_bits.compare(before, before) == 0
