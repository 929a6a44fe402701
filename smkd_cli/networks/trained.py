"""Where trained weights are: in a file that a recipe names, in the data folder, or where a library publishes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smkd_cli import cache
from smkd_cli.errors import DataError, UsageError
from smkd_cli.networks.libraries import library_of
from smkd_cli.words import plain, shown

PRETRAINED = "pretrained"
"""Stands for the weights that a network's library offers."""


def locate(network: str, weights: str, data: Path) -> Path:
    """The safetensors file of a network's trained weights.

    Args:
        network: its name.
        weights: a path; or ``pretrained``: ``pretrained/NAME.safetensors`` in the data folder if that is there (NAME is
            the network's in its library), and else what the library downloads into its own cache.
        data: folder of the data sets.

    Raises:
        UsageError: the library has no trained weights of this network.
        DataError: the file is not there, or cannot be downloaded.
    """
    if weights != PRETRAINED:
        if not Path(weights).is_file():
            raise DataError(f"{shown(weights)}: no such file of weights")
        return Path(weights)
    of_library = library_of(network)
    name = network if of_library is None else of_library[1]
    here = data / PRETRAINED / f"{name}.safetensors"
    if here.is_file():
        return here
    if of_library is None:
        raise UsageError(f"no trained weights of {network} are known: put them into {shown(here)}, or name a file")
    try:
        return _of_timm(name) if of_library[0] == "timm" else _of_torchvision(name)
    except (UsageError, DataError):
        raise
    except Exception as error:  # of the network, of the site, of the library that asks it
        raise DataError(
            f"the trained weights of {network} cannot be downloaded ({plain(error)}): try again, or put a safetensors"
            f" file with them into {shown(here)}"
        ) from error


def _of_timm(name: str) -> Path:
    import timm
    from huggingface_hub import hf_hub_download

    configuration: Any = timm.get_pretrained_cfg(name)
    if configuration is None or not configuration.hf_hub_id:
        raise UsageError(f"timm has no trained weights of {name}")
    return Path(hf_hub_download(configuration.hf_hub_id, "model.safetensors"))


def _of_torchvision(name: str) -> Path:
    """The weights that torchvision publishes, as safetensors in our cache: it publishes pickles."""
    from safetensors.torch import save_file
    from torchvision import models

    from smkd_cli.artifacts.files import written_in_one_step

    weights = models.get_model_weights(name).DEFAULT
    path = cache.folder() / "weights" / f"torchvision-{name}-{weights.name}.safetensors"
    if not path.is_file():
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        with written_in_one_step(path) as unfinished:
            save_file({key: value.contiguous() for key, value in state.items()}, unfinished)
    return path
