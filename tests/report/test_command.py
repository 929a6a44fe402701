"""Where results come from, and the message when there are none."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest

from smkd_cli.report.layout import layouts


def test_no_runs_yet_shows_the_papers_tables(smkd):
    result = smkd("report", "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(result.out)))
    assert result.code == 0
    assert {line["table"] for line in lines} == {layout.name for layout in layouts() if layout.closed}
    assert all(line["n"] == "0" and line["paper"] for line in lines)
    assert "no results under runs/ yet" in result.err


def test_every_cell_of_the_papers_tables_has_a_published_value(smkd):
    lines = list(csv.DictReader(io.StringIO(smkd("report", "--format", "csv").out)))
    assert len(lines) == 4 * 4 + 10 * 5 + 28 * 6 + 9 * 3 + 4 * 4
    at = {(line["table"], line["row"], line["column"]): line["paper"] for line in lines}
    assert at["table1", "SMKD-S", "LS"] == "55.1"
    assert at["table2", "Boot-soft", "Clean"] == "75.37"
    assert at["table5", "η = 4", "Symmetric 80%"] == "22.45"


def test_runs_is_the_default(make_run, smkd):
    make_run(50.0)
    assert "Sources: runs (1 result)." in smkd("report").out


@pytest.mark.parametrize("source", ["nowhere", "nowhere.jsonl"])
def test_an_absent_source(source, smkd):
    result = smkd("report", source)
    assert (result.code, result.out) == (4, "")
    assert f"{source}: cannot be read: No such file or directory" in result.err


def test_a_folder_without_results(smkd, tmp_path):
    (tmp_path / "empty").mkdir()
    result = smkd("report", "empty")
    assert (result.code, result.out) == (4, "")
    assert "empty: no results; smkd train makes run directories" in result.err


def test_nothing_but_unfinished_runs(make_run, smkd):
    run = make_run(50.0)
    (run / "result.json").rename(run / "recipe.yaml")
    (run / "manifest.csv").touch()
    result = smkd("report", "runs")
    assert (result.code, "none of 1 runs is finished" in result.err) == (4, True)


def test_paths_on_stdin(make_run, smkd):
    run = make_run(50.0)
    as_json = ("--format", "json")
    piped = smkd("report", "-", *as_json, stdin=f"{run}\n").out
    assert piped == smkd("report", run, *as_json).out.replace(str(run), "stdin")


def test_an_empty_stdin(smkd):
    result = smkd("report", "-", stdin="\n")
    assert (result.code, "stdin: no results" in result.err) == (4, True)


def test_one_run_named_twice_counts_once(make_run, smkd):
    run = make_run(50.0)
    lines = csv.DictReader(io.StringIO(smkd("report", "runs", run, "--format", "csv").out))
    assert [line["n"] for line in lines if line["mean"] and line["metric"] == "last"] == ["1"]


def test_quiet_keeps_warnings_only(smkd):
    assert smkd("report", "--quiet").err == ""


def test_an_output_that_cannot_be_written(make_run, smkd, tmp_path):
    make_run(50.0)
    (tmp_path / "file").touch()
    result = smkd("report", "-o", "file/report.md")
    assert (result.code, "cannot be written" in result.err) == (4, True)


def test_a_closed_pipe_is_no_error(make_run, tmp_path):
    make_run(50.0)
    command = [sys.executable, "-m", "smkd_cli", "report"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv", "json"])
def test_never_imports_torch(form, make_run, tmp_path):
    make_run(50.0)
    script = (
        "import sys\nfrom smkd_cli.app import main\n"
        f"try: main(['report', '--format', '{form}'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print({'torch', 'pandas', 'sklearn'} & sys.modules.keys(), file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert process.stderr.splitlines()[-1] == "set()"


def test_too_little_memory_is_reported(smkd, monkeypatch, tmp_path):
    def full(_source):
        raise MemoryError

    (tmp_path / "runs").mkdir()
    monkeypatch.setattr("smkd_cli.report.command.read_results", full)
    result = smkd("report", "runs")
    assert (result.code, result.out) == (4, "")
    assert result.err == "error: not enough memory: this machine, or this process, has too little for this\n"
