"""Getting a data set's archive: resume what is broken, believe nothing but checksums, publish whole files."""

from __future__ import annotations

import http.client
import lzma
import os
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from string import punctuation
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, url2pathname, urlopen

from smkd_cli import console
from smkd_cli.artifacts.files import written_in_one_step
from smkd_cli.artifacts.foreign import pointer_at
from smkd_cli.data.dataset import Archive, DataSet, md5_of
from smkd_cli.errors import DataError, UsageError
from smkd_cli.words import shown

if TYPE_CHECKING:
    from rich.progress import Progress

_ATTEMPTS = 5
_TIMEOUT_SECONDS = 30
_CHUNK = 1 << 18
# A server that sends less in this time is as good as silent, though it never is for long.
_PACE_SECONDS, _PACE_BYTES = 60.0, 60 << 10
_MOST_DIGITS = 15


def fetch(dataset: DataSet, url: str | None = None) -> None:
    """Download, verify and unpack a data set, unless it is there and whole.

    A tar file that is in the data root already is used instead of downloading. A download that breaks leaves a
    ``.part`` file in the data root, and the next call goes on from there.

    Args:
        dataset: one with an archive.
        url: download from here instead of the official address (http, https or file).

    Raises:
        UsageError: ``url`` is no address, or the data set comes with a package.
        DataError: no connection, a server that fails, is too slow or sends too much, a file that is not the official
            one, a disk that is full; the message says which file to place where.
    """
    archive = dataset.archive
    if archive is None:
        raise UsageError(f"data set {dataset.name} comes with a package: there is nothing to fetch")
    if url is not None:
        _check_address(url)
    if not dataset.missing():
        try:
            dataset.verify()
        except DataError as error:
            console.warn(f"{error}; doing so")
        else:
            return
    by_hand = dataset.root / archive.filename
    if by_hand.is_file():
        if (actual := md5_of(by_hand)) != archive.md5:
            if what := pointer_at(by_hand):
                raise DataError(f"{shown(by_hand)}: {what}, or move it away")
            raise DataError(
                f"{shown(by_hand)}: not the official file (MD5 {actual}, should be {archive.md5}); move it away"
            )
        _unpack(by_hand, archive, dataset.root)
        return
    part = by_hand.with_name(f"{by_hand.name}.part")
    _download(url or archive.url, archive, part)
    _unpack(part, archive, dataset.root)
    part.unlink()


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        scheme, _ = parts.scheme, parts.port
    except ValueError as error:
        raise UsageError(f"--url {shown(url)}: is no address: {error}") from error
    if scheme not in {"http", "https", "file"}:
        raise UsageError(f"--url {shown(url)}: should begin with http://, https:// or file://")
    # A device or a pipe has no end. Path.is_file raises where a name is too long.
    if scheme == "file" and not os.path.isfile(url2pathname(parts.path)):  # noqa: PTH113
        raise DataError(f"--url {shown(url)}: there is no such file")


def _download(url: str, archive: Archive, part: Path) -> None:
    """Bring ``part`` to be the whole archive, whatever of it is there already."""
    place = shown(part.with_suffix(""))
    by_hand = f"Or download {archive.url} elsewhere, place it as {place} and run the command again"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{shown(part.parent)}: cannot be written: {error.strerror or error}") from error
    while True:
        resumed = _size(part) > 0
        _complete(url, part, archive.largest, by_hand)
        size = _size(part)
        if size <= archive.largest and md5_of(part) == archive.md5:
            return
        part.unlink()
        if not resumed:
            many = f", but more than {archive.largest:,} bytes" if size > archive.largest else ""
            raise DataError(f"{shown(url)}: what came is not the official file (MD5 {archive.md5}){many}. {by_hand}")
        # What was there may have been the beginning of another file: once more, from the start.


