"""Files that appear whole or not at all, and in which order things reach the disk."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from smkd_cli.artifacts.files import make_folder, write_text, written_in_one_step
from smkd_cli.errors import ClosedPipeError, DataError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def events(monkeypatch):
    """What is written to the disk and renamed, in order: ``("sync", path)``, ``("rename", path)``."""
    seen = []
    fsync, replace = os.fsync, os.replace

    def sync(handle):
        seen.append(("sync", Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def rename(source, target, **options):
        seen.append(("rename", Path(target)))
        replace(source, target, **options)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    return seen


def test_content_then_name_reach_the_disk(events, tmp_path):
    write_text(tmp_path / "new" / "x.txt", "text")
    (_, made), (first, part), *rest = events
    assert made == tmp_path  # which names the new folder
    assert (first, part.parent, part.suffix) == ("sync", tmp_path / "new", ".part")
    assert rest == [("rename", tmp_path / "new" / "x.txt"), ("sync", tmp_path / "new")]


def test_every_new_folder_is_named_on_the_disk(events, tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert events == [("sync", tmp_path), ("sync", tmp_path / "a")]


@pytest.mark.parametrize("target", ["target.txt", "absent.txt", "sub/absent.txt"])
def test_of_a_link_the_file_it_leads_to_is_written(tmp_path, target):
    (tmp_path / "target.txt").write_text("old")
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link.txt"
    link.symlink_to(Path("..") / target)
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / target).read_text() == "new"
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["link.txt"]


def test_a_link_that_leads_to_itself_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="loop: cannot be written"):
        write_text(tmp_path / "loop", "x")
    assert (tmp_path / "loop").is_symlink()


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, os.fsdecode(b"\xff" * 255)])
def test_a_name_as_long_as_the_system_takes(tmp_path, name):
    write_text(tmp_path / name, "x")
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with pytest.raises(DataError, match="cannot be written: File name too long"):
        write_text(tmp_path / (name + "é"), "x")


def test_a_failed_block_leaves_the_old_file(tmp_path):
    (tmp_path / "x").write_text("old")

    def interrupted():
        with written_in_one_step(tmp_path / "x") as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "x").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_a_named_pipe_is_written_to_and_stays_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_text(tmp_path / "pipe", "text")
    reader.join()
    assert read == ["text"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_the_reader_of_a_pipe_that_goes_away(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = threading.Thread(target=lambda: (tmp_path / "pipe").open().close())
    reader.start()

    def write():
        with written_in_one_step(tmp_path / "pipe") as path, path.open("w") as stream:
            reader.join()
            stream.write("x")

    with pytest.raises(ClosedPipeError):
        write()
