"""Whatever a plug-in does in whatever function: it is named, with the documented exit code, and stdout stays clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from settled import COMPUTE

SETTINGS = ["epochs=1", "seeds=[1]", "options={}", "networks=small_resnet", COMPUTE]
SMALL = [word for setting in SETTINGS for word in ("--set", setting)]
CE = ["--set", "methods=[CE]"]


def failed(result, code, *words):
    assert (result.code, result.out) == (code, ""), result.err
    for word in words:
        assert word in result.err, result.err
    assert "Traceback" not in result.err


AUGMENTATION = """\
from smkd_cli.data.augmentation import Augmentation

class Own(Augmentation):
    name = "own"

    def draw(self, random, n, views):
        return {"x": random.random((n, views))}

    def apply(self, pixels, drawn):
        return pixels
"""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("exit(0)", "augmentation own.py:own cannot be used: draw: SystemExit: 0"),
        ("return 3", "augmentation own.py:own cannot be used: draw: TypeError"),
        ("return {'x': 3}", "augmentation own.py:own: draw should return arrays of numbers (2, 1, …) by name, not int"),
        ("return {'x': random.random(n)}", "by name, not float64 (2,)"),
        ("return {3: random.random((n, views))}", "arrays of numbers (2, 1, …) by name"),
    ],
)
def test_what_an_augmentation_draws(line, why, smkd):
    Path("own.py").write_text(AUGMENTATION.replace("        return {", f"        {line}\n        return {{"))
    rules = ["--set", 'augmentation={rules: ["own.py:own"]}']
    failed(smkd("recipes", "validate", "quickstart", *SMALL, *CE, *rules), 3, "augmentation.rules.0", why)


def test_an_augmentation_that_cannot_be_made(smkd):
    Path("own.py").write_text(AUGMENTATION + "\n    def model_post_init(self, context):\n        exit(0)\n")
    rules = ["--set", 'augmentation={rules: ["own.py:own"]}']
    failed(smkd("recipes", "validate", "quickstart", *SMALL, *CE, *rules), 3, "own.py:own cannot be used: SystemExit")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("print('hello'); exit(0)", "SystemExit: 0, in own.py, line 10, in apply"),
        ("return None", "the cell uses own.py:own"),
        ("return pixels.float()", "own should give images as it gets them"),
    ],
)
def test_what_an_augmentation_applies(line, why, smkd):
    Path("own.py").write_text(AUGMENTATION.replace("        return pixels", f"        {line}"))
    rules = ["--set", 'augmentation={rules: ["own.py:own"]}', "--jobs", 1]
    failed(smkd("train", "quickstart", *SMALL, *CE, *rules), 5, why)


def test_a_network_that_fails_in_training_and_in_scoring(examples, smkd):
    code = (examples / "my_net.py").read_text()
    training = "        if self.training: print('hello'), {}['no']\n"
    (examples / "own.py").write_text(
        code.replace("        return self.classify(", f"{training}        return self.classify(")
    )
    grid = ["quickstart", *SMALL, *CE, "--jobs", 1, "--set", "networks=own.py:MyNet"]
    failed(smkd("train", *grid), 5, "hello", "in own.py, line")
    (examples / "two.py").write_text(
        "import os\n"
        + code.replace(
            "        return self.classify(",
            "        print('hello')\n        os.environ.get('FAULTY') and exit(0)\n        return self.classify(",
        )
    )
    grid = ["quickstart", *SMALL, *CE, "--jobs", 1, "--runs", "others", "--set", "networks=two.py:MyNet"]
    trained = smkd("train", *grid)
    assert (trained.code, trained.out) == (0, "others/quickstart/ce_symmetric-0.4_seed1\n"), trained.err
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAULTY", "1")
        failed(smkd("eval", trained.out.strip(), "--trust-code"), 2, "network two.py:MyNet cannot be used: SystemExit")


TRANSITIONS = """\
import numpy as np
from smkd_cli.noise import NoiseKind
from smkd_cli.noise.forms import Even, Transitions

