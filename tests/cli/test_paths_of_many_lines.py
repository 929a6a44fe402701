"""Paths with line breaks and control characters: no output of a path per line is broken, and words stay on one line."""

from __future__ import annotations

from pathlib import Path

import pytest

BREAKS = ["a\nb", "a\rb"]
SMALL = ["--set", "epochs=1", "--set", "methods=[CE]", "--set", "seeds=[1]", "--jobs", "1"]


@pytest.mark.parametrize("path", BREAKS)
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("train", "quickstart", *SMALL, "--runs"), "--runs"),
        (("corrupt", "-o"), "-o"),
        (("recipes", "copy", "quickstart"), "the destination"),
        (("recipes", "validate"), "the recipe"),
        (("datasets", "ls", "--data"), "--data"),
        (("datasets", "fetch", "cifar100", "--data"), "--data"),
    ],
)
def test_a_path_that_would_be_two_lines_of_data_is_refused(smkd, path, words, option):
    result = smkd(*words, path)
    assert (result.code, result.out) == (2, "")
    assert result.err == (f"error: {option} {path!r}: a path is printed on one line, so it may hold no line break\n")
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("path", [*BREAKS, "a\x1b[31mb", "a\u2028b", "a\u202eb"])
@pytest.mark.parametrize(
    "words",
    [
        ("eval",),
        ("report",),
        ("report", "-o", "out.md"),
        ("recipes", "show"),
        ("recipes", "validate", "quickstart", "--profile"),
        ("recipes", "validate", "quickstart", "--set"),
        ("train", "quickstart", "--dry-run", "--manifest"),
        ("corrupt", "--labels"),
        ("datasets", "verify", "cifar100", "--data"),
        ("datasets", "fetch", "cifar100", "-q", "--url"),
        ("methods", "show"),
        ("corrupt", "--kind"),
        ("train", "quickstart", "--cells"),
        ("train", "quickstart", "--executor"),
        ("train", "quickstart", "--device"),
        ("report", "--format"),
    ],
)
def test_words_about_such_a_path_are_on_one_line(smkd, path, words):
    result = smkd(*words, path)
    assert result.code in {2, 3, 4}
    assert "\\" in result.err
    assert not set(result.err) & set("\r\x1b\u2028\u202e")
    lines = [line for line in result.err.splitlines() if not line.startswith("name\t")]
    assert len(lines) == 1


def test_an_input_of_such_a_name_is_read(smkd):
    Path("a\nb.csv").write_text("label\n0\n1\n")
    result = smkd("corrupt", "--labels", "a\nb.csv", "--kind", "given", "-o", "m.csv")
    assert (result.code, result.out) == (0, "m.csv\n")
