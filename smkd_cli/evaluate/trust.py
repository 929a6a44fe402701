"""Whose code runs: a network's file may name a file of methods, and whoever made the one may have made the other."""

from __future__ import annotations

from pathlib import Path

from smkd_cli import methods
from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import DataError, UsageError
from smkd_cli.registry import file_of
from smkd_cli.words import printable, shortened


def check_code(checkpoint: Path, method: str, trusted: bool) -> None:
    """Refuse to run a file that a checkpoint names as that of its method, unless the user trusts it; nothing is run.

    Where the result beside the checkpoint holds the file's checksum, the file has to be that one still.

    Raises:
        UsageError: ``trusted`` is false, and the method is one of a file.
        DataError: the file is not there, or not the one that the checkpoint was trained with.
    """
    files = [path for part in methods.parts_of(method) if (path := file_of(part))]
    if not files:
        return
    named = ", ".join(shortened(printable(path)) for path in files)
    if not trusted:
        raise UsageError(
            f"{checkpoint}: to score training images its method is needed, which is code in {named}; "
            "read it, and say --trust-code to run it"
        )
    directory = checkpoint if checkpoint.is_dir() else checkpoint.parent
    result = RunDirectory(directory).finished()
    recorded = result.provenance.method_files if result else {}
    for path in files:
        if not Path(path).is_file():
            raise DataError(f"{checkpoint}: its method is code in {printable(path)}, which is no file here")
        if path in recorded and sha256_of(Path(path)) != recorded[path]:
            raise DataError(f"{checkpoint}: {printable(path)} is not the file that it was trained with (its SHA-256)")
