"""The bytes of image files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from smkd_cli.errors import DataError
from smkd_cli.words import plain


def file_digest(path: Path) -> str:
    """BLAKE2b of a file, 32 hexadecimal digits.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DataError(f"{plain(path)}: cannot be read: {error.strerror or error}") from error
