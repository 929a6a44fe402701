"""The Python API: the same packages that the commands use, under a few names.

    import smkd_cli.api as smkd

Importing this is quick: torch and pandas are loaded by what needs them. Nothing here writes to stdout or stderr:
messages, those of worker processes and Python's warnings of a training too, go to the logger ``smkd``. What goes wrong
is an :class:`SmkdError`; what can be mended by other arguments is a ValueError too. Every function may be called from
any thread. Paths are relative to the working directory, and data sets are looked for in ``data/`` unless another folder
is named.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from smkd_cli import arguments
from smkd_cli.errors import (
    DataError,
    InterruptedRunError,
    LabelError,
    MethodError,
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
    from smkd_cli.data import DataSet
    from smkd_cli.data.images.loading import Loading
    from smkd_cli.methods.contract import Method, Rule
    from smkd_cli.methods.exchange.contract import ExchangeRule
    from smkd_cli.methods.pair_loss import PairLoss
    from smkd_cli.methods.targets.contract import TargetRule
    from smkd_cli.noise import corrupt_labels, transition_matrix
    from smkd_cli.recipe import Cell, Recipe, expand
    from smkd_cli.run import Run
    from smkd_cli.train.grid import GridRequest

__all__ = [
    "Cell",
    "DataError",
    "DataSet",
    "ExchangeRule",
    "InterruptedRunError",
    "LabelError",
    "Manifest",
    "Method",
    "MethodError",
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
    "Run": "smkd_cli.run",
    "TargetRule": "smkd_cli.methods.targets.contract",
    "corrupt_labels": "smkd_cli.noise",
    "expand": "smkd_cli.recipe",
    "read_manifest": "smkd_cli.artifacts.manifest",
    "transition_matrix": "smkd_cli.noise",
    "write_manifest": "smkd_cli.artifacts.manifest",
}


# Training changes what torch has of each process: random state and threads. So calls take turns.
_one_at_a_time = threading.Lock()
_training_thread: list[int] = []


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return list(__all__)


def method(*rules: str | type[Rule] | Rule, **options: object) -> Method:
    """A method by its name, as recipes name it, or of rules of one's own.

    Args:
        rules: a name, for example ``SMKD-P+MyLC``, ``LS``, ``Co-teaching``, or ``my_rules.py:Mine``; or a class of a
            rule or method; or an exchange rule and a target rule, each as a name or a class. Rules that have
            their options already are taken as they are.
        options: keys of the method, as ``smkd methods show`` lists them.

    Raises:
        UnknownName: there is no such method.
        UsageError: it has no such option, or not with this value.
        MethodError: the code of a rule of one's own is wrong.

    Example:
        >>> smkd.method("SMKD-S+MyLC", eta=2.0, rho=0.4).exchange
        Static(eta=2.0, normalisation='batch', transfer_weight=1.0)
        >>> from smkd_cli.methods.contract import Refined
        >>> class Halved(smkd.TargetRule):
        ...     name = "Halved"
        ...     def refine(self, own, batch, clock):
        ...         return Refined((batch.target + own.probs.detach()) / 2)
        >>> smkd.method("SMKD-P", Halved, eta=4.0).target_rule
        Halved()
    """
    from smkd_cli.methods.own_rules import method_of_own

    with arguments.in_python():
        return method_of_own(rules, options)


def methods() -> list[str]:
    """The names of all rules and methods: exchange rules, target rules, and methods that stand alone.

    Example:
        >>> [name for name in smkd.methods() if name.startswith("SMKD")]
        ['SMKD-P', 'SMKD-S']
    """
    from smkd_cli.methods import names

    return names()


def network(name: str, classes: int, channels: int = 3) -> nn.Module:
    """A network with fresh weights, of torch's random generator; it maps images (N, channels, H, W) to logits (N, C).

    Args:
        name: for example ``resnet18``, or ``my_networks.py:Mine``.
        classes: C, at least 2.
        channels: of the images.

    Raises:
        UnknownName: there is no such network.
        UsageError: an argument is of the wrong type, or the network cannot be built.

    Example:
        >>> import torch
        >>> smkd.network("small_resnet", classes=10, channels=1)(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    from smkd_cli.networks import build

    with arguments.in_python():
        return build(
            arguments.text("name", name),
            arguments.whole("classes", classes, 2),
            arguments.whole("channels", channels, 1),
        )


def dataset(name: str, data: Path | str = "data") -> DataSet:
    """A data set by its name, opened.

    Args:
        name: for example ``digits``, ``cifar100``, or ``my_data.py:Mine``.
        data: folder of the data sets.

    Raises:
        UnknownName: there is no such data set.
        DataError: its files are missing or damaged.
        UsageError: an argument is of the wrong type.

    Example:
        >>> digits = smkd.dataset("digits")
        >>> digits.labels("train").labels.shape, digits.images("test").read([0, 1]).shape
        ((1437,), (2, 8, 8, 1))
    """
    from smkd_cli.data import find

    with arguments.in_python():
        return find(arguments.text("name", name), arguments.path("data", data))


def load_recipe(
    source: str | Path | Mapping[str, Any] | Recipe,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    profile: str | Path | None = None,
    *,
    dataset: str | Path | None = None,
    data: Path | str = "data",
) -> Recipe:
    """A recipe, checked.

    Args:
        source: name of a shipped recipe, path of a file, or ``-`` for stdin; or what stands in a recipe as a
            dict, or a recipe that was read before.
        overrides: ``KEY=VALUE``, as ``--set`` takes them, or a dict of dotted keys and values.
        profile: of the recipe.
        dataset: what to train on instead of the recipe's own data set: a name, or the path of images of your own, which
            has a slash.
        data: folder of the data sets.

    Raises:
        RecipeError: something in it is wrong; the message has every problem with its location.
        DataError: the data set has its facts in files, and these are missing or damaged.
        UsageError: an argument is of the wrong type.

    Example:
        >>> few = {"seeds": [1], "methods": ["CE", "SMKD-P+MyLC"], "options": {}, "optimizer.lr": 0.05}
        >>> recipe = smkd.load_recipe("quickstart", few)
        >>> [cell.slug for cell in smkd.expand(recipe)]
        ['ce_symmetric-0.4_seed1', 'smkd-p+mylc_symmetric-0.4_seed1']
    """
    from smkd_cli import recipe

    with arguments.in_python():
        named = None if profile is None else str(arguments.path("profile", profile))
        return recipe.load_recipe(
            _recipe(source),
            arguments.overrides(overrides),
            named,
            data=arguments.path("data", data),
            dataset=_dataset(dataset),
        )


def _dataset(dataset: str | Path | None) -> str | None:
    if dataset is None or isinstance(dataset, str):
        return None if dataset is None else arguments.text("dataset", dataset)
    return str(Path.cwd() / arguments.path("dataset", dataset))  # a Path is no name


def _recipe(source: object) -> str | Mapping[str, Any] | Recipe:
    from smkd_cli.recipe import Recipe

    if isinstance(source, Recipe):
        return source
    if isinstance(source, Mapping):
        return arguments.mapping("recipe", source)
    return str(arguments.path("recipe", source))


def train(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    *,
    dataset: str | Path | None = None,
    profile: str | Path | None = None,
    manifest: Path | str | None = None,
    cells: str | Sequence[str] = (),
    runs: Path | str = "runs",
    data: Path | str = "data",
    jobs: int | Literal["auto"] = 1,
    images: Literal["auto", "resident", "streamed"] = "auto",
    workers: int | Literal["auto"] = "auto",
    device: str = "auto",
    executor: str = "local",
    deterministic: bool = False,
    wait: bool = True,
    report: Callable[[Cell, Any], None] | None = None,
) -> list[Run]:
    """Train every cell of a recipe's grid that is not finished yet, as ``smkd train`` does.

    Ctrl-C saves what is being trained; the same call goes on from there. One cell at a time is trained in this process;
    torch's random state and its number of threads are what they were afterwards. It may be called in any thread; only
    the main thread gets Ctrl-C. Calls in several threads take turns, because they share torch's random state.

    Args:
        recipe, overrides, dataset, profile: see :func:`load_recipe`.
        manifest: a file of labels, instead of the recipe's noise.
        cells: patterns of names of cells, or one pattern; all of them where there is none.
        runs: where the run directories go.
        data: folder of the data sets.
        jobs: cells at a time; more than one are trained in processes of their own. ``auto``: as many as are fastest.
        images: ``resident`` keeps all in memory, ``streamed`` decodes them batch by batch; ``auto`` streams those that
            would fill more than a third of the free memory.
        workers: threads that decode streamed images.
        device: ``auto``, ``cpu`` or ``cuda``.
        executor: where cells are trained, by name or ``FILE.py:NAME``.
        deterministic: same bits every time, also on a GPU (``compute.deterministic`` of the recipe).
        wait: whether to wait for cells that another process trains.
        report: takes each cell's events (:mod:`smkd_cli.train.events`) while it is trained.

    Returns:
        The finished cells, in the order in which they were found finished.

    Raises:
        RecipeError: the recipe is wrong.
        DataError: data or files are missing, damaged, or do not fit.
        TrainingError: some cells failed; the others are finished.
        UsageError: there is no such executor, device or cell, an argument is of the wrong type, or ``report`` trains.
        StillTrainingError: without ``wait``, another process is training what is left.
        InterruptedRunError: a signal came; everything is saved.

    Example:
        >>> small = {"methods": ["CE"], "options": {}, "seeds": [1], "epochs": 1}
        >>> runs = smkd.train("quickstart", small, device="cpu", runs=scratch)
        >>> [run.result.cell.method for run in runs]
        ['CE']
    """
    with arguments.in_python():
        settings = arguments.overrides(overrides)
        if arguments.truth("deterministic", deterministic):
            settings.append("compute.deterministic=true")
        if report is not None and not callable(report):
            raise UsageError(f"report should be a function, not {type(report).__name__} {report!r:.80}")
        if threading.get_ident() in _training_thread:
            raise UsageError("report is called while a cell is trained, and cannot train another by itself")
        from smkd_cli.data.images.loading import Loading
        from smkd_cli.train.grid import GridRequest

        request = GridRequest(
            _recipe(recipe),
            settings,
            None if profile is None else str(arguments.path("profile", profile)),
            None if manifest is None else str(arguments.path("manifest", manifest)),
            [cells] if isinstance(cells, str) else arguments.texts("cells", cells),
            _dataset(dataset),
        )
        return _train(
            request,
            runs=arguments.path("runs", runs),
            data=arguments.path("data", data),
            jobs=None if jobs == "auto" else arguments.whole("jobs", jobs, 1),
            loading=Loading(
                arguments.text("images", images),
                None if workers == "auto" else arguments.whole("workers", workers, 0),
            ),
            device=arguments.text("device", device),
            executor=arguments.text("executor", executor),
            wait=arguments.truth("wait", wait),
            report=report or (lambda _cell, _event: None),
        )


def _train(
    request: GridRequest,
    *,
    runs: Path,
    data: Path,
    jobs: int | None,
    loading: Loading,
    device: str,
    executor: str,
    wait: bool,
    report: Callable[[Cell, Any], None],
) -> list[Run]:
    from contextlib import nullcontext

    from smkd_cli.run import Run
    from smkd_cli.train.executors import find
    from smkd_cli.train.machine.device import unchanged_torch
    from smkd_cli.train.whole_grid import train_grid

    done: list[Path] = []
    with _one_at_a_time:
        _training_thread.append(threading.get_ident())
        try:
            with unchanged_torch():
                train_grid(
                    request,
                    runs=runs,
                    device=device,
                    executor=find(executor, jobs),
                    data=data,
                    wait=wait,
                    loading=loading,
                    done=done.append,
                    watching=lambda _cells: nullcontext(report),
                )
        finally:
            _training_thread.clear()
    return [Run(path) for path in done]