class Own(Transitions):
    def __init__(self, classes):
        self.stay = np.full(classes, 0.5)
        self.leave = self.rival = np.full(classes, 0.5)

    def wrong(self, clean, rest):
        return (clean + 1) % self.classes

    def share_out(self, clean, count, lots):
        return np.full(count, 0)

    def row(self, clean):
        return np.arange(2), np.full(2, 0.5)

    def matrix(self):
        return np.full((self.classes, self.classes), 1 / self.classes)

x = NoiseKind(name="x", transitions=lambda rate, classes, dataset: Own(classes))
"""


@pytest.mark.parametrize(
    ("old", "new", "sampling", "why"),
    [
        (
            "np.full(classes, 0.5)\n        self.leave",
            "np.full(classes, 2.0)\n        self.leave",
            "exact",
            "stay should",
        ),
        ("self.rival = np.full(classes, 0.5)", "self.rival = np.full(classes, 0.3)", "exact", "sum to 0.8, not 1"),
        ("self.leave = ", "", "exact", "AttributeError"),
        ("Own(classes))", "Even(classes, float('nan'), 0.1))", "exact", "stay should hold probabilities"),
        ("Own(classes))", "exit(0))", "exact", "SystemExit: 0"),
        ("return (clean", "exit(0); return (clean", "per-sample", "wrong: SystemExit: 0"),
        ("(clean + 1) % self.classes", "clean + 1", "per-sample", "wrong: ValueError: labels should be in 0 … 9"),
        ("(clean + 1) % self.classes", "clean[1:]", "per-sample", "wrong: ValueError: labels should be an array"),
        ("np.full(count, 0)", "'x'", "exact", "share_out: ValueError: labels should be an array"),
        ("return np.arange(2), ", "return ", "coteaching", "row: "),
    ],
)
def test_transitions_of_a_class_of_its_own(old, new, sampling, why, smkd):
    assert old in TRANSITIONS
    Path("own.py").write_text(TRANSITIONS.replace(old, new))
    arguments = ("--dataset", "digits", "--kind", "own.py:x", "--rate", "0.5", "--sampling", sampling, "-o", "-")
    failed(smkd("corrupt", *arguments), 2, "the kind of noise own.py:x cannot be used: ", why)


LAYOUT = """\
from smkd_cli.report.layout import FromResults, Layout, Slot, method_row, percent

x = Layout(
    name="own", title="Own", corner="Method", rows=(method_row("CE"),), columns=FromResults("rate", percent),
)
"""


@pytest.fixture
def result(smkd, tmp_path):
    """The folder of a run whose recipe names the layout ``own.py:x``."""
    (tmp_path / "own.py").write_text(LAYOUT)
    trained = smkd("train", "quickstart", *SMALL, *CE, "--jobs", 1, "--set", 'tables=["own.py:x"]')
    assert trained.code == 0, trained.err
    return Path(trained.out.strip())


def test_layouts(result, smkd):
    faults = {
        "title=3": "title should be text, not int",
        "name=''": "name should be a line",
        "columns=3": "columns should be FromResults",
        "rows=(method_row('CE'), 3)": "rows should be FromResults, or a tuple of Slot",
        "rows=(Slot(3, {}),)": "rows should be",
        "columns=FromResults('rate', percent, every=0)": "columns should be",
        "columns=FromResults('rate', lambda rate: rate)": "label should return text, not float",
        "columns=FromResults('rate', lambda rate: exit(0))": "SystemExit: 0",
        "where={'rate': [0.4]}, rows=(Slot('a', {'rate': []}),)": "TypeError",
        "where=3": "where should be a dictionary",
        "measure=lambda result: exit(0)": "SystemExit: 0",
        "measure=lambda result: [({}, {'last': 'high'})]": "TypeError",
        "metric=None": "metric should be text",
        "decimals='two'": "decimals should be a number",
        "best_two=1": "best_two should be True or False",
        "epochs='many'": "epochs should be",
        "notes='few'": "notes should be a tuple of texts",
    }
    for number, (fault, why) in enumerate(faults.items()):
        file, key = f"own{number}.py", fault.partition("=")[0]
        code = LAYOUT.replace('"Own"', "'Own'")
        kept = {"name": 'name="own"', "title": "title='Own'", "rows": 'rows=(method_row("CE"),)'}
        kept["columns"] = 'columns=FromResults("rate", percent)'
        for name in (key, "rows") if "rows=" in fault else (key,):
            code = code.replace(f"{kept.get(name, 'nothing at all')}, ", "").replace(f"{kept.get(name, 'no')},\n", "\n")
        Path(file).write_text(code.replace("Layout(\n", f"Layout({fault},\n"))
        path = result / "result.json"
        path.write_text(path.read_text().replace("own.py:x" if not number else f"own{number - 1}.py:x", f"{file}:x"))
        for form in ("markdown", "latex", "csv", "json", "terminal"):
            report = smkd("report", result, "--trust-code", "--format", form)
            assert report.code == 0, (fault, report.err)
            assert f"{file}:x" in report.err, (fault, report.err)
            assert why in report.err, (fault, report.err)
            assert "CE" in report.out, fault


EXECUTOR = """\
from smkd_cli.errors import TrainingError
from smkd_cli.train.events import Finished
from smkd_cli.train.executors import Ended, Executor, train_task

