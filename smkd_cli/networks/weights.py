"""Trained weights of other classes, from a safetensors file: all of a network but what makes logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from smkd_cli.errors import DataError
from smkd_cli.words import listed, plain, shown

if TYPE_CHECKING:
    from torch import Tensor, nn

Builder = Callable[[int, int], "nn.Module"]
_CLASSES = (2, 3)  # two numbers of classes: what has another shape with the second is the classifier's


def classifier_keys(builder: Builder, channels: int) -> set[str]:
    """The keys of a network's ``state_dict()`` whose shapes depend on the number of classes."""
    import torch

    with torch.device("meta"):
        one, other = (builder(classes, channels).state_dict() for classes in _CLASSES)
    return {key for key, value in one.items() if key not in other or value.shape != other[key].shape}


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        DataError: it is missing, damaged, or of another kind.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(
            f"{shown(path)}: is no safetensors file, or a damaged one ({plain(error)}); weights that PyTorch has saved"
            " are pickles, which may run code: load them where you trust them, and save them with"
            " safetensors.torch.save_file"
        ) from error


def load_backbone(network: nn.Module, weights: dict[str, Tensor], classifier: set[str], path: Path) -> None:
    """Copy trained weights into a network, all but those of its classifier.

    Args:
        classifier: as :func:`classifier_keys`.
        path: where they are from, for messages.

    Raises:
        DataError: they are of another architecture, or are not finite.
    """
    import torch

    own = {key: value for key, value in network.state_dict().items() if key not in classifier}
    given = {key: value for key, value in weights.items() if key not in classifier}
    missing = sorted(key for key in own.keys() - given.keys() if not key.endswith("num_batches_tracked"))
    other = [key for key in sorted(own.keys() & given.keys()) if own[key].shape != given[key].shape]
    further = sorted(given.keys() - own.keys())
    if missing or other or further:
        parts = {"lack": missing, "have in another shape": other, "have beside it": further}
        faults = ", and ".join(f"{word} {listed(keys)}" for word, keys in parts.items() if keys)
        raise DataError(f"{shown(path)}: holds the weights of another network: they {faults}")
    for key, value in given.items():
        if value.is_floating_point() and not torch.isfinite(value.double()).all():
            raise DataError(f"{shown(path)}: {plain(key)} is not finite")
    network.load_state_dict(given, strict=False)
