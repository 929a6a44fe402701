"""smkd: train image classifiers when the labels are wrong.

Four stages that hand each other files: ``corrupt`` (labels to manifest), ``train`` (manifest to peer pairs),
``evaluate`` (pairs to scores), ``report`` (scores to tables). ``docs/architecture.md`` describes the packages.

The names of the Python API are here too, but for ``train`` and ``methods``, which are packages: these functions are
``smkd_cli.api.train`` and ``smkd_cli.api.methods``. Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

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
    "__version__",
    "api",
    "corrupt_labels",
    "dataset",
    "expand",
    "load_recipe",
    "method",
    "network",
    "read_manifest",
    "transition_matrix",
    "write_manifest",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    api = import_module("smkd_cli.api")
    return api if name == "api" else getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
