"""What training writes stays in its run directory."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["metrics.csv", "manifest.csv", "peer_b.safetensors", "result.json"])
def test_training_writes_through_no_link(smkd, recipe, tmp_path, name):
    cell = tmp_path / "runs" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1"
    cell.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    if name != "result.json":  # which is read first, to see whether the cell is finished
        elsewhere.write_text("mine")
    (cell / name).symlink_to(elsewhere)
    result = smkd("train", recipe, "--runs", tmp_path / "runs", "--jobs", 1)
    assert (result.code, f"{name}: is a symbolic link" in result.err) == (4, True)
    assert not elsewhere.exists() or elsewhere.read_text() == "mine"


def test_the_lock_is_no_link(smkd, recipe, tmp_path):
    cell = tmp_path / "runs" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1"
    cell.mkdir(parents=True)
    (cell / ".lock").symlink_to(tmp_path / "elsewhere")
    assert smkd("train", recipe, "--runs", tmp_path / "runs", "--jobs", 1).code == 4
    assert not (tmp_path / "elsewhere").exists()


def test_a_finished_cell_may_be_links(smkd, recipe, tmp_path):
    assert smkd("train", recipe, "--jobs", 1).code == 0
    result = tmp_path / "runs" / "tiny" / "smkd-p+mylc_symmetric-0.4_seed1" / "result.json"
    result.rename(tmp_path / "kept.json")
    result.symlink_to(tmp_path / "kept.json")
    again = smkd("train", recipe, "--jobs", 1)
    assert (again.code, "finished before" in again.err) == (0, True)
