"""Run directories that somebody has changed: what is not a file of ours is neither waited for nor read without end."""

from __future__ import annotations

import os
import sys

import pytest

from smkd_cli.artifacts.files import read_regular
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.artifacts.tensors import load_tensors
from smkd_cli.errors import DataError

RECIPE = "schema: smkd/recipe/1\n"


def test_a_directory_belongs_to_one_recipe(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.claim(RECIPE)
    directory.claim(RECIPE)
    for other in (RECIPE + "x", RECIPE[:-1], RECIPE.upper(), ""):
        with pytest.raises(DataError, match="was made by another recipe"):
            directory.claim(other)


@pytest.mark.skipif(sys.platform != "linux", reason="uses /dev and named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_recipe_that_is_no_regular_file_is_another(kind, tmp_path):
    odd = tmp_path / "recipe.yaml"
    {"folder": odd.mkdir, "pipe": lambda: os.mkfifo(odd), "device": lambda: odd.symlink_to("/dev/zero")}[kind]()
    assert read_regular(odd, 10) is None
    with pytest.raises(DataError, match="was made by another recipe"):
        RunDirectory(tmp_path).claim(RECIPE)


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    for name in (".result.json.abc.part", ".tmpAbc123", "x.part", ".other"):
        (tmp_path / name).touch()
    (tmp_path / ".folder.part").mkdir()
    (tmp_path / ".link.part").symlink_to("x.part")
    with RunDirectory(tmp_path).locked():
        assert sorted(file.name for file in tmp_path.iterdir()) == [".folder.part", ".lock", ".other", "x.part"]


def test_what_cannot_be_read_is_not_called_damaged(tmp_path):
    directory = RunDirectory(tmp_path / ("x" * 300))
    with pytest.raises(DataError, match=r"result\.json: cannot be read: File name too long$"):
        directory.finished()
    with pytest.raises(DataError, match=r"peer_a\.safetensors: cannot be read: File name too long$"):
        load_tensors(directory.peer("a"), "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_not_called_missing(tmp_path):
    for name in ("result.json", "peer_a.safetensors"):
        (tmp_path / name).write_bytes(b"")
        (tmp_path / name).chmod(0)
    with pytest.raises(DataError, match=r"result\.json: cannot be read: Permission denied$"):
        RunDirectory(tmp_path).finished()
    with pytest.raises(DataError, match=r"peer_a\.safetensors: cannot be read: Permission denied$"):
        load_tensors(RunDirectory(tmp_path).peer("a"), "x")


def test_no_more_is_read_than_there_may_be(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert [read_regular(tmp_path / "x", most) for most in (4, 5, 6)] == [None, b"12345", b"12345"]
