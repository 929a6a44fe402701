"""A network's file may name a file of methods: it is run only if the user says so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from smkd_cli.artifacts.run_directory import PEER_SCHEMA
from smkd_cli.artifacts.tensors import load_tensors, save_tensors

RECIPE = """\
schema: smkd/recipe/1
name: own
dataset: digits
networks: small_resnet
methods: ["SMKD-S+own.py:Own"]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [3]
epochs: 1
compute: {threads: 1, precision: float32, memory_format: channels_last, peers: in_turn, step: eager}
"""
OWN = """\
from pathlib import Path

from smkd_cli.methods.contract import Refined
from smkd_cli.methods.targets.contract import TargetRule

print("RUN")
Path("run").touch()


class Own(TargetRule):
    name = "Own"

    def refine(self, own, batch, clock):
        return Refined(batch.target)
"""


@pytest.fixture
def trained(smkd, tmp_path):
    """A run whose method is code in a file, which leaves a trace where it is run: the run's path, and the file's."""
    file = f"{tmp_path.name}.py"  # a process loads a path once
    (tmp_path / "own.yaml").write_text(RECIPE.replace("own.py", file))
    (tmp_path / file).write_text(OWN)
    result = smkd("train", "own.yaml", "--jobs", 1)
    assert result.code == 0, result.err
    (run,) = result.out.splitlines()  # and nothing of what the file prints
    (tmp_path / "run").unlink()
    return Path(run), file


def test_test_images_need_no_method(trained, smkd):
    run, _ = trained
    assert smkd("eval", run).code == 0
    assert not Path("run").exists()


@pytest.mark.parametrize("what", ["", "peer_a.safetensors"])
def test_training_images_need_the_flag(what, trained, smkd):
    run, file = trained
    refused = smkd("eval", run / what, "--split", "train")
    assert (refused.code, refused.out) == (2, "")
    assert file in refused.err
    assert "--trust-code" in refused.err
    assert not Path("run").exists()


def test_with_the_flag_it_is_run(trained, smkd_process):
    run, _ = trained
    result = smkd_process("eval", run, "--split", "train", "--trust-code")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["labels"]["a"]["refined_corrected"] == 0.0
    assert Path("run").exists()
    assert "RUN" in result.stderr


def test_a_file_that_is_not_the_one_of_the_training_is_not_run(trained, smkd):
    run, file = trained
    recorded = json.loads((run / "result.json").read_text())["provenance"]["method_files"][file]
    assert recorded == hashlib.sha256(Path(file).read_bytes()).hexdigest()
    Path(file).write_text(OWN + "\n")
    result = smkd("eval", run, "--split", "train", "--trust-code")
    assert (result.code, f"{file} is not the file that it was trained with" in result.err) == (4, True)
    Path(file).unlink()
    result = smkd("eval", run, "--split", "train", "--trust-code")
    assert (result.code, f"{file}, which is no file here" in result.err) == (4, True)
    assert not Path("run").exists()


@pytest.mark.parametrize("method", ["FILE:X", "SMKD-P+FILE:X", "FILE:X+CE"])
def test_a_method_that_somebody_wrote_into_a_header(method, trained, smkd):
    run, file = trained
    Path(f"evil_{file}").write_text("from pathlib import Path\nPath('run').touch()\n")
    for peer in "ab":
        path = run / f"peer_{peer}.safetensors"
        weights, facts = load_tensors(path, PEER_SCHEMA)
        facts["cell"]["method"] = method.replace("FILE", f"evil_{file}")
        save_tensors(path, weights, PEER_SCHEMA, facts)
    result = smkd("eval", run, "--split", "train")
    assert (result.code, f"evil_{file}" in result.err, "--trust-code" in result.err) == (2, True, True)
    assert smkd("eval", run).code == 0
    assert not Path("run").exists()
    broken = smkd("eval", run, "--split", "train", "--trust-code")
    assert (broken.code, f"evil_{file}: defines no method" in broken.err) == (4, True)
