"""Files that appear whole or not at all and outlast a power cut, and their checksums."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smkd_cli.errors import ClosedPipeError, DataError
from smkd_cli.words import shown

# Their entries are links to whatever a descriptor is, which is written to and never replaced.
_DESCRIPTORS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))
# Bytes of a file's name that stand in that of its temporary file, which is longer and must be no longer than 255.
_KEPT_OF_NAME = 200
_HALF = ".part"
_RANDOM_LETTERS = 8  # in the names that tempfile makes
_YOUNG_SECONDS = 1.0
# What file systems answer that cannot, or need not, write a folder to the disk.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}


@contextmanager
def written_in_one_step(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends well, that file becomes ``path`` in one step.

    The parent folder is made if need be. If the block or the disk fails, ``path`` is as it was before and the
    temporary file is gone; when it ends well, file and name are on the disk. Of a symbolic link, the file that it
    leads to is written. A device or a named pipe is written to directly, because it must not be replaced.
    What a killed process has left of the same file is removed first.

    Raises:
        ClosedPipeError: the reader of a pipe went away.
        DataError: the file cannot be written (read-only folder, full disk); the message names ``path``.
    """
    temporary: Path | None = None
    try:
        if (path.exists() and not path.is_file()) or (path.is_symlink() and path.parent in _DESCRIPTORS):
            yield path
            return
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        make_folder(target.parent)
        kept = os.fsencode(target.name)[:_KEPT_OF_NAME].decode(errors="ignore")
        prefix = f".{kept}."
        _remove_abandoned(target.parent, prefix)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=_HALF)
        temporary = Path(name)
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        yield temporary
        sync(temporary)
        temporary.replace(target)
        sync_folder(target.parent)
    except BrokenPipeError as error:
        raise ClosedPipeError(f"the reader of {shown(path)} went away") from error
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
            os.close(handle)


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove temporary files of a process that was killed: it no longer holds their locks."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            middle = entry.name.removeprefix(prefix).removesuffix(_HALF)
            if entry.name == f"{prefix}{middle}{_HALF}" and len(middle) == _RANDOM_LETTERS and "." not in middle:
                _remove_unlocked(Path(entry.path))


def _remove_unlocked(path: Path) -> None:
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A file that was made just now may not be locked yet.
            if time.time() - os.fstat(handle).st_mtime > _YOUNG_SECONDS:
                path.unlink()
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one step; see :func:`written_in_one_step`."""
    with written_in_one_step(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_regular(path: Path, most: int) -> bytes | None:
    """The content of a regular file of at most ``most`` bytes, None of any other; no pipe is waited for.

    Raises:
        OSError: it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with os.fdopen(handle, "rb", closefd=False) as stream:
            content = stream.read(most + 1)  # it may have grown
        return content if len(content) <= most else None
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it as far as they are not there, so that they outlast a power cut.

    Raises:
        OSError: it cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_folder(made.parent)


def sync(path: Path) -> None:
    """Wait until a file's content is on the disk.

    Raises:
        OSError: it cannot be written there.
    """
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where its file system can do that.

    Raises:
        OSError: the disk fails.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
