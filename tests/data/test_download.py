"""Downloads that break, lie or are not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smkd_cli.data import DataSet
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
