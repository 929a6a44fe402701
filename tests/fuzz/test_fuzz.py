"""A few seconds of damaged files for each reader; tests/fuzz/fuzz.py goes on for a given time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from fuzz import attempt
from subjects import SUBJECTS, Samples

# Of each subject: some three seconds. The same files every time, so that a test that fails once fails always.
CASES = {"manifest": 240, "labels": 300, "parquet": 150, "result": 90, "scores": 150, "metrics": 90, "records": 90}
FEW = 25  # of those that load networks
SEED = 1


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return Samples(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_spoilt_file_escapes(subject, samples, tmp_path):
    for number in range(CASES.get(subject, FEW)):
        escaped = attempt(subject, number, SEED, samples, tmp_path / "case")
        assert escaped is None, f"case {number}: smkd {' '.join(escaped.words)}: {escaped.escape}"


def test_the_fuzzer_notices_an_escape(samples, tmp_path, monkeypatch):
    from smkd_cli.corrupt import command

    def fail(*_arguments, **_options):
        raise TypeError("on purpose")

    monkeypatch.setattr(command, "from_file", fail)
    assert "exit code 1" in str(attempt("labels", 0, SEED, samples, tmp_path / "case").escape)
