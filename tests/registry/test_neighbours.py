"""A plug-in's file may import modules that stand beside it, and those of two folders don't mix."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from settled import COMPUTE

from smkd_cli import noise
from smkd_cli.noise.catalogue import find

NOISE = """\
{imports}
from smkd_cli.noise import NoiseKind
import numpy as np

def towards(rate, classes, dataset):
    {late}
    matrix = np.eye(classes) * (1 - rate)
    matrix[:, TARGET] += rate
    return matrix

mine = NoiseKind(name="mine", matrix=towards)
"""
WAYS = {
    "from": ("from helpers import TARGET", ""),
    "relative": ("from .helpers import TARGET", ""),
    "late": ("", "from helpers import TARGET"),
    "module": ("import helpers\nTARGET = helpers.TARGET", ""),
    "under another name": ("import inner.numbers as n\nTARGET = n.TARGET", ""),
    "inside": ("import inner.numbers\nTARGET = inner.numbers.TARGET", ""),
    "through another": ("from middle import *", ""),
}


def folder(path: Path, way: str, target: int) -> str:
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "__init__.py").write_text("")
    (path / "inner" / "numbers.py").write_text(f"import helpers\nTARGET = helpers.TARGET\n# {target}\n")
    (path / "helpers.py").write_text(f"TARGET = {target}\n")
    (path / "middle.py").write_text("from helpers import TARGET\n")
    imports, late = WAYS[way]
    (path / "my_noise.py").write_text(NOISE.format(imports=imports, late=late or "pass"))
    return f"{path}/my_noise.py:mine"


@pytest.mark.parametrize("way", WAYS)
def test_each_folder_has_its_own(way, tmp_path):
    before = set(sys.path), {name for name in sys.modules if "helpers" in name and "smkd" not in name}
    names = [folder(tmp_path / f"number {target}", way, target) for target in (1, 2)]
    for target, name in enumerate(names, start=1):
        assert noise.transition_matrix(name, 0.4, 4)[0, target] == pytest.approx(0.4)
    assert (set(sys.path), {name for name in sys.modules if "helpers" in name and "smkd" not in name}) == before


def test_python_s_own_modules_come_first(tmp_path):
    name = folder(tmp_path / "x", "from", 1)
    (tmp_path / "x" / "json.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "x" / "helpers.py").write_text("import json\nTARGET = json.loads('3')\n")
    assert noise.transition_matrix(name, 0.4, 4)[0, 3] == pytest.approx(0.4)
    assert json.loads("3") == 3


def test_a_neighbour_that_is_broken_is_named(smkd, tmp_path):
    name = folder(tmp_path / "x", "from", 1)
    (tmp_path / "x" / "helpers.py").write_text("exit(0)\n")
    result = smkd("corrupt", "--dataset", "digits", "--kind", name)
    assert (result.code, result.out) == (2, "")
    assert "my_noise.py: cannot be loaded: SystemExit: 0" in result.err


def test_a_file_that_a_neighbour_imports_is_one_module(tmp_path):
    name = folder(tmp_path / "x", "from", 1)
    (tmp_path / "x" / "other.py").write_text("import my_noise\ntwin = my_noise.mine\n")
    assert find(f"{tmp_path}/x/other.py:mine") is find(name)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_imported_is_known_without_running_it(way, tmp_path):
    from smkd_cli.registry import imported_by

    folder(tmp_path / "x", way, 1)
    found = {path.relative_to(tmp_path / "x").as_posix() for path in imported_by(tmp_path / "x" / "my_noise.py")}
    more = {"inner/__init__.py", "inner/numbers.py"} if "inner" in "".join(WAYS[way]) else set()
    assert found == {"helpers.py", *more, *({"middle.py"} if way == "through another" else ())}


def test_a_changed_neighbour_is_a_changed_plug_in(smkd):
    net = """
from torch import nn
from widths import WIDTH

class Net(nn.Module):
    def __init__(self, classes, channels):
        super().__init__()
        self.one, self.two = nn.Linear(64 * channels, WIDTH), nn.Linear(WIDTH, classes)

    def forward(self, images):
        return self.two(self.one(images.flatten(1)))
"""
    Path("net.py").write_text(net)
    Path("widths.py").write_text("WIDTH = 5\n")
    Path("unused.py").write_text("x = 1\n")
    grid = ["networks=net.py:Net", "methods=[CE]", "options={}", "seeds=[1]", "epochs=1", COMPUTE]
    trained = smkd("train", "quickstart", "--jobs", 1, *(word for key in grid for word in ("--set", key)))
    assert trained.code == 0, trained.err
    run = Path(trained.out.strip())
    files = json.loads((run / "result.json").read_text())["provenance"]["method_files"]
    assert set(files) == {"net.py", "widths.py"}
    assert smkd("eval", run, "--trust-code").code == 0
    Path("widths.py").write_text("raise SystemExit(0)\n")
    changed = smkd("eval", run, "--trust-code")
    assert (changed.code, "widths.py is not the file that it was trained with" in changed.err) == (4, True)