def _complete(url: str, part: Path, largest: int, by_hand: str) -> None:
    """Request what is missing of ``part``, again as long as some of it comes; of too much, only the beginning."""
    reason = ""
    for _attempt in range(_ATTEMPTS):
        before = _size(part)
        try:
            if _receive(url, part, largest):
                return
            reason = "the connection was closed early"
        except HTTPError as error:
            error.close()
            raise DataError(f"{shown(url)}: the server answers {error.code} {error.reason}. {by_hand}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: of a host that is no name
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if _size(part) <= before:
            break
    raise DataError(
        f"{shown(url)}: the download failed after {_size(part)} bytes: {reason}. "
        f"Run the command again to go on from there. {by_hand}"
    )


def _receive(url: str, part: Path, largest: int) -> bool:
    """One request for what is missing of ``part``; whether the answer came to its end, or became too long."""
    have = _size(part)
    # Bytes of a path that no address may hold, as people paste them, are escaped as browsers do it.
    request = Request(quote(os.fsencode(url), safe=punctuation), headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urlopen(request, timeout=_TIMEOUT_SECONDS)
    except HTTPError as error:
        # "Range not satisfiable": nothing comes after what we have.
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            error.close()
            return True
        raise
    with answer:
        continues = answer.status == http.client.PARTIAL_CONTENT
        have = have if continues else 0
        length = answer.headers.get("Content-Length", "").strip()
        sensible = length.isascii() and length.isdecimal() and len(length) <= _MOST_DIGITS
        total = have + int(length) if sensible else None
        pace = _Pace()
        with part.open("ab" if continues else "wb") as target, _progress() as progress:
            task = progress.add_task(part.stem, total=total, completed=have)
            # As much as there is: to wait for a whole chunk could take for ever.
            while chunk := answer.read1(_CHUNK):
                have += target.write(chunk)
                progress.update(task, completed=have)
                if have > largest:
                    return True
                pace.check(len(chunk))
    return total is None or have >= total


class _Pace:
    """Ends a download that all but stands still."""

    def __init__(self) -> None:
        self._since, self._bytes = time.monotonic(), 0

    def check(self, came: int) -> None:
        """Raise a TimeoutError if too little has come since the last look."""
        self._bytes += came
        passed = time.monotonic() - self._since
        if passed < _PACE_SECONDS:
            return
        if self._bytes < _PACE_BYTES:
            raise TimeoutError(f"the server is too slow: {self._bytes} bytes in {passed:.0f} seconds")
        self._since, self._bytes = time.monotonic(), 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _progress() -> Progress:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    people = console.people()
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=people,
        disable=not people.is_terminal,
    )


def _unpack(tar_file: Path, archive: Archive, root: Path) -> None:
    """Take the known files out of the archive, to places that we name, and each only if its checksum is right."""
    wanted = dict(archive.files)
    try:
        with tarfile.open(tar_file) as tar:
            for member in tar:
                if member.name not in wanted or (content := tar.extractfile(member)) is None:
                    continue
                expected = wanted.pop(member.name)
                with written_in_one_step(root / member.name) as temporary:
                    with temporary.open("wb") as target:
                        target.writelines(_chunks(content))
                    if md5_of(temporary) != expected:
                        raise DataError(
                            f"{shown(tar_file)}: its {member.name} is not the official file (MD5 {expected})"
                        )
    except _UNREADABLE as error:
        reason = str(error).partition(":\n")[0]  # tarfile adds a line for each way to unpack
        raise DataError(f"{shown(tar_file)}: cannot be unpacked ({reason}); move it away") from error
    if wanted:
        raise DataError(f"{shown(tar_file)}: holds no {', '.join(wanted)}; move it away")


# What reading a damaged archive raises; KeyError and ValueError come of links and numbers in it.
_UNREADABLE = (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error, lzma.LZMAError)


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    """A file of an archive in pieces; a fault in reading is none in writing."""
    try:
        while chunk := content.read(_CHUNK):
            yield chunk
    except OSError as error:
        raise tarfile.ReadError(str(error)) from error
