"""docs/reproduction.md: no result stands there that its ledger does not hold."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LEDGERS = ROOT / "benchmarks" / "ledgers"
PAGE = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^smkd (report (benchmarks/results/\S+).* --format markdown)$", re.MULTILINE)
RESULT = re.compile(
    r"(?<![\d.])\d+\.\d\d(?!\d|\.\d)"
)  # numbers with two decimals are accuracies, or differences of them
GAIN = re.compile(r"gain over (\S+)", re.IGNORECASE)


def _sections():
    """Heading, text, command and folder of each section; the last two are empty where it reports on no ledger."""
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE):
        commands = COMMAND.findall(section)
        assert len(commands) <= 1
        yield section.partition("\n")[0], section, *(commands[0] if commands else ("", ""))


SECTIONS = [section for section in _sections() if section[2]]
each_section = pytest.mark.parametrize(
    ("section", "command", "folder"), [section[1:] for section in SECTIONS], ids=[section[0] for section in SECTIONS]
)


def _rows(markdown):
    """The rows with results, however wide their columns, each with the baseline if they are gains."""
    baseline = ""
    for line in markdown.splitlines():
        heading = line.startswith(("#", "| Gain over"))
        if heading:
            gain = GAIN.search(line)
            baseline = gain[1].rstrip(",") if gain else ""
        elif line.startswith("|") and RESULT.search(line):
            yield baseline, re.sub(r"\s+", " ", line)


def _of_the_paper():
    with (ROOT / "data" / "published.csv").open(encoding="utf-8") as file:
        return {f"{float(line['accuracy']):.2f}" for line in csv.DictReader(file)}


def _of_the_records():
    """What the careful recipe names of the ProSelfLC author's later records."""
    return set(RESULT.findall((LEDGERS / "careful-recipe.yaml").read_text(encoding="utf-8")))


def test_there_are_sections_with_results():
    assert len(SECTIONS) >= 2


def test_the_lists_are_as_long_as_the_page_says():
    stated = dict(re.findall(r"^\| `ledgers/(\w+)\.yaml` \|.*?\| (\d+) \|", PAGE, flags=re.MULTILINE))
    ledgers = {path.stem: path for path in LEDGERS.glob("*.yaml") if "lines" in yaml.safe_load(path.read_text())}
    assert stated.keys() == ledgers.keys()
    for name, count in stated.items():
        command = [sys.executable, ROOT / "benchmarks" / "ledger.py", ledgers[name]]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        assert sum(int(line.split()[2]) for line in shown.splitlines()) == int(count), name


@each_section
def test_every_row_is_what_the_command_prints(smkd, tmp_path, section, command, folder):
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    report = smkd(*shlex.split(command))
    assert report.code == 0, report.err
    shown = list(_rows(section))
    assert len(shown) >= 10
    assert set(shown) <= set(_rows(report.out))


def test_words_repeat_numbers_of_the_tables_of_the_paper_or_of_the_records():
    elsewhere = _of_the_paper() | _of_the_records()
    for heading, section, *_ in _sections():
        tables = set(RESULT.findall("\n".join(row for _, row in _rows(section))))
        assert set(RESULT.findall(section)) <= tables | elsewhere, heading


@each_section
def test_cells_and_hours_are_those_of_the_records(section, command, folder):
    records = [json.loads(path.read_text()) for path in (ROOT / folder).rglob("result.json")]
    assert all(record["status"] == "finished" for record in records)
    hours = sum(record["provenance"]["seconds"] for record in records) / 3600
    stated = re.search(r"(\d+) cells, (\d+\.\d) hours", section)
    assert stated is not None
    assert (int(stated[1]), float(stated[2])) == (len(records), round(hours, 1))
