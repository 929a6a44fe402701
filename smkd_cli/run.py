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
from smkd_cli.errors import DataError, UnknownName, UsageError
from smkd_cli.registry import file_of
from smkd_cli.words import shown

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

Peer = Literal["a", "b"]


class Run:
    """What training one cell left behind.

    Args:
        path: the run directory.

    Raises:
        DataError: no cell has finished there.
        UsageError: that is no path.

    Attributes:
        path: the run directory.
        result: ``result.json``: what was trained (``cell``), how good it is (``scores``, accuracies in percent), and
            with what it was trained (``provenance``).

    Example:
        >>> run = smkd.Run(trained)  # the path of a run directory
        >>> run.result.cell.method, run.result.scores.last.epoch, len(run.metrics)
        ('SMKD-S+MyLC', 2, 2)
        >>> run.manifest.noisy_labels[:3], sorted(run.weights("a"))[0]
        (array([0, 8, 2]), 'classifier.bias')
        >>> import torch
        >>> run.network("b")(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
        >>> a, b, facts = run.samples
        >>> a.margin.shape, facts.classes
        ((1437,), 10)
    """

    def __init__(self, path: Path | str) -> None:
        if not isinstance(path, (str, Path)):
            raise UsageError(f"path should be that of a run directory, not {type(path).__name__} {path!r:.80}")
        self.path = Path(path)
        self._directory = RunDirectory(self.path)
        result = self._directory.finished()
        if result is None:
            raise DataError(f"{shown(self.path)}: no cell has finished here")
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
                f"{shown(self._directory.metrics)}: ends in epoch {len(table)}, but the run in {last};"
                " train the cell again"
            )
        return table

    @property
    def manifest(self) -> Manifest:
        """The noisy labels, which were trained on, with the clean ones where they are known: (n,) each.

        Raises:
            DataError: the file is missing or damaged.
        """
        return read_manifest(self._directory.manifest)

    @property
    def samples(self) -> tuple[SampleRecord, SampleRecord, SamplesFacts]:
        """The records of every training sample, (n,) each in the manifest's order, of peer A and of peer B.

        Raises:
            DataError: the file is missing or damaged.
        """
        return read_samples(self._directory.samples)

    def weights(self, peer: Peer = "a") -> dict[str, Tensor]:
        """The final weights of a peer by name, on the CPU, for ``load_state_dict`` of its network.

        Raises:
            DataError: the file is missing or damaged.
            UsageError: there is no such peer.
        """
        return load_peer(self._directory.peer(_checked(peer)))[0]

    def network(self, peer: Peer = "a", *, trust_code: bool = False) -> nn.Module:
        """The network of a peer with its final weights, on the CPU and in evaluation mode.

        It maps images (N, channels, H, W), scaled to [0, 1] and normalised by the data set's ``mean`` and ``std``, to
        logits (N, C).

        Args:
            peer: ``a`` or ``b``.
            trust_code: whether the file of code may be run that the run names for its network, if it names one.

        Raises:
            DataError: the file of weights is missing or damaged, or not of the network that it names.
            UsageError: there is no such peer, or its network is code in a file, without ``trust_code``, or it is a head
                over the features of a frozen network.
        """
        import torch

        from smkd_cli import networks
        from smkd_cli.artifacts.tensors import difference

        path = self._directory.peer(_checked(peer))
        weights, facts = load_peer(path)
        if facts.cell.frozen is not None:
            raise UsageError(
                f"{shown(path)}: is a head over the features of {facts.cell.frozen.network}, and no network of images"
            )
        if file_of(facts.network) and not trust_code:
            raise UsageError(
                f"{shown(path)}: its network is code in {facts.network}: read it, and allow it by trust_code=True"
            )
        # Its file does not say how many channels the images have, but a convolution of its weights does.
        channels = {1, 3} | {weight.shape[1] for weight in weights.values() if weight.ndim == 4}
        classes, wrong = self.manifest.classes, None
        for count in sorted(channels):
            try:
                with torch.random.fork_rng(devices=[]):
                    network = networks.build(facts.network, classes, count)
            except UnknownName:
                raise
            except UsageError as error:  # code of others may not know such images
                wrong = str(error)
                continue
            if (wrong := difference(weights, network.state_dict())) is None:
                network.load_state_dict(weights)
                return network.eval()
        raise DataError(f"{shown(path)}: its weights are not those of a {facts.network}: {wrong}")


def _checked(peer: Peer) -> Peer:
    if peer not in ("a", "b"):
        raise UsageError(f"peer should be 'a' or 'b', not {peer!r:.80}")
    return peer
