"""A data set, a network, a kind of noise, a layout and a format from outside, from labels to a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smkd_cli.artifacts.manifest import read_manifest

RECIPE = """\
schema: smkd/recipe/1
name: outside
dataset: {data}
networks: [{network}, small_resnet]
methods: [CE, LS]
noise: [{{kind: "{noise}", rate: 0.4}}]
tables: ["{layout}"]
seeds: [3]
epochs: 1
batch_size: 100
augmentation: {{crop_padding: 1, flip: true, rules: [{{name: "{augmentation}", size: 2}}]}}
compute: {{threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}}
"""
BY_PATH = {
    "data": "my_data.py:stripes",
    "network": "my_net.py:MyNet",
    "noise": "my_noise.py:mine",
    "augmentation": "my_augmentation.py:erase",
    "layout": "my_layout.py:mine",
}
BY_ENTRY_POINT = {"data": "stripes", "network": "MyNet", "noise": "mine", "layout": "rates", "augmentation": "erase"}
PACKAGE = """\
[smkd.datasets]
stripes = my_data:Stripes
[smkd.networks]
MyNet = my_net:MyNet
[smkd.noise]
mine = my_noise:mine
[smkd.augmentations]
erase = my_augmentation:Erase
[smkd.layouts]
rates = my_layout:mine
[smkd.formats]
brief = my_format:brief
[smkd.executors]
diary = my_executor:WithDiary
"""


@pytest.fixture
def trained(examples, smkd):
    """The folder's two runs."""
    (examples / "own.yaml").write_text(RECIPE.format(**BY_PATH))
    result = smkd("train", "own.yaml", "--jobs", 1)
    assert result.code == 0, result.err
    return [Path(line) for line in result.out.splitlines()]


def test_by_path(trained, smkd):
    assert [run.name for run in trained] == ["ce_mine-0.4_seed3", "ls_mine-0.4_seed3"]
    cell = json.loads((trained[0] / "result.json").read_text())["cell"]
    assert (cell["dataset"], cell["networks"]) == (BY_PATH["data"], ["my_net.py:MyNet", "small_resnet"])
    assert (cell["noise"]["kind"], cell["tables"]) == ("my_noise.py:mine", ["my_layout.py:mine"])
    files = json.loads((trained[0] / "result.json").read_text())["provenance"]["method_files"]
    assert set(files) == {"my_data.py", "my_net.py", "my_noise.py", "my_augmentation.py"}
    refused = smkd("report")
    assert refused.code == 0
    assert "results name the layout my_layout.py:mine, which is code" in refused.err
    assert "rates" not in refused.out
    report = smkd("report", "--trust-code", "--format", "my_format.py:brief")
    assert report.code == 0, report.err
    assert [line.partition(":")[0] for line in report.out.splitlines()] == ["rates CE", "rates LS"]


def test_scoring_needs_trust(trained, smkd):
    refused = smkd("eval", trained[0])
    assert (refused.code, refused.out) == (2, "")
    assert "my_net.py" in refused.err
    assert "--trust-code" in refused.err
    scored = smkd("eval", trained[0], "--trust-code")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["cell"]["networks"] == ["my_net.py:MyNet", "small_resnet"]
    Path("my_net.py").write_text("raise SystemExit('changed')\n")
    changed = smkd("eval", trained[0], "--trust-code")
    assert (changed.code, "my_net.py is not the file that it was trained with" in changed.err) == (4, True)


def test_labels_of_a_source_in_a_file_have_one_name_and_are_trained_on(examples, smkd):
    (examples / "own.yaml").write_text(RECIPE.format(**BY_PATH).replace("[CE, LS]", "[CE]"))
    options = ("--dataset", BY_PATH["data"], "--seed", 3)
    made = smkd("corrupt", *options, "--kind", BY_PATH["noise"])
    assert made.out == "manifests/stripes-train-mine-0.4-seed3.csv\n", made.err
    manifest = read_manifest(made.out.strip())
    assert manifest.dataset == "stripes"
    assert smkd("corrupt", "--labels", made.out.strip(), *options, "-o", "again.csv").code == 0
    assert read_manifest("again.csv").dataset == "stripes"
    drawn = smkd("train", "own.yaml", "--jobs", 1)
    assert drawn.code == 0, drawn.err
    assert read_manifest(Path(drawn.out.strip()) / "manifest.csv").sha256 == manifest.sha256
    given = ("own.yaml", "--manifest", made.out.strip())
    assert smkd("train", *given, "--dry-run").code == 0
    trained = smkd("train", *given, "--jobs", 1)
    assert trained.code == 0, trained.err
    run = Path(trained.out.strip())
    assert read_manifest(run / "manifest.csv").sha256 == manifest.sha256
    for split in ("train", "test"):
        scored = smkd("eval", run, "--split", split, "--trust-code", "-o", "scores.jsonl")
        assert scored.code == 0, scored.err
    report = smkd("report", "scores.jsonl")
    assert (report.code, "CE" in report.out) == (0, True), report.err
    assert smkd("train", run / "recipe.yaml", "--jobs", 1).code == 0


