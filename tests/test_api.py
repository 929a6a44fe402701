"""The Python API: what it is made of, that it is quick to import and silent, and that its examples hold."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import inspect
import json
import logging
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import warm
from data_sets import DATA
from safetensors.torch import load_file

import smkd_cli.api as smkd
from smkd_cli import run as run_module
from smkd_cli.artifacts import manifest
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.methods import pair_loss
from smkd_cli.noise import catalogue, sampling
from smkd_cli.train.machine.signals import SIGNALS
from smkd_cli.train.run import loop

# Whose names in their packages are those of functions, or that are found by the names in them.
MODULES = [
    importlib.import_module(f"smkd_cli.{name}")
    for name in (
        *("recipe.expand", "recipe.cell", "recipe.schema", "data.dataset"),
        *("methods.contract", "methods.targets.contract", "methods.exchange.contract"),
    )
]
ROOT = Path(__file__).parents[1]
TRAIN = ["--set", "epochs=2", "--set", "seeds=[1]", "--device", "cpu", "--set", "compute={threads: 1}"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run directory of SMKD-S+MyLC, two epochs."""
    folder = tmp_path_factory.mktemp("runs")
    command = ["train", "quickstart", "--runs", str(folder), "--set", "methods=[SMKD-S+MyLC]", *TRAIN]
    subprocess.run([warm.program(), *command], check=True, capture_output=True)
    return next((folder / "quickstart").iterdir())


def test_every_name_is_there_and_listed():
    for name in smkd.__all__:
        assert getattr(smkd, name) is not None
    assert dir(smkd) == smkd.__all__ == sorted(smkd.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = smkd.nothing


def test_importing_it_loads_neither_torch_nor_pandas():
    code = "import sys, smkd_cli.api as smkd; smkd.methods(); print(sorted({'torch', 'pandas'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "module",
    [smkd, pair_loss, run_module, catalogue, sampling, manifest, *MODULES],
    ids=lambda module: module.__name__,
)
def test_its_examples(module, trained, monkeypatch, tmp_path):
    scratch = tmp_path
    monkeypatch.setenv("SMKD_DATA", str(DATA))
    found = doctest.DocTestFinder(exclude_empty=True).find(
        module, globs={"smkd": smkd, "trained": trained, "scratch": scratch}
    )
    examples = [test for test in found if test.examples]
    assert examples
    for test in examples:
        runner = doctest.DocTestRunner()
        assert runner.run(test).failed == 0, test.name


def test_the_examples_of_its_page(monkeypatch):
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / "docs" / "api.md"), module_relative=False)
    assert result.attempted > 3
    assert result.failed == 0


def test_every_function_of_ours_says_what_it_raises_and_has_an_example():
    for name in smkd.__all__:
        value = getattr(smkd, name)
        text = inspect.getdoc(value)
        assert text, name
        if not (isinstance(value, type) and issubclass(value, smkd.SmkdError)):
            assert "Example:" in text, name
        if inspect.isfunction(value):
            assert "Raises:" in text or name == "methods", name


def test_a_wrong_name_is_a_value_error_that_says_what_to_write():
    with pytest.raises(smkd.UnknownName, match="did you mean SMKD-S"):
        smkd.method("SMKD-Q+MyLC")
    with pytest.raises(ValueError, match="did you mean"):
        smkd.network("resnet19", 10)
    with pytest.raises(ValueError, match="etta"):
        smkd.method("SMKD-P+MyLC", etta=2)


def test_labels_are_those_of_the_command(tmp_path):
    digits = smkd.dataset("digits", DATA)
    clean = digits.labels("train").labels
    ours = smkd.corrupt_labels(clean, kind="pairflip", rate=0.4, classes=10, seed=3)
    command = ["corrupt", "--dataset", "digits", "--kind", "pairflip", "--rate", "0.4", "--seed", "3", "-o", "m.csv"]
    subprocess.run([warm.program(), *command], check=True, capture_output=True, cwd=tmp_path)
    labels = smkd.read_manifest(tmp_path / "m.csv")
    assert np.array_equal(labels.noisy_labels, ours)
    smkd.write_manifest(tmp_path / "again.csv", labels)
    smkd.write_manifest(str(tmp_path / "again.csv"), labels)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "m.csv").read_bytes()
    matrix = smkd.transition_matrix("pairflip", 0.4, 10)
    assert matrix.sum(1) == pytest.approx(1)
    assert matrix.diagonal() == pytest.approx(0.6)


