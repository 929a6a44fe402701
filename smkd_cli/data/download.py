"""Getting a data set's archive: resume what is broken, believe nothing but checksums, publish whole files."""

from __future__ import annotations

import http.client
import os
import shutil
import tarfile
from pathlib import Path
from string import punctuation
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from smkd_cli import console
from smkd_cli.artifacts.files import written_in_one_step
from smkd_cli.data.dataset import Archive, DataSet, md5_of
from smkd_cli.errors import DataError, UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

_ATTEMPTS = 5
_TIMEOUT_SECONDS = 30
_CHUNK = 1 << 18


def fetch(dataset: DataSet, url: str | None = None) -> None:
    """Download, verify and unpack a data set, unless it is there and whole.

    A tar file that is in the data root already is used instead of downloading. A download that breaks leaves a
    ``.part`` file in the data root, and the next call goes on from there.

    Args:
        dataset: one with an archive.
        url: download from here instead of the official address (http, https or file).

    Raises:
        UsageError: ``url`` is no address, or the data set comes with a package.
        DataError: no connection, a server that fails, a file that is not the official one, a disk that is full; the
            message says which file to place where.
    """
    archive = dataset.archive
    if archive is None:
        raise UsageError(f"data set {dataset.name} comes with a package: there is nothing to fetch")
    if url is not None and urlsplit(url).scheme not in {"http", "https", "file"}:
        raise UsageError(f"--url {url}: should begin with http://, https:// or file://")
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
            raise DataError(f"{by_hand}: not the official file (MD5 {actual}, should be {archive.md5}); move it away")
        _unpack(by_hand, archive, dataset.root)
        return
    part = by_hand.with_name(f"{by_hand.name}.part")
    _download(url or archive.url, archive, part)
    _unpack(part, archive, dataset.root)
    part.unlink()


def _download(url: str, archive: Archive, part: Path) -> None:
    """Bring ``part`` to be the whole archive, whatever of it is there already."""
    by_hand = f"Or download {archive.url} elsewhere, place it as {part.with_suffix('')} and run the command again"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{part.parent}: cannot be written: {error.strerror or error}") from error
    while True:
        resumed = _size(part) > 0
        _complete(url, part, by_hand)
        if md5_of(part) == archive.md5:
            return
        part.unlink()
        if not resumed:
            raise DataError(f"{url}: what came is not the official file (MD5 {archive.md5}). {by_hand}")
        # What was there may have been the beginning of another file: once more, from the start.


def _complete(url: str, part: Path, by_hand: str) -> None:
    """Request what is missing of ``part``, again as long as some of it comes."""
    reason = ""
    for _attempt in range(_ATTEMPTS):
        before = _size(part)
        try:
            if _receive(url, part):
                return
            reason = "the connection was closed early"
        except HTTPError as error:
            error.close()
            raise DataError(f"{url}: the server answers {error.code} {error.reason}. {by_hand}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: of a host that is no name
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        if _size(part) <= before:
            break
    raise DataError(
        f"{url}: the download failed after {_size(part)} bytes: {reason}. "
        f"Run the command again to go on from there. {by_hand}"
    )


def _receive(url: str, part: Path) -> bool:
    """One request for what is missing of ``part``; whether the answer came to its end."""
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
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if continues else "wb") as target, _progress() as progress:
            task = progress.add_task(part.stem, total=total, completed=have)
            while chunk := answer.read(_CHUNK):
                have += target.write(chunk)
                progress.update(task, completed=have)
    return total is None or have >= total


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
                        shutil.copyfileobj(content, target)
                    if md5_of(temporary) != expected:
                        raise DataError(f"{tar_file}: its {member.name} is not the official file (MD5 {expected})")
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DataError(f"{tar_file}: cannot be unpacked ({error}); move it away") from error
    if wanted:
        raise DataError(f"{tar_file}: holds no {', '.join(wanted)}; move it away")
