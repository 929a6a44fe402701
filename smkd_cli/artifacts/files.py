"""Files that appear whole or not at all, and their checksums."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smkd_cli.errors import DataError


@contextmanager
def published(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends well, that file becomes ``path`` in one step.

    The parent folder is made if need be. If the block or the disk fails, ``path`` is as it was before and the
    temporary file is gone. A device or a named pipe is written to directly, because it must not be replaced.

    Raises:
        DataError: the file cannot be written (read-only folder, full disk); the message names ``path``.
    """
    temporary: Path | None = None
    try:
        if path.exists() and not path.is_file():
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def publish_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one step; see :func:`published`."""
    with published(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
