"""Methods of other packages, and of files: what is wrong with one of them stops nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from settled import COMPUTE

RULE = """\
from smkd_cli.methods.contract import Refined
from smkd_cli.methods.targets.contract import TargetRule

class Rule(TargetRule):
    \"\"\"The given labels.\"\"\"
    name = "{name}"

    def refine(self, own, batch, clock):
        return Refined(batch.target)
"""
SMALL = ["--set", "epochs=1", "--set", "seeds=[1]", "--set", "networks=small_resnet", "--set", "options={}"]
BROKEN = {
    "raises at import": ("raise RuntimeError('out of order')\n", "RuntimeError: out of order"),
    "exits": ("import sys\nsys.exit()\n", "SystemExit"),
    "exits as if all were well": ("raise SystemExit(0)\n", "SystemExit: 0"),
    "raises what is no exception": ("class End(BaseException): pass\nraise End\n", "End"),
    "raises an error that cannot be shown": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd\n",
        "Odd",
    ),
    "is no Python": ("def (:\n", "SyntaxError"),
    "has no such name": ("x = 1\n", "AttributeError"),
    "is no rule": ("Rule = 3\n", "is no subclass of TargetRule, ExchangeRule or Method with a name"),
    "is a rule without a name": (RULE.replace('name = "{name}"', "pass"), "with a name"),
    "has a name of ours": (RULE.format(name="ce"), "ce: is a name of smkd's own"),
}


@pytest.fixture
def run(tmp_path):
    """Start smkd where these packages are installed: ``run("methods", "ls")``."""

    def start(*arguments):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])}
        command = [sys.executable, "-m", "smkd_cli", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return start


@pytest.fixture
def install(tmp_path):
    """Make a package of one module that offers a method: ``install("broken", "raise KeyError")``."""

    def make(name, code, entry=None):
        (tmp_path / f"{name}_module.py").write_text(code)
        about = tmp_path / f"{name}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1\n")
        line = f"{name.capitalize()} = {name}_module:Rule" if entry is None else entry
        (about / "entry_points.txt").write_text(f"[smkd.methods]\n{line}\n")

    return make


def test_broken_packages_are_named_and_stop_nothing(install, run):
    names = {f"broken{number}": fault for number, fault in enumerate(BROKEN)}
    for name, fault in names.items():
        install(name, BROKEN[fault][0])
    install("good", "print('a word')\n" + RULE.format(name="Good"))
    result = run("recipes", "validate", "quickstart", *SMALL, "--set", "methods=[CE, Good, SMKD-P+Good]")
    assert (result.returncode, result.stdout) == (0, "quickstart: ok, 3 cells\n"), result.stderr
    warnings = result.stderr.split("warning: ")[1:]
    listed = run("methods", "ls")
    assert listed.returncode == 0
    assert [line for line in listed.stdout.splitlines() if line.startswith("Good\t")]
    asked = run("recipes", "validate", "quickstart", *SMALL, "--set", f"methods=[{', '.join(map(str.title, names))}]")
    assert (asked.returncode, asked.stdout) == (3, "")
    for name, fault in names.items():
        (warning,) = [warning for warning in warnings if f"package {name}-package" in warning]
        assert BROKEN[fault][1] in warning
        assert listed.stderr.count(f"{name}-package") == 1
        if fault != "has a name of ours":
            assert f"method '{name.title()}' cannot be used: package {name}-package" in asked.stderr


def test_a_package_that_exits_does_not_end_a_training(install, run, tmp_path):
    install("broken", "raise SystemExit(0)\n")
    grid = ["--set", "methods=[CE]", "--set", COMPUTE]
    result = run("train", "quickstart", *SMALL, *grid, "--device", "cpu", "--jobs", 1)
    assert result.returncode == 0
    assert result.stdout == "runs/quickstart/ce_symmetric-0.4_seed1\n"
    assert "broken-package" in result.stderr


@pytest.mark.parametrize("entry", ["Broken = a:b:c", "Broken = ", "Broken = nowhere:Rule"])
def test_an_entry_that_leads_nowhere(entry, install, run):
    install("broken", "", entry)
    install("good", RULE.format(name="Good"))
    result = run("recipes", "validate", "quickstart", *SMALL, "--set", "methods=[Good]")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"[smkd.methods]\nBroken\n",
        b"[smkd.methods]\n= nowhere:Rule\n",
        b"[smkd.methods]\nBroken = : [\n",
        b"[smkd.methods",
        b"no section = nowhere:Rule\n",
        b"\xff\xfe[smkd.methods]\nBroken = nowhere:Rule\n",
        b"\0" * 100,
    ],
)
def test_broken_metadata_of_a_package_disables_nothing(content, install, run, tmp_path):
    install("broken", "")
    (tmp_path / "broken-1.dist-info" / "entry_points.txt").write_bytes(content)
    install("good", RULE.format(name="Good"))
    result = run("recipes", "validate", "quickstart", *SMALL, "--set", "methods=[CE, Good]")
    assert (result.returncode, result.stdout) == (0, "quickstart: ok, 2 cells\n"), result.stderr
    assert result.stderr.count("broken-package") <= 1
    if b"Broken\n" in content or b"\xff" in content:
        assert "package broken-package: its entry points cannot be read, so it offers nothing" in result.stderr
    if b"\xff" not in content:
        return
    for command in ("methods ls", "datasets ls", "report --format nonesuch", "methods show nonesuch"):
        assert run(*command.split()).returncode == (2 if "nonesuch" in command else 0)
    (tmp_path / "broken-1.dist-info" / "METADATA").write_bytes(b"\xff\xfe")
    assert run("methods", "show", "Good").returncode == 0


def test_a_name_that_two_packages_offer_is_that_of_neither(install, run):
    for name in ("one", "two"):
        install(name, RULE.format(name="Same"))
    result = run("recipes", "validate", "quickstart", *SMALL, "--set", "methods=[Same]")
    assert result.returncode == 3
    assert "one-package" in result.stderr
    assert "two-package" in result.stderr
    assert run("recipes", "validate", "quickstart", *SMALL, "--set", "methods=[CE]").returncode == 0


def test_a_method_that_cannot_be_described(install, run):
    code = (
        "from smkd_cli.methods import Method\n\nclass Rule(Method):\n    name = 'Mute'\n"
        "    def loss(self, own, other, batch, clock): ...\n"
        "    def stages(self, epochs):\n        raise SystemExit(0)\n"
    )
    install("mute", code)
    listed = run("methods", "ls")
    assert listed.returncode == 0
    assert "CE\ttarget rule" in listed.stdout
    assert "method Mute (package mute-package) cannot be used: SystemExit: 0" in listed.stderr
    assert "in stages" in listed.stderr
    assert run("methods", "show", "mute").returncode == 2
    assert run("methods", "show", "CE").returncode == 0


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys\nsys.exit(0)\n", "cannot be loaded: SystemExit: 0"),
        ("class End(BaseException): pass\nraise End('x')\n", "End: x"),
        ("x = '\0'\n", "cannot be loaded: "),
        (
            RULE.format(name="X") + RULE.format(name="x").replace("Rule(T", "Other(T"),
            "own.py: defines two that are named x",
        ),
        (
            RULE.format(name="X").replace("TargetRule", "Rule").replace("targets.contract", "contract"),
            "defines no method",
        ),
        (RULE.format(name="X").replace('"X"', "7"), "defines no method"),
        (RULE.format(name="Y"), "there are Y"),
    ],
)
def test_what_a_file_can_do_wrong(code, reason, smkd, tmp_path):
    (tmp_path / "own.py").write_text(code)
    for command in (["recipes", "validate", "quickstart"], ["train", "quickstart"]):
        result = smkd(*command, *SMALL, "--set", 'methods=["own.py:X"]')
        assert (result.code, result.out) == (3, "")
        assert reason in result.err
        assert "Traceback" not in result.err


def test_two_rules_that_share_an_option_go_not_together(run, tmp_path):
    code = RULE.format(name="X").replace("    def refine", "    eta: float = 1.0\n\n    def refine")
    (tmp_path / "own.py").write_text(code)
    result = run("recipes", "validate", "quickstart", *SMALL, "--set", 'methods=["SMKD-S+own.py:X"]')
    assert (result.returncode, "share the options eta" in result.stderr) == (3, True)
