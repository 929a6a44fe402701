"""docs/adding-a-method.md does what it says: its example runs by path and by entry point."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from data_sets import DATA

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-method.md"
EXAMPLE = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S).group(1)
RUN = ["--set", "epochs=1", "--set", "seeds=[1]", "--device", "cpu", "--set", "networks=small_resnet"]


def smkd(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "smkd_cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "fading.py").write_text(EXAMPLE)
    return tmp_path


def test_the_example_by_path(folder):
    names = '["fading.py:Fading", {name: "SMKD-P+fading.py:Fading", most: 0.3}]'
    result = smkd(folder, "train", "quickstart", "--set", f"methods={names}", "--set", "options={}", *RUN)
    assert result.returncode == 0, result.stderr
    names = sorted(Path(line).name for line in result.stdout.splitlines())
    assert names == ["fading_symmetric-0.4_seed1", "smkd-p+fading_symmetric-0.4_seed1"]
    run = next(line for line in result.stdout.splitlines() if "smkd-p+fading" in line)
    record = json.loads((folder / run / "result.json").read_text())
    assert record["cell"]["options"]["most"] == 0.3
    assert list(record["provenance"]["method_files"]) == ["fading.py"]


def test_the_example_by_entry_point(folder):
    about = folder / "fading-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fading\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[smkd.methods]\nFading = fading:Fading\n")
    listed = smkd(folder, "methods", "ls").stdout.splitlines()
    assert any(line.startswith("Fading\ttarget rule\t") for line in listed)
    page = smkd(folder, "methods", "show", "fading").stdout
    assert "label smoothing that grows with time" in page
    assert "most (float, default 0.5): e, the smoothing of the last epoch" in page
    result = smkd(folder, "recipes", "validate", "quickstart", "--set", "methods=[All+Fading]", "--set", "options={}")
    assert result.returncode == 0, result.stderr


def test_a_changed_file_is_no_reason_to_go_on(folder):
    from smkd_cli.errors import DataError, InterruptedRunError
    from smkd_cli.recipe import expand, load_recipe
    from smkd_cli.train.machine.signals import StopRequest
    from smkd_cli.train.run.loop import train_cell
    from smkd_cli.train.run.task import Task

    class AtOnce(StopRequest):
        def __bool__(self) -> bool:
            self.signal_number = 15
            return True

    overrides = [f'methods=["{folder}/fading.py:Fading"]', "options={}", "epochs=1", "seeds=[1]"]
    (cell,) = expand(load_recipe("quickstart", overrides, data=DATA))
    with pytest.raises(InterruptedRunError):
        train_cell(Task(cell, folder / "run", DATA), AtOnce(), lambda event: None)
    (folder / "fading.py").write_text(EXAMPLE.replace("1 - trust", "1.0 - trust"))
    with pytest.raises(DataError, match=r"fading\.py has changed since"):
        train_cell(Task(cell, folder / "run", DATA), StopRequest(), lambda event: None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file of methods"),
        ("x = 1\n", "defines no method"),
        ("def broken(:\n", "cannot be loaded: SyntaxError"),
        (EXAMPLE, "did you mean Fading"),
    ],
)
def test_what_can_be_wrong_with_a_file(folder, text, message):
    (folder / "fading.py").unlink()
    if text is not None:
        (folder / "fading.py").write_text(text)
    wanted = 'methods=["fading.py:Fadin"]'
    result = smkd(folder, "recipes", "validate", "quickstart", "--set", wanted, "--set", "options={}")
    assert result.returncode == 3
    assert message in result.stderr
