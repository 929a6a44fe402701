"""Every command in the README, run as it stands in one folder, one after the other."""

from __future__ import annotations

import re

import pytest
from documents import ROOT, Clone, blocks, links, shortened

README = ROOT / "README.md"
COMMANDS = [line for _, block in blocks(README, "sh") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone.make(tmp_path_factory.mktemp("clone"))


def test_every_command_of_the_readme(clone):
    assert sum("smkd" in command for command in COMMANDS) >= 12
    for command in COMMANDS:
        if command.startswith("make "):
            result, expected = clone.run(f"make --dry-run {command.split()[1]}", where=ROOT), 0
        else:
            # Without CIFAR-100 the real grid cannot start, and says what to do.
            result, expected = clone.run(shortened(command)), 4 if "table2" in command else 0
        assert result.returncode == expected, f"{command}\n{result.stderr}"
        if expected == 4:
            assert "smkd datasets fetch cifar100" in result.stderr


def test_every_link_of_the_readme_leads_somewhere():
    found = [link.partition("#")[0] for link in links(README)]
    assert found
    assert all((ROOT / link).exists() for link in found)


def test_numbers_of_the_quickstart_are_those_of_its_committed_results(smkd):
    section = README.read_text(encoding="utf-8").split("## The quickstart")[1].split("\n## ")[0]
    results = ROOT / "benchmarks" / "results" / "quickstart"
    report = smkd("report", results, "--format", "markdown", "--against", "Zero+MyLC")
    assert report.code == 0, report.err
    rows = [line for line in section.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) >= 12
    assert set(rows) <= set(report.out.splitlines())
    numbers = set(re.findall(r"(?<!torch )\b\d+\.\d\d\b", section))
    assert numbers <= set(re.findall(r"\d+\.\d\d\b", report.out))
