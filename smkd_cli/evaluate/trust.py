"""Whose code runs: a network's file may name files of code, and both may come from someone who is not to be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import DataError, UsageError
from smkd_cli.registry import file_of, imported_by, is_file, path_of
from smkd_cli.words import printable, shortened


def check_code(checkpoint: Path, names: Iterable[str], trusted: bool) -> None:
    """Refuse to run a file of code that a checkpoint names, unless the user trusts it; nothing is run.

    Where the result beside the checkpoint holds the file's checksum, the file has to be that one still.

    Args:
        names: of the network, the data set or a part of the method; those that name no file are passed over.

    Raises:
        UsageError: ``trusted`` is false, and a name is one of a file.
        DataError: the file is not there, or not the one that the checkpoint was trained with.
    """
    files = [path for name in names if (path := file_of(name))]
    if not files:
        return
    named = ", ".join(shortened(printable(path)) for path in files)
    if not trusted:
        raise UsageError(
            f"{checkpoint}: to score it what it names is needed, which is code in {named}; "
            "read it, and pass --trust-code to run it"
        )
    directory = checkpoint if checkpoint.is_dir() else checkpoint.parent
    result = RunDirectory(directory).finished()
    recorded = result.provenance.method_files if result else {}
    for path in files:
        if not is_file(path):
            raise DataError(f"{checkpoint}: names code in {printable(path)}, which is no file here")
        for file in (path, *map(str, imported_by(path_of(path)))):
            if file in recorded and sha256_of(path_of(file)) != recorded[file]:
                raise DataError(
                    f"{checkpoint}: {printable(file)} is not the file that it was trained with (its SHA-256)"
                )
