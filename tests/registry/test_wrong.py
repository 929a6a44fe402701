"""Plug-ins of files that load, and are wrong when they are used."""

from __future__ import annotations

from pathlib import Path

import pytest

from smkd_cli import networks, noise
from smkd_cli.errors import UsageError

NOISE = "import numpy as np\nfrom smkd_cli.errors import UsageError\nfrom smkd_cli.noise import NoiseKind\n"
NETWORK = "from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self, classes, channels):\n        super()"
SMALL = ["--set", "epochs=1", "--set", "seeds=[1]", "--set", "methods=[CE]", "--set", "options={}"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("matrix=lambda rate, classes, dataset: np.eye(3)", r"has shape \(3, 3\), not \(4, 4\)"),
        ("matrix=lambda rate, classes, dataset: 2 * np.eye(classes) - 0.25", "should hold probabilities"),
        ("matrix=lambda rate, classes, dataset: np.eye(classes) * np.nan", "should hold probabilities"),
        (
            "matrix=lambda rate, classes, dataset: np.eye(classes) * (1 - rate)",
            "row 0 .* sums to 0.6, not 1",
        ),
        ("matrix=lambda rate, classes, dataset: exit()", "SystemExit"),
        ("transitions=lambda rate, classes, dataset: np.eye(classes)", "should return Transitions of 4 classes"),
        ("matrix=lambda rate, classes, dataset: [][0]", "IndexError"),
    ],
)
def test_noise_that_cannot_be(function, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(NOISE + f"mine = NoiseKind(name='mine', {function})\n")
    with pytest.raises(UsageError, match=message):
        noise.corrupt_labels([0, 1, 2, 3], kind="own.py:mine", rate=0.4, classes=4, seed=0)


def test_noise_says_itself_what_does_not_fit(tmp_path, smkd):
    (tmp_path / "own.py").write_text(
        NOISE + "def only_ten(rate, classes, dataset):\n    raise UsageError('ten classes, please')\n"
        "mine = NoiseKind(name='mine', matrix=only_ten)\n"
    )
    result = smkd("corrupt", "--kind", "own.py:mine")
    assert (result.code, result.err) == (2, "error: ten classes, please\n")
    result = smkd("recipes", "validate", "quickstart", *SMALL, "--set", 'noise=[{kind: "own.py:mine", rate: 0.1}]')
    assert (result.code, "noise.0: ten classes, please" in result.err) == (3, True)


@pytest.mark.parametrize("name", ["x" * 97 + ".py:mine", "a\nb.py:mine"])
def test_a_name_that_no_manifest_could_hold(name, smkd):
    result = smkd("corrupt", "--kind", name)
    assert (result.code, "is no line of at most 100 characters" in result.err) == (2, True)


def test_noise_needs_one_function():
    with pytest.raises(ValueError, match="either a matrix or transitions"):
        noise.NoiseKind(name="none")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def Net(classes, channels):\n    return 3\n", "is no torch.nn.Module, but int"),
        ("def Net(classes):\n    return 3\n", "cannot be used: TypeError"),
        ("def Net(classes, channels):\n    exit()\n", "cannot be used: SystemExit"),
        (
            NETWORK + ".__init__()\n\n    def forward(self, x):\n        return x\n",
            "makes (2, 1, 8, 8) of images (2, 1, 8, 8), not logits (2, 10)",
        ),
        (NETWORK + ".__init__()\n        self.x\n", "AttributeError"),
    ],
)
def test_a_network_that_is_not_valid_is_reported_before_it_trains(code, message, tmp_path, smkd):
    (tmp_path / "own.py").write_text(code)
    result = smkd("train", "quickstart", *SMALL, "--set", "networks=own.py:Net", "--jobs", 1)
    assert (result.code, result.out) == (3, "")
    assert "networks.0: network own.py:Net " in result.err
    assert message in result.err
    assert "Traceback" not in result.err


def test_a_method_that_looks_at_features_needs_a_network_that_has_them(examples, smkd):
    plain = (
        NETWORK + ".__init__()\n        self.one = nn.Linear(64 * channels, classes)\n\n"
        "    def forward(self, x):\n        return self.one(x.flatten(1))\n"
    )
    (examples / "own.py").write_text(plain)
    options = [*SMALL, "--set", "methods=[AFD]", "--set"]
    result = smkd("recipes", "validate", "quickstart", *options, "networks=own.py:Net")
    assert (result.code, "own.py:Net needs the functions maps and classify" in result.err) == (3, True)
    assert smkd("recipes", "validate", "quickstart", *options, "networks=my_net.py:MyNet").code == 0
    assert smkd("recipes", "validate", "quickstart", *SMALL, "--set", "networks=own.py:Net").code == 0


def test_the_cost_of_an_example_is_counted(examples):
    facts = networks.facts("my_net.py:MyNet")
    assert facts.features == 16
    assert facts.parameters_at(10, 3) == 16 * 27 + 16 + 16 * 10 + 10
    assert facts.multiply_adds_at((8, 6, 3), 10) == 16 * 27 * 8 * 6 + 16 * 10
    assert facts.training_operations((8, 6, 3), 10) == 6 * facts.multiply_adds_at((8, 6, 3), 10)


@pytest.mark.parametrize(
    ("render", "message"),
    [
        ("lambda report: 3", "makes no text, but int"),
        ("lambda report: report.nothing", "cannot be used: AttributeError"),
        ("lambda report: exit(0)", "cannot be used: SystemExit"),
    ],
)
def test_a_format_that_makes_no_text(render, message, tmp_path, smkd):
    code = (
        f"from smkd_cli.report.formats.contract import Format\nx = Format(name='x', extension='.x', render={render})\n"
    )
    (tmp_path / "own.py").write_text(code)
    result = smkd("report", "--format", "own.py:x")
    assert (result.code, result.out) == (2, "")
    assert f"the format own.py:x {message}" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("report", "--format", "markdwn"), 2, "unknown format 'markdwn'; did you mean markdown?"),
        (("corrupt", "--dataset", "digit"), 2, "unknown data set 'digit'; did you mean digits?"),
        (("datasets", "fetch", "own.py:x"), 2, "own.py: no such file of datasets"),
        (("recipes", "validate", "quickstart", "--set", "tables=[figure5]"), 3, "did you mean figure"),
        (("recipes", "validate", "quickstart", "--set", "tables=[own.py:x]"), 3, "own.py: no such file of layouts"),
        (("recipes", "validate", "quickstart", "--set", "networks=own.py:x"), 3, "own.py: no such file of networks"),
        (("recipes", "validate", "quickstart", "--set", "dataset=own.py:x"), 3, "own.py: no such file of datasets"),
    ],
)
def test_exit_codes(arguments, code, message, smkd):
    result = smkd(*arguments)
    assert (result.code, result.out, message in result.err) == (code, "", True), result.err
