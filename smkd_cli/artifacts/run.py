"""A run directory as an object: the files of a finished cell, read when they are first used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smkd_cli.artifacts.manifest import Manifest, read_manifest
from smkd_cli.artifacts.metrics import read_table
from smkd_cli.artifacts.peer import load_peer
from smkd_cli.artifacts.result_records import ResultRecord
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.artifacts.samples import SampleRecord, SamplesFacts, read_samples
from smkd_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


class Run:
    """What training one cell left behind.

    Args:
        path: the run directory.

    Raises:
        DataError: no cell has finished there.

    Example:
        >>> run = smkd.Run(trained)  # the path of a run directory
        >>> run.result.cell.method, run.result.scores.last.epoch, len(run.metrics)
        ('SMKD-S+MyLC', 2, 2)
        >>> run.manifest.noisy_labels[:3], sorted(run.weights("a"))[0]
        (array([0, 8, 2]), 'classifier.bias')
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._directory = RunDirectory(self.path)
        result = self._directory.finished()
        if result is None:
            raise DataError(f"{self.path}: no cell has finished here")
        self.result: ResultRecord = result

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def metrics(self) -> pd.DataFrame:
        """``metrics.csv``, a row per epoch; docs/formats.md has the columns.

        Raises:
            DataError: the file is missing or damaged: a row is torn, or not every epoch has one.
        """
        import pandas as pd

        table = pd.DataFrame(read_table(self.path))
        last = self.result.scores.last.epoch if self.result.scores else None
        if last not in {None, len(table)}:
            raise DataError(
                f"{self._directory.metrics}: ends in epoch {len(table)}, but the run in {last}; train the cell again"
            )
        return table

    @property
    def manifest(self) -> Manifest:
        """The noisy labels, which were trained on, with the clean ones where they are known."""
        return read_manifest(self._directory.manifest)

    @property
    def samples(self) -> tuple[SampleRecord, SampleRecord, SamplesFacts]:
        """The records of every training sample, of peer A and of peer B."""
        return read_samples(self._directory.samples)

    def weights(self, peer: Literal["a", "b"] = "a") -> dict[str, Tensor]:
        """The final weights of a peer by name, on the CPU, for ``load_state_dict`` of its network."""
        return load_peer(self._directory.peer(peer))[0]
