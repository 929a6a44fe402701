"""The bytes of image files, and where they are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from smkd_cli.errors import DataError
from smkd_cli.words import shown


def file_digest(path: Path) -> str:
    """BLAKE2b of a file, 32 hexadecimal digits.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DataError(f"{shown(path)}: cannot be read: {error.strerror or error}") from error


def digest_of(content: bytes) -> str:
    """As :func:`file_digest`, of what a file holds."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def check_inside(path: Path, folder: Path) -> None:
    """Raise a DataError if a path is a link out of a folder, or has one in it."""
    target, inside = os.path.realpath(path), os.path.realpath(folder)
    if not target.startswith(inside.rstrip(os.sep) + os.sep):
        raise DataError(
            f"{shown(path)}: is a link to {shown(target)}, out of the folder of the data set; copy what it leads to, or"
            " name the folder that holds both"
        )
