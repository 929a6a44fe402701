"""A run directory: the files of one cell, and the lock that keeps two processes from training it at once."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smkd_cli.artifacts.files import make_folder, read_regular, write_text
from smkd_cli.artifacts.result_records import ResultRecord, read_result
from smkd_cli.errors import DataError
from smkd_cli.words import shown

CHECKPOINT_SCHEMA = "smkd/checkpoint/4"
EARLIER_CHECKPOINT_SCHEMA = "smkd/checkpoint/3"  # calls the compute configuration `setup`
PEER_SCHEMA = "smkd/peer/1"
# Ours, and those that safetensors' own writer left.
_HALF_WRITTEN = re.compile(r"\..+\.part|\.tmp[A-Za-z0-9]{6}")


class LockedError(DataError):
    """Another process is training in the run directory."""


@dataclass(frozen=True)
class RunDirectory:
    """Paths of one cell's files below ``path``."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.csv"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint" / "state.safetensors"

    @property
    def samples(self) -> Path:
        return self.path / "samples.safetensors"

    def finished(self) -> ResultRecord | None:
        """The record in ``result.json`` if the cell has finished well, else None.

        Raises:
            DataError: what is there cannot be read, or is no record of a cell.
        """
        try:
            record = read_result(self.result)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DataError(f"{shown(self.result)}: cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise DataError(f"{shown(self.result)}: damaged: {error}; move it away to train the cell again") from error
        if not isinstance(record, ResultRecord):
            raise DataError(f"{shown(self.result)}: holds scores of smkd eval; move it away to train the cell again")
        return record if record.status == "finished" else None

    def unfinished(self) -> bool:
        """Whether training has begun here and has not come to a good end."""
        return self.recipe.exists() and self.finished() is None

    def peer(self, name: str) -> Path:
        """Final weights of peer ``a`` or ``b``."""
        return self.path / f"peer_{name}.safetensors"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory for this process; the system unlocks it when the process ends, however it ends.

        Raises:
            LockedError: another process holds it.
            DataError: it cannot be written.
        """
        try:
            make_folder(self.path)
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise DataError(f"{shown(self.path)}: cannot be written: {error.strerror}") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(
                    f"{shown(self.path)}: another process is training this cell; wait for it, or name another --runs"
                ) from None
            except OSError as error:
                raise DataError(f"{shown(self.path)}: its file system has no locks: {error.strerror}") from error
            self._clear()
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # a process that was forked meanwhile may keep it open
            os.close(handle)

    def is_held(self) -> bool:
        """Whether another process holds the directory at this moment."""
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_NOFOLLOW)
        except OSError:  # training here reports the error
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(handle)
        return False

    def _clear(self) -> None:
        """Remove what a killed process left behind: half-written files, and the checkpoint of a finished cell."""
        for folder in (self.path, self.checkpoint.parent):
            for file in folder.glob(".*"):
                if _HALF_WRITTEN.fullmatch(file.name) and not file.is_dir():
                    file.unlink(missing_ok=True)
        if self.finished():
            self.remove_checkpoint()

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint, if there is one."""
        shutil.rmtree(self.checkpoint.parent, ignore_errors=True)

    def refuse_links(self) -> None:
        """Look that what training writes stays in the directory; the folder of the checkpoint may be elsewhere.

        Raises:
            DataError: a file of ours is a symbolic link there, which would be followed.
        """
        ours = (self.recipe, self.manifest, self.metrics, self.result, self.samples, self.checkpoint)
        for file in (*ours, self.peer("a"), self.peer("b")):
            if file.is_symlink():
                raise DataError(
                    f"{shown(file)}: is a symbolic link, and training writes through none; remove it to train here"
                )

    def claim(self, recipe: str) -> None:
        """Make the directory that of this resolved recipe.

        Raises:
            DataError: it was made by another recipe.
        """
        try:
            here = read_regular(self.recipe, len(recipe.encode()))
        except FileNotFoundError:
            write_text(self.recipe, recipe)
            return
        except OSError as error:
            raise DataError(f"{shown(self.recipe)}: cannot be read: {error.strerror}") from error
        if here != recipe.encode():
            raise DataError(
                f"{shown(self.path)}: was made by another recipe (see {self.recipe.name} in it); "
                "give the recipe another name, name another --runs, or move the directory away"
            )
