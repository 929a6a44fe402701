"""What can go wrong when training, and that nothing is lost by it."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import warm
from records import scored

from smkd_cli.artifacts.tensors import save_tensors
from smkd_cli.errors import DataError

CELL = Path("runs/tiny/smkd-p+mylc_symmetric-0.4_seed1")


def test_a_loss_that_is_not_finite_fails_its_cell_and_no_other(smkd, recipe):
    methods = "methods=[{name: All+CE, transfer_weight: 1e39}, CE]"
    result = smkd("train", recipe, "--set", methods, "--jobs", 1)
    assert result.code == 5
    assert "1 of 2 cells failed" in result.err
    assert "not finite in epoch 1 at learning rate 0.1" in result.err
    assert result.out.splitlines() == ["runs/tiny/ce_symmetric-0.4_seed1"]
    failed = json.loads(Path("runs/tiny/all+ce_symmetric-0.4_seed1/result.json").read_text())
    assert failed["status"] == "failed"
    assert failed["scores"] is None
    assert "learning rate" in failed["error"]


def test_a_run_directory_of_another_recipe_is_left_alone(smkd, recipe):
    assert smkd("train", recipe).code == 0
    before = (CELL / "result.json").read_bytes()
    result = smkd("train", recipe, "--set", "epochs=4")
    assert result.code == 4
    assert "another recipe" in result.err
    assert (CELL / "result.json").read_bytes() == before


def test_other_labels_have_a_run_directory_of_their_own(smkd, recipe):
    manifests = [smkd("corrupt", "--rate", 0.4, "--seed", seed).out.strip() for seed in (1, 2)]
    runs = [smkd("train", recipe, "--set", "epochs=1", "--manifest", manifest).out.strip() for manifest in manifests]
    assert runs[0] != runs[1]
    assert all(Path(run, "result.json").exists() for run in runs)


def test_a_manifest_that_was_replaced_is_refused(smkd, recipe):
    first, second = (smkd("corrupt", "--rate", 0.4, "--seed", seed).out.strip() for seed in (1, 2))
    run = Path(smkd("train", recipe, "--set", "epochs=1", "--manifest", first).out.strip())
    (run / "result.json").unlink()
    (run / "manifest.csv").write_bytes(Path(second).read_bytes())
    again = smkd("train", recipe, "--set", "epochs=1", "--manifest", first)
    assert again.code == 4
    assert "other labels" in again.err
    pinned = smkd("train", run / "recipe.yaml", "--runs", "elsewhere")
    assert pinned.code == 4
    assert "sha256" in pinned.err


def test_an_absent_data_set_says_what_to_do(smkd, tmp_path):
    result = smkd("train", "table2", "--data", tmp_path / "nowhere")
    assert result.code == 4
    assert "smkd datasets fetch cifar100" in result.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace("# dataset: digits", "# dataset: other"), None),  # the images decide, not the name
        (lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "samples"),
        (lambda text: text + text.splitlines()[-1] + "\n", "index"),
        (lambda text: text.replace("# classes: 10", "# classes: 12"), "classes"),
    ],
)
def test_a_manifest_that_does_not_fit(smkd, recipe, tmp_path, change, word):
    content = smkd("corrupt", "-o", "-").out
    (tmp_path / "m.csv").write_text(change(content))
    result = smkd("train", recipe, "--set", "epochs=1", "--manifest", "m.csv")
    if word is None:
        assert result.code == 0, result.err
    else:
        assert result.code == 4
        assert word in result.err
        assert "Traceback" not in result.err


def test_a_manifest_of_other_images(smkd, recipe, tmp_path):
    content = smkd("corrupt", "-o", "-").out
    header, rows = content.split("index,image,clean_label,noisy_label\n")
    other = "".join(
        row.replace(row.split(",")[1], f"{number:016x}") for number, row in enumerate(rows.splitlines(True))
    )
    (tmp_path / "m.csv").write_text(header + "index,image,clean_label,noisy_label\n" + other)
    result = smkd("train", recipe, "--manifest", "m.csv")
    assert result.code == 4
    assert "another data set" in result.err


def test_runs_that_cannot_be_written(smkd, recipe, tmp_path):
    (tmp_path / "file").write_text("")
    result = smkd("train", recipe, "--runs", "file/runs", "--jobs", 1)
    assert result.code == 4
    assert "cannot be written" in result.err


def test_a_disk_that_is_full(recipe, tmp_path):
    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = subprocess.run(
        [sys.executable, "-m", "smkd_cli", "train", str(recipe), "--jobs", "1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        preexec_fn=small_files_only,
    )
    assert result.returncode == 4, result.stderr
    assert "cannot be written" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / CELL).glob("*.safetensors"))
    assert not list((tmp_path / CELL).glob(".*part"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_reader_that_goes_away(recipe, tmp_path, jobs):
    recipe.write_text(recipe.read_text().replace("seeds: [1]", "seeds: [1, 2, 3]"))
    command = f"{warm.program()} train {recipe} --jobs {jobs} | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 141
    assert "Traceback" not in result.stderr
    assert list((tmp_path / "runs").rglob("result.json"))


def test_a_validation_split_that_leaves_nothing(smkd, recipe):
    for fraction in (0.9999, 0.0001):
        result = smkd("train", recipe, "--set", f"validation.fraction={fraction}", "--jobs", 1)
        assert result.code == 3
        assert "validation.fraction" in result.err


@pytest.mark.parametrize(
    "content", ["null", "", '{"status": "finished"}', '{"schema": "smkd/result/1", "sta', "[" * 9999]
)
def test_a_result_that_holds_no_record_is_one_for_no_command(content, smkd, recipe):
    CELL.mkdir(parents=True)
    (CELL / "recipe.yaml").touch()
    (CELL / "metrics.csv").touch()
    (CELL / "result.json").write_text(content)
    for command in (("train", recipe, "--jobs", 1), ("train", recipe, "--dry-run"), ("eval", CELL), ("report", "runs")):
        result = smkd(*command)
        assert (result.code, result.out) == (4, "")
        assert f"{CELL}/result.json: damaged: " in result.err
        assert "delete" not in result.err
        assert (CELL / "result.json").read_text() == content


def test_scores_in_the_place_of_a_result(smkd, recipe):
    CELL.mkdir(parents=True)
    (CELL / "result.json").write_text(json.dumps(scored()))
    result = smkd("train", recipe, "--jobs", 1)
    assert (result.code, "holds scores of smkd eval" in result.err) == (4, True)


@pytest.mark.parametrize("runs", ["[/red]", ":smile:\x1b[31m"])
def test_a_folder_whose_name_looks_like_markup(runs, smkd, recipe):
    result = smkd("train", recipe, "--dry-run", "--runs", runs)
    assert result.code == 0
    assert f"in {runs}/tiny".replace("\x1b", "\\x1b") in " ".join(result.err.split())


def test_unknown_devices_are_refused(smkd, recipe):
    assert smkd("train", recipe, "--device", "tpu").code == 2


def test_saving_leaves_the_old_file_when_it_fails(tmp_path, monkeypatch):
    import torch

    path = tmp_path / "x.safetensors"
    save_tensors(path, {"x": torch.ones(3)}, "test/1", {})
    before = path.read_bytes()
    monkeypatch.setattr("smkd_cli.artifacts.files.sync", lambda _: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(DataError, match="No space"):
        save_tensors(path, {"x": torch.zeros(3)}, "test/1", {})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize("jobs", ["x", "0", "-1", "1.5", "٣", ""])
def test_a_wrong_number_of_jobs_is_refused_by_a_dry_run_too(smkd, recipe, jobs):
    for more in ([], ["--dry-run"]):
        result = smkd("train", recipe, f"--jobs={jobs}", *more)
        assert (result.code, "must be auto or a whole number from 1 on" in result.err) == (2, True)
