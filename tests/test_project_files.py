"""What stands in several of the project's files is the same in all of them."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from documents import ROOT, Clone, anchors, blocks, links

from smkd_cli import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
# What the tests need; programs that only read the code may be new.
TESTED = {"hypothesis", "pyarrow", "pytest", "pytest-xdist"}


def requirements():
    """The name and the oldest version of everything that runs the program and its tests."""
    extras = [line for extra in ("parquet", "dev") for line in PROJECT["optional-dependencies"][extra]]
    found = (re.fullmatch(r"([\w-]+)>=([\d.]+)", line) for line in (*PROJECT["dependencies"], *extras))
    pairs = {match[1].lower(): match[2] for match in found if match}
    run = {re.split(r"\W*>=", line)[0].lower() for line in PROJECT["dependencies"]}
    return {name: oldest for name, oldest in pairs.items() if name in run | TESTED}


def test_ci_installs_the_oldest_versions_that_are_allowed():
    lines = (ROOT / ".ci" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.lower().split("==") for line in lines if not line.startswith("#"))
    oldest = requirements()
    assert len(oldest) == len(PROJECT["dependencies"]) + len(TESTED)
    for name, version in oldest.items():
        assert pinned[name] == version or pinned[name].startswith(f"{version}."), name


def test_ci_runs_on_every_python_that_the_package_names():
    heads = "Programming Language :: Python :: 3."
    named = [line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if line.startswith(heads)]
    matrix = WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"
    assert all(extra["python"] in named for extra in matrix["include"])


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]


@pytest.mark.parametrize("link", links(CONTRIBUTING))
def test_every_link_for_contributors_leads_somewhere(link):
    file, _, anchor = link.partition("#")
    assert (ROOT / file).exists()
    assert not anchor or anchor in anchors(ROOT / file)


def test_every_command_for_contributors_is_there(tmp_path):
    commands = [line for _, block in blocks(CONTRIBUTING, "sh") for line in block.splitlines()]
    assert commands
    clone = Clone.make(tmp_path)
    for command in commands:
        result = clone.run(command.replace("make", "make --dry-run"), where=ROOT)
        assert result.returncode == 0, result.stderr
