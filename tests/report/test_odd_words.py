"""Words from files steer no terminal, are no formula of a spreadsheet, and stay in their cell."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import record, scored

from smkd_cli.report.formats import csv as csv_format
from smkd_cli.report.formats import latex, markdown
from smkd_cli.words import in_json, message, printable, shortened

FORMATS = ["terminal", "markdown", "latex", "csv", "json"]
ESCAPES = "\x1b]0;title\x07\x1b[31mX\r\n\x9b2J\u202eabc\u2028\u200b"


def of_label(label: str, **facts: object) -> str:
    cell = record()["cell"] | {"label": label, "tables": [], **facts}
    return json.dumps(scored(cell=cell))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("label", [ESCAPES, "[/red]", "[bold]X", ":smile:", "CE [/own]", "[link=x]y"])
def test_nothing_in_a_label_is_obeyed(label, form, smkd):
    names = ["recipe", "label", "dataset", "profile", "method", "protocol"]
    facts = dict.fromkeys(names, label) | {"networks": [label, label], "noise": {"kind": label, "rate": 0.4}}
    line = json.dumps(scored(cell=record()["cell"] | {"tables": ["figure2"], **facts}, checkpoint=label))
    other = line.replace('"mean": {"top1": 61.0}', '"mean": {"top1": 1.0}')
    result = smkd("report", "-", "--format", form, stdin=f"{line}\n{other}\n")
    assert result.code == 0
    assert "is there twice" in result.err
    assert all(letter.isprintable() or letter == "\n" for letter in result.out + result.err)
    if form in {"terminal", "csv"}:
        assert printable(label)[:6] in result.out


@pytest.mark.parametrize("form", FORMATS)
def test_names_of_files_are_not_obeyed_either(form, smkd, tmp_path):
    folder = tmp_path / "runs\x1b[31m\n\u202e"
    folder.mkdir()
    (folder / "scores.jsonl").write_text(of_label("CE") + '\n{"schema": "smkd/scores/1"}')
    result = smkd("report", folder / "scores.jsonl", "--format", form)
    assert result.code == 0
    assert all(letter.isprintable() or letter == "\n" for letter in result.out + result.err)
    assert "runs\\x1b[31m\\n\\u202e/scores.jsonl, line 2" in result.err


def test_names_that_are_no_unicode(smkd, tmp_path):
    (tmp_path / "runs" / "\udcff").mkdir(parents=True)
    (tmp_path / "runs" / "\udcff" / "result.json").write_text('{"schema": "smkd/result/1"')
    (tmp_path / "runs" / "scores").mkdir()
    (tmp_path / "runs" / "scores" / "result.json").write_text(of_label("CE"))
    for form in FORMATS:
        assert smkd("report", "runs", "--format", form, "-o", "report").code == 0


@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "-inf"])
def test_no_field_of_csv_is_a_formula(formula, smkd):
    line = of_label(formula, method=formula, recipe=formula)
    rows = list(csv.DictReader(io.StringIO(smkd("report", "-", "--format", "csv", stdin=line).out)))
    assert rows
    fields = [value for row in rows for value in row.values() if value]
    assert not [value for value in fields if value[0] in "=+-@＝\t\r"]
    assert f"'{formula}" in fields or formula[0] in "\t\r"


def test_numbers_in_csv_stay_numbers(smkd):
    assert [csv_format.field(text) for text in ("-8", "+0.5", "-1e-07", "-x")] == ["-8", "+0.5", "-1e-07", "'-x"]
    lines = [of_label("A"), of_label("B").replace('"top1": 61.0', '"top1": 51.0')]
    out = smkd("report", "-", "--format", "csv", "--against", "A", stdin="\n".join(lines)).out
    assert "gain over A,-10.0," in out


@pytest.mark.parametrize("label", ["[x]", "*", "a & b", "`x`", "# y", "\\input{z}", "50%", "~^_{}$|"])
def test_latex_takes_a_label_for_text(label, smkd):
    out = smkd("report", "-", "--format", "latex", stdin="\n".join(of_label(label, seed=seed) for seed in (1, 2))).out
    [row, *_] = [line for line in out.splitlines() if " & " in line and "n=" in line]
    assert not row.startswith(("[", "*"))
    bare = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]|\\textbf|\\\\$|\$\\pm\$|---", "", row)
    assert not set(bare) & set("\\$#%_^~`")
    assert len(re.findall(r"(?<!\\)&", row)) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("- x", r"\- x"),
        ("---", r"\---"),
        ("+ x", r"\+ x"),
        ("===", r"\==="),
        ("1. x", r"1\. x"),
        ("12)", r"12\)"),
        ("# x", r"\# x"),
        ("&lt;b>", r"\&lt;b\>"),
        ("![x](y)", r"\!\[x\](y)"),
        ("-8", "-8"),
        ("1.5 x", "1.5 x"),
        ("a\nb", r"a\\nb"),
    ],
)
def test_markdown_takes_text_for_text(text, shown):
    assert markdown.escape(text) == shown


def test_a_long_word_is_shortened(smkd):
    for form in FORMATS:
        result = smkd("report", "-", "--format", form, stdin=of_label("L" * 1_000_000))
        assert result.code == 0
        assert len(result.out) < 20_000
        assert "(1,000,000 characters)" in " ".join(result.out.split())


def test_a_long_message_is_shortened(smkd):
    result = smkd("report", "-", stdin="x" * 3_000_000)
    assert (result.code, len(result.err) < 3000) == (4, True)
    assert "is neither a score record nor a run directory" in result.err


def test_a_message_of_many_lines_is_shortened():
    assert message("\n".join(["x" * 5000] * 100_000)).endswith("and 99800 more lines")
    assert message("a\tb\nc\x1b") == "a\tb\nc\\x1b"


@given(st.text())
@settings(max_examples=200)
def test_every_form_of_a_text_is_printable(text):
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()
    for escape in (markdown.escape, latex.escape, csv_format.field):
        assert escape(text).isprintable()
    assert all(line.replace("\t", "").isprintable() for line in message(text).split("\n"))
    assert len(shortened(text * 99, 50)) < 90


@given(st.text(st.characters()))
@settings(max_examples=200)
def test_escapes_of_json_say_the_same(text):
    document = in_json(json.dumps({"x": text}, indent=2, ensure_ascii=False))
    # But for lone surrogates, of which no escape makes text.
    said = "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    assert json.loads(document) == {"x": said}
    assert document.replace("\n", "").isprintable()
