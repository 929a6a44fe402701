"""Downloads that break, lie or are not there."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import lzma
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smkd_cli.data import DataSet, download
from smkd_cli.data.download import fetch
from smkd_cli.errors import DataError, UsageError

if TYPE_CHECKING:
    from .conftest import Server


def everything_in(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} if root.exists() else set()


WHOLE = {"tiny/first", "tiny/second", "tiny/test"}


def test_a_download_leaves_the_verified_files_and_nothing_else(tiny: DataSet, server: Server) -> None:
    fetch(tiny, server.url)
    assert everything_in(tiny.root) == WHOLE
    assert not (tiny.root.parent / "outside").exists()
    tiny.verify()


def test_what_is_there_and_whole_is_not_fetched_again(tiny_here: DataSet, server: Server) -> None:
    fetch(tiny_here, server.url)
    assert server.ranges == []


def test_damaged_files_are_replaced(tiny_here: DataSet, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    (tiny_here.root / "tiny" / "first").write_bytes(b"damaged")
    fetch(tiny_here, server.url)
    tiny_here.verify()
    assert "first: damaged or altered" in caplog.text


def test_a_cut_connection_is_taken_up_again_at_once(tiny: DataSet, server: Server) -> None:
    server.bytes_per_answer = len(server.content) // 3 + 1
    fetch(tiny, server.url)
    step = server.bytes_per_answer
    assert server.ranges == [None, f"bytes={step}-", f"bytes={2 * step}-"]
    assert everything_in(tiny.root) == WHOLE


def test_the_next_call_goes_on_where_the_last_one_failed(tiny: DataSet, server: Server) -> None:
    server.bytes_per_answer = 1000
    with pytest.raises(DataError, match=r"failed after 5000 bytes: .*closed early.* Run the command again"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == {"tiny.tar.gz.part"}
    server.bytes_per_answer = len(server.content)
    fetch(tiny, server.url)
    assert server.ranges[-1] == "bytes=5000-"
    assert everything_in(tiny.root) == WHOLE


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize("size", [500, "all", "more"])
def test_a_wrong_beginning_is_thrown_away(knows_ranges: bool, size: int | str, tiny: DataSet, server: Server) -> None:
    sizes = {"all": len(server.content), "more": len(server.content) + 7}
    tiny.root.mkdir()
    (tiny.root / "tiny.tar.gz.part").write_bytes(bytes(size if isinstance(size, int) else sizes[size]))
    server.knows_ranges = knows_ranges
    fetch(tiny, server.url)
    assert everything_in(tiny.root) == WHOLE


def test_a_whole_part_needs_no_download(tiny: DataSet, server: Server) -> None:
    tiny.root.mkdir()
    (tiny.root / "tiny.tar.gz.part").write_bytes(server.content)
    fetch(tiny, server.url)
    assert server.ranges == [f"bytes={len(server.content)}-"]
    assert everything_in(tiny.root) == WHOLE


def test_another_file_is_refused_and_not_kept(tiny: DataSet, server: Server) -> None:
    server.content = server.content[:-9] + bytes(9)
    with pytest.raises(DataError, match="not the official file"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == set()


@pytest.mark.parametrize("status", [404, 503])
def test_a_server_that_fails_is_quoted_with_what_to_do(status: int, tiny: DataSet, server: Server) -> None:
    server.status = status
    with pytest.raises(DataError, match=rf"answers {status} .*download .*place it as .*data/tiny\.tar\.gz"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == set()


def test_without_a_network_it_says_what_to_place_where(tiny: DataSet) -> None:
    with pytest.raises(
        DataError, match=r"127\.0\.0\.1:9.*refused.*download .*place it as .*data/tiny\.tar\.gz and run"
    ):
        fetch(tiny)


def test_an_archive_placed_by_hand_is_used_and_kept(tiny: DataSet, server: Server) -> None:
    tiny.root.mkdir()
    (tiny.root / "tiny.tar.gz").write_bytes(server.content)
    fetch(tiny)
    assert everything_in(tiny.root) == {*WHOLE, "tiny.tar.gz"}


def test_a_wrong_archive_placed_by_hand_is_named(tiny: DataSet) -> None:
    tiny.root.mkdir()
    (tiny.root / "tiny.tar.gz").write_bytes(b"something")
    with pytest.raises(DataError, match=r"tiny\.tar\.gz: not the official file"):
        fetch(tiny)


def test_a_file_address_works(tiny: DataSet, server: Server, tmp_path: Path) -> None:
    (tmp_path / "mirror.tar.gz").write_bytes(server.content)
    fetch(tiny, (tmp_path / "mirror.tar.gz").as_uri())
    assert everything_in(tiny.root) == WHOLE


def test_what_is_no_address_is_refused(tiny: DataSet) -> None:
    with pytest.raises(UsageError, match="should begin with"):
        fetch(tiny, "mirror.tar.gz")


def test_a_folder_that_cannot_be_written_is_named(tiny: DataSet, server: Server) -> None:
    tiny.root.write_bytes(b"a file where the folder should be")
    with pytest.raises(DataError, match=r"data.*cannot be written"):
        fetch(tiny, server.url)


def test_a_server_that_sends_for_ever_is_left(tiny: DataSet, server: Server) -> None:
    server.endless, server.length = True, None
    with pytest.raises(DataError, match=r"not the official file .*, but more than 1,048,576 bytes\. Or download"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == set()
    (tiny.root / "tiny.tar.gz.part").write_bytes(server.content[:500])
    with pytest.raises(DataError, match="more than 1,048,576 bytes"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == set()


@pytest.mark.parametrize("length", ["many", "-5", "9" * 5000, "1e3", "²", None])
def test_a_length_that_is_none_is_passed_over(length: str | None, tiny: DataSet, server: Server) -> None:
    server.length = length
    fetch(tiny, server.url)
    assert everything_in(tiny.root) == WHOLE


def test_of_a_length_too_long_the_rest_is_requested(tiny: DataSet, server: Server) -> None:
    server.length = str(len(server.content) + 10)
    fetch(tiny, server.url)
    assert server.ranges == [None, f"bytes={len(server.content)}-"]
    assert everything_in(tiny.root) == WHOLE


def test_a_length_too_short_is_another_file(tiny: DataSet, server: Server) -> None:
    server.length = str(len(server.content) - 10)
    with pytest.raises(DataError, match="not the official file"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == set()


def test_a_server_that_is_too_slow_is_left_and_taken_up_again(
    tiny: DataSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_PACE_SECONDS", 0.2)
    server.pause = 0.05
    with pytest.raises(DataError, match=r"the server is too slow: \d+ bytes in 0 seconds\. Run the command again"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == {"tiny.tar.gz.part"}
    server.pause = 0.0
    fetch(tiny, server.url)
    assert server.ranges[-1] not in {None, "bytes=0-"}
    assert everything_in(tiny.root) == WHOLE


def test_a_silent_server_is_left(tiny: DataSet, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_TIMEOUT_SECONDS", 0.2)
    server.pause = 0.5
    with pytest.raises(DataError, match=r"failed after \d bytes: .*timed out"):
        fetch(tiny, server.url)


@pytest.mark.parametrize("elsewhere", ["file:///etc/passwd", "ftp://127.0.0.1:9/x", "data:,x", "http://[x", "/again"])
def test_a_server_that_sends_elsewhere_is_not_followed_everywhere(
    elsewhere: str, tiny: DataSet, server: Server
) -> None:
    server.elsewhere = elsewhere
    with pytest.raises(DataError, match=r"tiny\.tar\.gz"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) == set()


@pytest.mark.parametrize("url", ["http://[::1/x", "http://host:port/x", "http://host:99999/x"])
def test_a_broken_address_is_refused(url: str, tiny: DataSet) -> None:
    with pytest.raises(UsageError, match="is no address"):
        fetch(tiny, url)


@pytest.mark.parametrize("url", ["http:///x", "http://" + "a" * 300, "http://a..b/x", "http://127.0.0.1:9/a b\nc"])
def test_an_address_of_nothing_is_named(url: str, tiny: DataSet) -> None:
    with pytest.raises(DataError, match="download failed"):
        fetch(tiny, url)


@pytest.mark.parametrize("url", ["file:///dev/zero", "file:///", "file:///nowhere", "file:///" + "a" * 300])
def test_only_a_file_is_a_file_address(url: str, tiny: DataSet) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        fetch(tiny, url)


def damaged(content: bytes, change: str) -> bytes:
    """Archives whose own checksum is right and whose content is not."""
    if change == "cut":
        return content[: len(content) // 2]
    if change == "no archive":
        return b"<!doctype html>"
    if change == "lzma":
        packed = lzma.compress(gzip.decompress(content))
        return packed[:200] + bytes(50) + packed[250:]
    middle = len(content) // 2
    return content[:middle] + bytes(50) + content[middle + 50 :]


@pytest.mark.parametrize("change", ["cut", "no archive", "lzma", "zeros"])
def test_an_archive_that_cannot_be_unpacked_is_named(
    change: str, tiny: DataSet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = damaged(server.content, change)
    server.bytes_per_answer = len(server.content)
    assert tiny.archive is not None
    md5 = hashlib.md5(server.content, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(type(tiny), "archive", dataclasses.replace(tiny.archive, md5=md5))
    with pytest.raises(DataError, match=r"tiny\.tar\.gz\.part: (cannot be unpacked \(.*\); move|its tiny/.* is not)"):
        fetch(tiny, server.url)
    assert everything_in(tiny.root) - WHOLE == {"tiny.tar.gz.part"}