class Own(Executor):
    name = "own"

    def __init__(self, jobs):
        pass

    def run(self, tasks, report, stop):
        print("hello")
        for task in tasks:
            pass
"""


@pytest.mark.parametrize(
    ("line", "code", "why"),
    [
        ("pass", 5, "the executor did not report how it ended"),
        ("exit(0)", 2, "the executor own.py:own cannot be used: run: SystemExit: 0"),
        ("report(task, Ended())", 2, "reports a cell that it was not given"),
        ("report(task.cell, 'done')", 2, "should report events or Ended, not str"),
        ("report(task.cell, Ended())", 5, "the executor own.py:own reports it as finished, and it has no result"),
        ("report(task.cell, Ended('no'))", 5, "reports an error that is str, not SmkdError"),
        ("report(task.cell, Ended(KeyError('no')))", 5, "reports an error that is KeyError"),
        ("report(task.cell, Ended(TrainingError('my own words')))", 5, "my own words"),
    ],
)
def test_executors(line, code, why, smkd):
    Path("own.py").write_text(EXECUTOR.replace("            pass", f"            {line}"))
    result = smkd("train", "quickstart", *SMALL, *CE, "--executor", "own.py:own")
    failed(result, code, why, "hello")


@pytest.mark.parametrize(("body", "why"), [("return 3", "is no Executor, but int"), ("exit(0)", "SystemExit: 0")])
def test_an_executor_that_cannot_be_made(body, why, smkd):
    code = EXECUTOR.replace("def __init__(self, jobs):\n        pass", f"def __new__(cls, jobs):\n        {body}")
    Path("own.py").write_text(code)
    failed(smkd("train", "quickstart", *SMALL, *CE, "--executor", "own.py:own"), 2, "the executor own.py:own", why)


def test_a_format_that_no_file_can_hold(smkd):
    code = "from smkd_cli.report.formats.contract import Format\n"
    Path("own.py").write_text(code + "x = Format(name='x', extension='.x', render=lambda report: chr(0xD800))\n")
    failed(smkd("report", "--format", "own.py:x", "-o", "here"), 2, "the format own.py:x makes text that UTF-8 cannot")


@pytest.mark.parametrize("name", ["7", "'\\n'", "['x']"])
@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("from smkd_cli.noise import NoiseKind\nx = NoiseKind(name={}, matrix=print)\n", ("corrupt", "--kind")),
        (
            "from smkd_cli.report.formats.contract import Format\nx = Format(name={}, extension='', render=print)\n",
            ("report", "--format"),
        ),
    ],
)
def test_a_name_that_is_none(name, code, command, smkd):
    Path("own.py").write_text(code.format(name))
    failed(smkd(*command, "own.py:x"), 2, "own.py: a name is not a line of at most 100 printable characters")
