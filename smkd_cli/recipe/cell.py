"""A cell of the grid: one method under one noise setting with one seed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from smkd_cli import methods
from smkd_cli.data import DataSet
from smkd_cli.data.augmentation import at_test
from smkd_cli.data.own.options import is_path
from smkd_cli.naming import slug
from smkd_cli.networks import library_of
from smkd_cli.networks.trained import PRETRAINED
from smkd_cli.noise import WITHOUT_RATE
from smkd_cli.recipe.grid import short
from smkd_cli.recipe.schema import NoiseEntry, Recipe
from smkd_cli.recipe.yaml_writer import dump
from smkd_cli.registry import AUGMENTATIONS, DATASETS, METHODS, NETWORKS, NOISE, Kind, called

_NOT_PROTOCOL = ("name", "title", "tables", "variant", "methods", "options", "noise", "seeds", "compute")


@dataclass(frozen=True)
class Cell:
    """What is trained: a resolved recipe of one method (all options explicit), one noise setting and one seed.

    Noise that is drawn names its seed and sampling; a manifest's path is relative to the current folder.

    Example:
        >>> cell = smkd.expand(smkd.load_recipe("quickstart", {"methods": ["LS"], "options": {}}))[0]
        >>> cell.slug, cell.method, cell.options, cell.seed
        ('ls_symmetric-0.4_seed1', 'LS', {'epsilon': 0.5}, 1)
    """

    recipe: Recipe

    @property
    def method(self) -> str:
        """The method's name, such as ``SMKD-P+MyLC``."""
        return self.recipe.methods[0].name

    @property
    def label(self) -> str:
        """What tables call the method."""
        return self.recipe.methods[0].label or self.method

    @property
    def options(self) -> dict[str, Any]:
        """Every option of the method."""
        return self.recipe.methods[0].options

    @cached_property
    def training(self) -> Recipe:
        """The recipe as this cell is trained: with the method's own protocol, where it has one."""
        protocol = self.recipe.methods[0].protocol
        return self.recipe if protocol is None else self.recipe.model_copy(update=protocol.given)

    @property
    def plugins(self) -> list[tuple[Kind, str]]:
        """What in it is not ours, by kind and name: rules, networks, noise that is drawn, data set, augmentations."""
        reference = self.recipe.dataset.reference
        datasets = [reference] if isinstance(reference, str) and not is_path(reference) else []
        noise = [self.noise.kind] if self.noise.kind and not self.noise.manifest else []
        names: list[tuple[Kind, str]] = [
            *((METHODS, part) for part in methods.parts_of(self.method)),
            *((NETWORKS, name) for name in self.training.networks if library_of(name) is None),
            *((NOISE, kind) for kind in noise),
            *((DATASETS, name) for name in datasets),
            *((AUGMENTATIONS, rule.name) for rule in self.training.augmentation.rules),
        ]
        return [(kind, name) for kind, name in dict.fromkeys(names) if not kind.is_own(name)]

    @property
    def noise(self) -> NoiseEntry:
        return self.recipe.noise[0]

    @property
    def seed(self) -> int:
        return self.recipe.seeds[0]

    @cached_property
    def slug(self) -> str:
        """Name of the cell's folder, ``<label>_<noise>_seed<seed>``; unique in its grid.

        Before the seed stands the variant, if the recipe has variants. The noise is ``<kind>-<rate>``, followed by
        sampling and seed where they are not the usual ones.
        """
        noise = self.noise
        if noise.kind is None:
            words = ["manifest"]
        else:
            words = [
                called(noise.kind),
                *([] if noise.kind in WITHOUT_RATE or noise.rate is None else [short(noise.rate)]),
            ]
        if noise.sampling not in (None, "per-sample"):
            words.append(noise.sampling)
        if noise.seed not in (None, self.seed):
            words.append(f"noise{noise.seed}")
        if noise.sha256 is not None:
            words.append(noise.sha256[:8])
        variant = [] if self.recipe.variant is None else [self.recipe.variant]
        return slug("_".join([self.label, "-".join(words), *variant, f"seed{self.seed}"]))

    @property
    def protocol(self) -> str:
        """As :meth:`protocol_on`, of a data set that has a name."""
        return self.protocol_on("")

    def protocol_on(self, fingerprint: str) -> str:
        """16 hexadecimal digits, equal for results that may stand in one table.

        A hash of everything but the name, title, tables, variant, methods, options, noise, seeds and compute of the
        recipe; a method's own protocol stands in its row and does not count. Of one's own images not the path counts,
        but what is there, their fingerprint; and of files of weights their names, wherever they are.
        """
        data = self.recipe.model_dump(mode="json", by_alias=True)
        kept = {key: value for key, value in data.items() if key not in _NOT_PROTOCOL}
        if (own := self.recipe.dataset.own) is not None:
            kept["dataset"] = {**own.reading, "path": fingerprint}
        if "weights" in kept:
            kept["weights"] = [path and Path(path).name for path in self.recipe.weights]
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]

    def describe(self, dataset: DataSet) -> dict[str, Any]:
        """The ``cell`` of ``result.json``, without its noise, which only those know who have the labels.

        Args:
            dataset: that it is trained on.
        """
        recipe, own = self.recipe, self.recipe.methods[0].protocol
        source = {}
        if (images := recipe.dataset.own) is not None:
            source = {"source": images.absolute.keys() | {"fingerprint": dataset.fingerprint}}
        return {
            "recipe": recipe.name,
            "tables": list(recipe.tables),
            "profile": recipe.profile,
            "protocol": self.protocol_on(dataset.fingerprint),
            "label": self.label,
            "method": self.method,
            "options": self.options,
            "dataset": recipe.dataset.title,
            **source,
            **({"remarks": list(dataset.remarks)} if dataset.remarks else {}),
            "classes": dataset.classes,
            **self._shown(),
            "networks": list(recipe.networks),
            **({} if dataset.frozen is None else {"frozen": {**dataset.frozen, "head": recipe.head}}),
            "epochs": recipe.epochs,
            "own_protocol": None if own is None else own.model_dump(mode="json"),
            "seed": self.seed,
            "validation_fraction": _share_held_out(dataset, recipe.validation.fraction),
        }

    def _shown(self) -> dict[str, Any]:
        """The rules of the augmentation that change test images too, by which a trained network is scored."""
        rules = self.training.augmentation.rules
        if not rules:
            return {}
        made = zip(rules, self.training.augmentation.build()[-len(rules) :], strict=True)
        shown = [entry.model_dump(mode="json") for entry, rule in made if at_test([rule])]
        return {"test_rules": shown} if shown else {}

    def to_yaml(self) -> str:
        """The recipe as it stands in the cell's run directory, where a manifest is ``manifest.csv`` beside it.

        Read from there, it expands to this cell again: paths of images and weights are absolute.
        """
        data = self.recipe.model_dump(mode="json", by_alias=True)
        if (own := self.recipe.dataset.own) is not None:
            data["dataset"] = own.absolute.keys()
        if "weights" in data:
            data["weights"] = [_absolute(path) for path in self.recipe.weights]
        if self.noise.manifest is not None:
            data["noise"][0]["manifest"] = "manifest.csv"
        return dump(data)


def _absolute(weights: str | None) -> str | None:
    """A file of weights by its absolute path; ``pretrained`` and None as they are."""
    return weights if weights in {None, PRETRAINED} else str(Path(f"{weights}").resolve())


def _share_held_out(dataset: DataSet, fraction: float) -> float:
    given = dataset.validation
    return fraction if given is None else round(len(given) / dataset.train_size, 6)
