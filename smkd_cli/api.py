"""The Python API: the same packages that the commands use, under a few names.

    import smkd_cli.api as smkd

Importing this is quick: torch and pandas are loaded by what needs them. Nothing here writes to stdout or stderr:
messages go to the logger ``smkd``, those of worker processes and Python's warnings of a training too, and what goes
wrong is an :class:`SmkdError`.
Paths are relative to the working directory, and data sets are looked for in ``data/`` unless another folder is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.errors import (
    DataError,
    InterruptedRunError,
    RecipeError,
    SmkdError,
    StillTrainingError,
    TrainingError,
    UnknownName,
    UsageError,
)

if TYPE_CHECKING:
    from torch import nn

    from smkd_cli.artifacts.manifest import Manifest, read_manifest, write_manifest
    from smkd_cli.artifacts.run import Run
    from smkd_cli.data import DataSet
    from smkd_cli.methods.contract import Method
    from smkd_cli.methods.exchange.contract import ExchangeRule
    from smkd_cli.methods.pair_loss import PairLoss
    from smkd_cli.methods.targets.contract import TargetRule
    from smkd_cli.noise import corrupt_labels, transition_matrix
    from smkd_cli.recipe import Cell, Recipe, expand

__all__ = [
    "Cell",
    "DataError",
    "DataSet",
    "ExchangeRule",
    "InterruptedRunError",
    "Manifest",
    "Method",
    "PairLoss",
    "Recipe",
    "RecipeError",
    "Run",
    "SmkdError",
    "StillTrainingError",
    "TargetRule",
    "TrainingError",
    "UnknownName",
    "UsageError",
    "corrupt_labels",
    "dataset",
    "expand",
    "load_recipe",
    "method",
    "methods",
    "network",
    "read_manifest",
    "train",
    "transition_matrix",
    "write_manifest",
]

# Where the names are that take a while to load.
_LAZY = {
    "Cell": "smkd_cli.recipe",
    "DataSet": "smkd_cli.data",
    "ExchangeRule": "smkd_cli.methods.exchange.contract",
    "Manifest": "smkd_cli.artifacts.manifest",
    "Method": "smkd_cli.methods.contract",
    "PairLoss": "smkd_cli.methods.pair_loss",
    "Recipe": "smkd_cli.recipe",
    "Run": "smkd_cli.artifacts.run",
    "TargetRule": "smkd_cli.methods.targets.contract",
    "corrupt_labels": "smkd_cli.noise",
    "expand": "smkd_cli.recipe",
    "read_manifest": "smkd_cli.artifacts.manifest",
    "transition_matrix": "smkd_cli.noise",
    "write_manifest": "smkd_cli.artifacts.manifest",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return list(__all__)


def method(name: str, **options: object) -> Method:
    """A method by its name, as recipes name it.

    Args:
        name: for example ``SMKD-P+MyLC``, ``LS``, ``Co-teaching``, or ``my_rules.py:Mine``.
        options: keys of the method, as ``smkd methods show`` lists them.

    Raises:
        UnknownName: there is no such method.
        ValueError: it has no such option, or not with this value.

    Example:
        >>> smkd.method("SMKD-S+MyLC", eta=2.0, rho=0.4).exchange
        Static(eta=2.0, normalisation='batch', transfer_weight=1.0)
    """
    from smkd_cli.methods import build

    return build(name, options)


def methods() -> list[str]:
    """The names of all rules and methods: exchange rules, target rules, and methods that stand alone.

    Example:
        >>> [name for name in smkd.methods() if name.startswith("SMKD")]
        ['SMKD-P', 'SMKD-S']
    """
    from smkd_cli.methods import names

    return names()


def network(name: str, classes: int, channels: int = 3) -> nn.Module:
    """A network with fresh weights, of torch's random generator.

    Args:
        name: for example ``resnet18``, or ``my_networks.py:Mine``.
        classes: C.
        channels: of the images.

    Raises:
        UnknownName: there is no such network.

    Example:
        >>> import torch
        >>> smkd.network("small_resnet", classes=10, channels=1)(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    from smkd_cli.networks import build

    return build(name, classes, channels)


def dataset(name: str, data: Path | str = "data") -> DataSet:
    """A data set by its name, opened.

    Args:
        name: for example ``digits``, ``cifar100``, or ``my_data.py:Mine``.
        data: folder of the data sets.

    Raises:
        UnknownName: there is no such data set.
        DataError: its files are missing or damaged.

    Example:
        >>> digits = smkd.dataset("digits")
        >>> digits.labels("train").labels.shape, digits.images("test").read([0, 1]).shape
        ((1437,), (2, 8, 8, 1))
    """
    from smkd_cli.data import find

    return find(name, Path(data))


def load_recipe(
    source: str, overrides: Sequence[str] = (), profile: str | None = None, *, data: Path | str = "data"
) -> Recipe:
    """A recipe, checked.

    Args:
        source: name of a shipped recipe, path of a file, or ``-`` for stdin.
        overrides: ``KEY=VALUE``, as ``--set`` takes them.
        profile: of the recipe.
        data: folder of the data sets.

    Raises:
        RecipeError: something in it is wrong; the message has every problem with its location.

    Example:
        >>> recipe = smkd.load_recipe("quickstart", ["seeds=[1]", "methods=[CE, SMKD-P+MyLC]", "options={}"])
        >>> [cell.slug for cell in smkd.expand(recipe)]
        ['ce_symmetric-0.4_seed1', 'smkd-p+mylc_symmetric-0.4_seed1']
    """
    from smkd_cli import recipe

    return recipe.load_recipe(source, overrides, profile, data=Path(data))


def train(
    recipe: str,
    overrides: Sequence[str] = (),
    *,
    profile: str | None = None,
    manifest: Path | str | None = None,
    cells: Sequence[str] = (),
    runs: Path | str = "runs",
    data: Path | str = "data",
    jobs: int = 1,
    device: str = "auto",
    executor: str = "local",
    wait: bool = True,
    report: Callable[[Cell, Any], None] | None = None,
) -> list[Run]:
    """Train every cell of a recipe's grid that is not finished yet, as ``smkd train`` does.

    Ctrl-C saves what is being trained; the same call goes on from there. One cell at a time is trained in this process;
    torch's random state and its number of threads are what they were afterwards.

    Args:
        recipe, overrides, profile: see :func:`load_recipe`.
        manifest: a file of labels, instead of the recipe's noise.
        cells: patterns of names of cells; all of them where there is none.
        runs: where the run directories go.
        data: folder of the data sets.
        jobs: cells at a time; more than one are trained in processes of their own.
        device: ``auto``, ``cpu`` or ``cuda``.
        executor: where cells are trained, by name or ``FILE.py:NAME``.
        wait: whether to wait for cells that another process trains.
        report: takes each cell's events (:mod:`smkd_cli.train.events`) while it is trained.

    Returns:
        The finished cells, in the order in which they were found finished.

    Raises:
        RecipeError: the recipe is wrong.
        DataError: data or files are missing, damaged, or do not fit.
        TrainingError: some cells failed; the others are finished.
        UsageError: there is no such executor, device or cell.
        StillTrainingError: without ``wait``, another process is training what is left.
        InterruptedRunError: a signal came; everything is saved.

    Example:
        >>> runs = smkd.train("quickstart", ["methods=[CE]", "seeds=[1]", "epochs=1"], device="cpu", runs=scratch)
        >>> [run.result.cell.method for run in runs]
        ['CE']
    """
    from contextlib import nullcontext

    from smkd_cli.artifacts.run import Run
    from smkd_cli.train.executors import find
    from smkd_cli.train.grid import GridRequest
    from smkd_cli.train.machine.device import unchanged_torch
    from smkd_cli.train.whole_grid import train_grid

    done: list[Path] = []
    with unchanged_torch():
        train_grid(
            GridRequest(recipe, list(overrides), profile, None if manifest is None else str(manifest), list(cells)),
            runs=Path(runs),
            device=device,
            executor=find(executor, jobs),
            data=Path(data),
            wait=wait,
            done=done.append,
            watching=lambda _cells: nullcontext(report or (lambda _cell, _event: None)),
        )
    return [Run(path) for path in done]