def test_a_run_is_read(trained):
    run = smkd.Run(trained)
    last = run.metrics[["test_accuracy_a", "test_accuracy_b"]].iloc[-1]
    assert run.result.scores.last.mean == pytest.approx(last.mean())
    network = smkd.network(run.result.cell.networks[0], 10, 1)
    network.load_state_dict(run.weights("b"))
    assert run.samples[2].samples == len(run.manifest.noisy_labels) == 1437
    assert repr(run) == f"Run({str(trained)!r})"
    with pytest.raises(smkd.DataError, match="no cell has finished"):
        smkd.Run(trained.parent)


def test_messages_go_to_the_logger_and_nowhere_else(caplog):
    code = (
        "import smkd_cli.console as console; console.warn('one'); console.info('two'); import logging; "
        "logging.basicConfig(level='INFO', format='%(name)s %(levelname)s %(message)s'); "
        "console.warn('three'); console.info('four')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "smkd WARNING three\nsmkd INFO four\n")


def test_the_loop_of_ones_own_ends_with_the_weights_of_the_command(tmp_path):
    path = ROOT / "examples" / "own_loop.py"
    command = re.search(r"smkd train .*?\n\n|smkd train .*?$", ast.get_docstring(ast.parse(path.read_text())), re.S)
    words = shlex.split(command.group(0).replace("\\\n", " "))
    subprocess.run([warm.program(), *words[1:]], check=True, capture_output=True, cwd=tmp_path)
    spec = importlib.util.spec_from_file_location("own_loop", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    networks, pair = module.train()
    run_directory = next((tmp_path / "runs" / "quickstart").iterdir())
    for network, peer in zip(networks, "ab", strict=True):
        weights = load_file(run_directory / f"peer_{peer}.safetensors")
        assert network.state_dict().keys() == weights.keys()
        for name, value in network.state_dict().items():
            assert torch.equal(value, weights[name]), name
    assert int(pair.clock.epoch) == module.EPOCHS + 1
    assert logging.getLogger("smkd").name == "smkd"


def test_the_notebook_runs(tmp_path):
    notebook = json.loads((ROOT / "examples" / "noisy_labels.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells).replace("epochs=30", "epochs=3")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "of 1437 labels are wrong" in done.stdout
    assert done.stdout.count(": test ") == 2


def test_training_from_python_is_that_of_the_command(trained, tmp_path):
    events = []
    settings = ["methods=[SMKD-S+MyLC]", "epochs=2", "seeds=[1]", "compute={threads: 1}"]
    arguments = {"device": "cpu", "runs": tmp_path, "report": lambda cell, event: events.append((cell.slug, event))}
    (run,) = smkd.train("quickstart", settings, **arguments)
    for peer in "ab":
        theirs, ours = smkd.Run(trained).weights(peer), run.weights(peer)
        assert all(torch.equal(ours[name], value) for name, value in theirs.items())
    assert {slug for slug, _ in events} == {"smkd-s+mylc_symmetric-0.4_seed1"}
    (again,) = smkd.train("quickstart", settings, device="cpu", runs=tmp_path)
    assert again.path == run.path
    with pytest.raises(smkd.RecipeError, match="epochs"):
        smkd.train("quickstart", ["epochs=none"], runs=tmp_path)
    with pytest.raises(smkd.UsageError, match="no cell is called so"):
        smkd.train("quickstart", settings, cells=["nothing*"], runs=tmp_path)


def test_a_plain_script_runs_once_and_leaves_torch_as_it_was(tmp_path):
    """No process that measures or trains imports the script that called."""
    (tmp_path / "script.py").write_text(
        "import torch\nimport smkd_cli.api as smkd\n"
        "print('began')\ntorch.manual_seed(1234)\ntorch.set_num_threads(1)\n"
        "settings = ['methods=[CE, LS]', 'options={}', 'seeds=[1]', 'epochs=1', 'networks=small_resnet',"
        " 'compute={threads: 1, precision: float32}']\n"
        "runs = smkd.train('quickstart', settings, device='cpu', jobs=2)\n"
        "print(len(runs), torch.initial_seed(), torch.get_num_threads())\n"
    )
    environment = os.environ | {"SMKD_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["began", "2 1234 1"]
    measured = json.loads((tmp_path / "cache" / "calibration.json").read_text())
    assert "failure" not in json.dumps(measured)


@pytest.mark.parametrize(
    ("jobs", "when", "error"),
    [
        (1, "EpochDone", SystemExit),
        (1, "Finished", smkd.DataError),
        (1, "Started", KeyboardInterrupt),
        (2, "EpochDone", KeyError),
        (2, "Started", KeyboardInterrupt),
    ],
)
def test_what_the_callers_report_raises_is_raised_and_the_cells_go_on_later(jobs, when, error, tmp_path):
    handlers = [signal.getsignal(number) for number in SIGNALS]
    told = []

    def report(cell, event):
        told.append(event)
        if type(event).__name__ == when:
            raise error("of the caller")

    settings = ["methods=[CE, LS]", "options={}", "seeds=[1]", "epochs=2", "compute={threads: 1}"]
    with pytest.raises(error, match="of the caller") as caught:
        smkd.train("quickstart", settings, jobs=jobs, device="cpu", runs=tmp_path, report=report)
    assert type(caught.value) is error
    assert type(told[-1]).__name__ == when  # and nothing afterwards
    assert not multiprocessing.active_children()
    assert [signal.getsignal(number) for number in SIGNALS] == handlers
    begun = [path for path in (tmp_path / "quickstart").iterdir() if (path / "manifest.csv").exists()]
    for path in begun:
        assert (path / "result.json").exists() != (path / "checkpoint" / "state.safetensors").exists()
        with RunDirectory(path).locked():
            pass
    runs = smkd.train("quickstart", settings, device="cpu", runs=tmp_path)
    assert len(runs) == 2
    assert all(len(run.metrics) == 2 for run in runs)
    if when != "Finished":
        resumed = [json.loads((run.path / "result.json").read_text())["provenance"]["resumed"] for run in runs]
        assert max(resumed) == 1


def test_an_error_of_the_callers_report_is_not_lost_where_saving_fails(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    def report(cell, event):
        raise KeyError("of the caller")

    monkeypatch.setattr(loop, "save_checkpoint", full)
    settings = ["methods=[CE, LS]", "options={}", "seeds=[1]", "epochs=1", "compute={threads: 1}"]
    with pytest.raises(KeyError, match="of the caller") as caught:
        smkd.train("quickstart", settings, device="cpu", runs=tmp_path, report=report)
    assert "No space left" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda text: text[:-4], "line 3: it has no end, so the row was torn"),
        (lambda text: text[: text.rindex("\n", 0, -1) + 3], "line 3: it has no end, so the row was torn"),
        (lambda text: text[: text.rindex(",")] + "\n", "line 3: it has 2. fields, but the header has 2."),
        (lambda text: text[: text.rindex("\n", 0, -1) + 1], "ends in epoch 1, but the run in 2"),
        (lambda text: text.replace("\n1,", "\n2,"), "line 2: it is not the row of epoch 1"),
        (lambda text: text.replace("train,0", "train,x0"), "line 2: lr is x0"),
        (lambda text: text.replace("lr", "epoch"), "line 1: it names a column twice"),
        (lambda text: text.replace("0.", "0_0.", 1), "line 2: .* is 0_0"),
        (lambda text: "\0" * len(text), "line 1"),
        (lambda text: "", "line 1: there is no column 'epoch'"),
    ],
)
def test_damaged_metrics_of_a_run_are_never_taken_for_data(damage, why, trained, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    metrics = copy / "metrics.csv"
    metrics.write_text(damage(metrics.read_text()))
    with pytest.raises(smkd.DataError, match=rf"metrics\.csv: ({why})") as caught:
        _ = smkd.Run(copy).metrics
    assert "train the cell again" in str(caught.value)


def test_metrics_are_numbers_but_for_the_stage(trained):
    table = smkd.Run(trained).metrics
    assert table["epoch"].tolist() == [1, 2]
    assert table["epoch"].dtype == np.int64
    assert all(isinstance(stage, str) for stage in table["stage"])
    assert {str(table[name].dtype) for name in table.columns if name not in {"epoch", "stage"}} == {"float64"}