def test_asymmetric_noise_goes_by_the_data_set_s_own_name(examples, smkd):
    Path("my_data.py").write_text((examples / "my_data.py").read_text().replace('"stripes"', '"cifar10"'))
    Path("labels.csv").write_text("label\n" + "3\n5\n" * 10)
    refused = smkd("corrupt", "--dataset", "my_data.py:cifar10", "--kind", "asymmetric", "--rate", 1)
    assert "asymmetric noise on cifar10 needs its 10 classes" in refused.err
    options = ("--labels", "labels.csv", "--classes", 10, "--kind", "asymmetric", "--rate", 1, "-o", "noisy.csv")
    assert smkd("corrupt", "--dataset", "my_data.py:cifar10", *options).code == 0
    assert read_manifest("noisy.csv").noisy_labels.tolist() == [5, 3] * 10


@pytest.mark.parametrize("file", ["my_data.py", "my_net.py", "my_noise.py", "my_augmentation.py"])
def test_a_changed_file_is_no_reason_to_go_on(file, examples):
    from smkd_cli.errors import DataError, InterruptedRunError
    from smkd_cli.recipe import expand, load_recipe
    from smkd_cli.train.machine.signals import StopRequest
    from smkd_cli.train.run.loop import train_cell
    from smkd_cli.train.run.task import Task

    class AtOnce(StopRequest):
        def __bool__(self) -> bool:
            self.signal_number = 15
            return True

    (examples / "own.yaml").write_text(RECIPE.format(**BY_PATH))
    cell = expand(load_recipe("own.yaml", data=Path()))[0]
    with pytest.raises(InterruptedRunError):
        train_cell(Task(cell, examples / "run", Path()), AtOnce(), lambda event: None)
    with (examples / file).open("a") as stream:
        stream.write("# another\n")
    with pytest.raises(DataError, match=rf"{file} has changed since"):
        train_cell(Task(cell, examples / "run", Path()), StopRequest(), lambda event: None)


@pytest.mark.parametrize(("networks", "code"), [("my_net.py:MyNet", 0), ("small_resnet", 4)])
def test_a_teacher_runs_no_code_that_the_recipe_does_not_name(networks, code, trained, smkd):
    taught = f'methods=[{{name: T2S-KD, teacher: "{trained[0]}"}}]'
    result = smkd("train", "own.yaml", "--jobs", 1, "--set", taught, "--set", f"networks={networks}")
    assert result.code == code, result.err
    assert ("is code that the recipe does not name" in result.err) == (code == 4)


def test_a_layout_that_breaks_leaves_its_results_in_a_plain_table(trained, smkd, examples):
    code = (examples / "my_layout.py").read_text().replace("columns=FromResults", "columns=3, notes=FromResults")
    (examples / "my_broken_layout.py").write_text(code)
    for run in trained:
        path = run / "result.json"
        path.write_text(path.read_text().replace("my_layout.py", "my_broken_layout.py"))
    result = smkd("report", "--trust-code")
    assert result.code == 0
    assert "my_broken_layout.py:mine: columns should be FromResults" in result.err
    assert "CE" in result.out


def test_by_entry_point(examples):
    about = examples / "outside-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1\n")
    (about / "entry_points.txt").write_text(PACKAGE)
    (examples / "own.yaml").write_text(RECIPE.format(**BY_ENTRY_POINT))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(examples), str(Path(__file__).parents[2])])}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "smkd_cli", *arguments]
        result = subprocess.run(command, cwd=examples, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    paths = run("train", "own.yaml", "--device", "cpu", "--jobs", "1", "--executor", "with-diary").splitlines()
    assert [Path(path).name for path in paths] == ["ce_mine-0.4_seed3", "ls_mine-0.4_seed3"]
    assert (examples / "diary.txt").read_text().splitlines() == [f"{Path(path).name}: finished" for path in paths]
    result = json.loads((examples / paths[0] / "result.json").read_text())
    assert result["provenance"]["method_files"] == {"package outside": "1"}
    report = run("report", "--format", "brief")
    assert [line.partition(":")[0] for line in report.splitlines()] == ["rates CE", "rates LS"]


def test_the_format_is_that_of_the_file(smkd, tmp_path):
    assert smkd("report", "-o", "tables.md").code == 0
    assert (tmp_path / "tables.md").read_text().startswith("### Table I")
    assert smkd("report", "-o", "tables.md", "--format", "csv").code == 0
    assert (tmp_path / "tables.md").read_text().startswith("table,row,")
