"""Paths that are not UTF-8, as of folders unpacked from old archives: they are used, and what is written is text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
ODD = b"caf\xe9"
RECIPE = """\
schema: smkd/recipe/1
dataset: digits
networks: small_resnet
methods: [SMKD-P+MyLC]
noise: [{manifest: labels.csv}]
seeds: [1]
epochs: 1
batch_size: 512
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn}
"""


@pytest.fixture
def smkd(tmp_path):
    """Run a command line of bytes as a process, in a folder that has the folder ``caf\\xe9``."""
    folder = tmp_path / os.fsdecode(ODD)
    folder.mkdir()
    (folder / "tiny.yaml").write_text(RECIPE)
    (folder / "classes.csv").write_text("label\n0\n1\n2\n")

    def run(*words: str | bytes, code: int = 0, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        line = [warm.program(), *words, *(("--device", "cpu") if words[0] in {"train", "eval"} else ())]
        result = subprocess.run(line, input=stdin, capture_output=True, check=False, cwd=tmp_path)
        assert result.returncode == code, result.stderr
        result.stderr.decode()  # words are text always
        return result

    return run


def test_every_stage_takes_such_a_path(smkd, tmp_path):
    pytest.importorskip("pyarrow")
    smkd("corrupt", "-o", ODD + b"/labels.csv")
    trained = smkd("train", ODD + b"/tiny.yaml", "--jobs", "1", "--runs", ODD).stdout
    assert trained.startswith(ODD + b"/tiny/smkd-p+mylc_symmetric-0.4-")
    scores = smkd("eval", "-", stdin=trained).stdout
    assert json.loads(scores)["checkpoint"].startswith("caf\N{REPLACEMENT CHARACTER}/tiny/")
    assert "\\ud" not in scores.decode()
    report = smkd("report", ODD, "-", "--format", "json", stdin=scores).stdout
    assert "\\ud" not in report.decode()
    assert json.loads(report)["tables"]
    # An archive's name goes on as a data set's, in letters.
    path = smkd("corrupt", "--labels", ODD + b"/classes.csv", "-o", ODD + b"/classes.parquet").stdout
    assert path == ODD + b"/classes.parquet\n"
    manifest = smkd("corrupt", "--labels", path.strip(), "-o", "-").stdout.decode()
    assert "# dataset: classes\n" in manifest


def test_a_manifest_named_by_option_or_by_a_recipe_there_is_read(smkd):
    smkd("corrupt", "-o", ODD + b"/labels.csv")
    assert smkd("recipes", "validate", ODD + b"/tiny.yaml").stdout.startswith(ODD + b"/tiny.yaml: ok")
    cells = smkd("train", ODD + b"/tiny.yaml", "--dry-run").stdout
    assert smkd("train", ODD + b"/tiny.yaml", "--dry-run", "--manifest", ODD + b"/labels.csv").stdout == cells


def test_a_file_of_such_a_name_becomes_a_data_set_of_letters(smkd, tmp_path):
    (tmp_path / os.fsdecode(ODD + b".csv")).write_text("label\n0\n1\n")
    manifest = smkd("corrupt", "--labels", ODD + b".csv", "-o", "-").stdout.decode()
    assert "# dataset: caf-\n" in manifest
    written = smkd("corrupt", "--labels", ODD + b".csv").stdout.decode()
    assert written == "manifests/caf--train-symmetric-0.4-seed0.csv\n"
    assert (tmp_path / Path(written.strip())).is_file()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("datasets", "fetch", "cifar100", "--data", ODD, "--url", b"http://127.0.0.1:9/" + ODD), 4),
        (("datasets", "fetch", "cifar100", "--data", ODD, "--url", b"file:///" + ODD), 4),
        (("datasets", "fetch", "cifar100", "--data", ODD, "--url", b"http://" + ODD + b"/x"), 4),
        (("datasets", "verify", "cifar100", "--data", ODD), 4),
        (("train", ODD + b".yaml"), 3),
        (("train", "quickstart", "--manifest", ODD), 4),
        (("train", "quickstart", "--set", b"name=" + ODD), 3),
        (("eval", ODD, "-o", ODD), 4),
        (("report", ODD), 4),
        (("report", "--against", ODD), 2),
        (("corrupt", "--kind", ODD), 2),
        (("corrupt", "--column", ODD, "--labels", ODD + b"/classes.csv"), 2),
        (("methods", "show", ODD + b".py:X"), 2),
    ],
)
def test_words_about_such_a_path_are_text(smkd, words, code):
    error = smkd(*words, code=code).stderr.decode()
    assert "Error:" not in error
    assert "Traceback" not in error
