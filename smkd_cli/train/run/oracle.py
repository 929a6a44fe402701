"""What a method is given before training: facts of the noise, and trained teachers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from smkd_cli import networks
from smkd_cli.artifacts.peer import load_peer, peer_file
from smkd_cli.artifacts.tensors import difference
from smkd_cli.data import DataSet
from smkd_cli.errors import DataError
from smkd_cli.methods import LabelFacts, Method
from smkd_cli.methods.asking import answer
from smkd_cli.registry import file_of
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.run.labels import TrainingLabels


def facts_for(method: Method, labels: TrainingLabels, classes: int, noisy_labels: Tensor) -> LabelFacts:
    """The facts of the noise that a method needs before the first epoch, as far as clean labels are known.

    Args:
        noisy_labels: (n,) int64, on their device.
    """
    needs = method.needs()
    if labels.clean_labels is None or not needs:
        return LabelFacts(noisy_labels, classes)
    device = noisy_labels.device
    counts = torch.zeros(classes, classes, dtype=torch.float64, device=device)
    clean_labels = torch.from_numpy(labels.clean_labels).to(device)
    one = torch.ones((), dtype=torch.float64, device=device)
    counts.index_put_((clean_labels, noisy_labels), one, accumulate=True)
    rate = 1 - (counts.trace() / counts.sum()).item()
    present = counts.sum(1, keepdim=True)
    # A class without samples gets the identity's row: nothing of it can be wrong.
    matrix = torch.where(present > 0, counts / present.clamp_min(1), torch.eye(classes).to(counts))
    return LabelFacts(
        noisy_labels,
        classes,
        rate if "noise_rate" in needs else None,
        matrix if "transition_matrix" in needs else None,
    )


def load_teachers(
    method: Method, dataset: DataSet, machine: Machine, trusted: Sequence[str] = ()
) -> dict[str, nn.Module]:
    """The trained networks that a method names by their paths: of a ``.safetensors`` file, or of a run directory (A).

    Args:
        trusted: networks that the recipe names; no other that is code in a file is run for a teacher.

    Raises:
        DataError: one is missing, damaged, or was trained on other classes or images.
    """
    return {name: _load(name, dataset, machine, trusted) for name in teachers_of(method)}


def teachers_of(method: Method) -> list[str]:
    """The paths of trained networks that a method names."""
    return [made.source for made in answer(method, "companions") if made.is_file]


def _load(name: str, dataset: DataSet, machine: Machine, trusted: Sequence[str]) -> nn.Module:
    weights, about = load_peer(peer_file(Path(name)))
    if networks.library_of(about.network) is None and about.network not in (*networks.names(), *trusted):
        reason = "is not known" if file_of(about.network) is None else "is code that the recipe does not name"
        raise DataError(f"{name}: is of a network {about.network!r:.80}, which {reason}")
    network = networks.build(about.network, classes=dataset.classes, channels=dataset.image_shape[2])
    if wrong := difference(weights, network.state_dict()):
        raise DataError(
            f"{name}: is no teacher for {dataset.name} ({dataset.classes} classes): it was trained on "
            f"{about.cell.dataset:.80} ({wrong})"
        )
    network.load_state_dict(weights)
    return network.to(machine.device, memory_format=machine.memory_format)  # type: ignore[call-overload, no-any-return]
