"""Every format says the same."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.report.formats import latex, markdown
from smkd_cli.words import printable

FORMATS = ["terminal", "markdown", "latex", "csv", "json"]


@pytest.fixture
def runs(make_run):
    """Three methods under one noise, three seeds each, and a failed one."""
    for method, mean in (("CE", 47.0), ("LS", 52.0), ("CP", 51.0)):
        for seed in (1, 2, 3):
            make_run(mean + seed, method, seed=seed, best=mean + seed + 2)
    make_run(None, "MyLC")


def pipe_tables(text: str) -> list[list[list[str]]]:
    """The cells of each markdown table, without the rule."""
    blocks = re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines() if "---" not in line]
        for block in blocks
    ]


def test_markdown(runs, smkd):
    headline, epochs = pipe_tables(smkd("report", "runs", "--format", "markdown").out)
    assert headline[0] == ["Method", "Pair-flip 20%", "Pair-flip 40%", "Symmetric 20%", "Symmetric 40%", "Clean"]
    column = {row[0]: row[4] for row in headline[1:]}
    assert column["CE"] == "49.00 ± 1.00 n=3<br>paper 47.20 (+1.80)"
    assert column["LS"] == "**54.00 ± 1.00** n=3<br>paper 51.53 (+2.47)"
    assert column["CP"] == "**53.00 ± 1.00** n=3<br>paper 51.09 (+1.91)"
    assert column["MyLC"] == "failed<br>paper 65.04"
    assert column["SMKD-P+MyLC"] == "missing<br>paper 69.09"
    assert epochs[0] == ["Method", "Last", "Selected", "Best (upper bound)", "Ensemble", "n"]
    assert epochs[1] == ["CE", "49.00 ± 1.00", "49.00 ± 1.00", "51.00 ± 1.00", "49.50 ± 1.00", "3"]


def test_markdown_columns_are_aligned(runs, smkd):
    out = smkd("report", "runs", "--format", "markdown").out
    for block in re.findall(r"(?:^\|.*\n?)+", out, flags=re.MULTILINE):
        assert len({len(line) for line in block.splitlines()}) == 1


def test_latex(runs, smkd):
    out = smkd("report", "runs", "--format", "latex").out
    assert r"LS & \shortstack[r]{missing \\ paper 65.15}" in out
    assert r"\shortstack[r]{\textbf{54.00 $\pm$ 1.00} n=3 \\ paper 51.53 (+2.47)}" in out
    assert r" & \multicolumn{2}{c}{Pair-flip} & \multicolumn{2}{c}{Symmetric} &  \\" in out
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}" in out
    for environment in ("table", "tabular"):
        assert out.count(f"\\begin{{{environment}}}") == out.count(f"\\end{{{environment}}}") == 2
    assert not re.search(r"(?<!\\)[%_#](?! needs)", out.replace("$_2$", ""))


def test_json(runs, smkd):
    document = json.loads(smkd("report", "runs", "--format", "json").out)
    assert document["schema"] == "smkd/report/1"
    [table] = document["tables"]
    cells = {row["label"]: row["cells"][3] for row in table["rows"]}
    assert cells["LS"]["scores"]["last"] == {"mean": 54.0, "sd": 1.0, "n": 3}
    assert cells["LS"]["difference"] == pytest.approx(54.0 - 51.53)
    assert [name for name, cell in cells.items() if cell["best_two"]] == ["LS", "CP"]
    assert {name: cells[name]["status"] for name in ("CE", "MyLC", "Boot-soft")} == {
        "CE": "filled",
        "MyLC": "failed",
        "Boot-soft": "missing",
    }


def test_terminal_fits_into_80_columns_and_marks_the_best(runs, smkd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = smkd("report", "runs").out
    assert max(map(len, out.splitlines())) <= 80
    assert "54.00±1.00*" in out
    assert "53.00±1.00*" in out
    assert "49.00±1.00*" not in out


def test_ties_share_a_place(make_run, smkd):
    for method, mean in (("CE", 50.0), ("LS", 60.0), ("CP", 60.0), ("MyLC", 60.0)):
        make_run(mean, method)
    [table] = json.loads(smkd("report", "runs", "--format", "json").out)["tables"]
    assert [row["label"] for row in table["rows"] if row["cells"][3]["best_two"]] == ["LS", "CP", "MyLC"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_gets_what_stdout_would(form, runs, smkd, tmp_path):
    printed = smkd("report", "runs", "--format", form).out
    written = smkd("report", "runs", "--format", form, "-o", "new/report.txt")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "new" / "report.txt").read_text(encoding="utf-8") == printed


@pytest.mark.parametrize("form", FORMATS)
def test_no_number_without_its_n(form, make_run, smkd):
    make_run(47.0, recipe="quickstart", tables=[])
    out = smkd("report", "runs", "--format", form).out
    assert {"csv": ",47.0,,1,", "json": '"n": 1'}.get(form, "n=1") in out


def test_labels_are_escaped(make_run, smkd):
    make_run(50.0, "CE", label="a_b|c*", recipe="mine", tables=[])
    assert r"| a\_b\|c\*" in smkd("report", "runs", "--format", "markdown").out
    assert r"a\_b\textbar{}c* &" in smkd("report", "runs", "--format", "latex").out
    assert "a_b|c*" in smkd("report", "runs").out


@given(st.text())
@settings(max_examples=100)
def test_markdown_escape_can_be_undone_and_stays_in_its_cell(text):
    escaped = markdown.escape(text)
    assert re.sub(r"\\(.)", r"\1", escaped) == " ".join(printable(text).split())
    assert not re.search(r"(?<!\\)(?:\\\\)*[|*_`<>\[\]]", escaped)


@given(st.text(alphabet="\\{}$&#%_^~ab"))
@settings(max_examples=100)
def test_latex_escape_leaves_no_special_character_bare(text):
    escaped = latex.escape(text)
    bare = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]", "", escaped)
    assert not set(bare) & set("\\{}$&#%_^~")


@pytest.mark.parametrize("columns", ["1", "2", "39"])
def test_a_terminal_too_narrow_for_any_table_gets_a_readable_one(runs, smkd, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", "40")
    wide = smkd("report", runs)
    monkeypatch.setenv("COLUMNS", columns)
    assert smkd("report", runs).out == wide.out
