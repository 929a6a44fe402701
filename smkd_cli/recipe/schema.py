"""The schema of a recipe: types, ranges and defaults. Whether its names exist is checked in ``checks``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from smkd_cli import noise
from smkd_cli.data.augmentation import Augmentation as Varying
from smkd_cli.data.augmentation import size_after
from smkd_cli.data.augmentation.stored import StoredView
from smkd_cli.features import Frozen
from smkd_cli.limits import MAX_SEED
from smkd_cli.recipe.dataset import Dataset
from smkd_cli.recipe.hashing import key_of
from smkd_cli.recipe.protocol import (
    AsTuple,
    Augmentation,
    Compute,
    Epochs,
    Optimizer,
    SamplerName,
    Schedule,
    Section,
    Training,
    Validation,
)

RECIPE_SCHEMA = "smkd/recipe/1"
LONGEST_LABEL = 80
NOT_VARIED = Augmentation(crop_padding=0, flip=False)
# It names a folder, so it must be none of ``.`` and ``..``.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=LONGEST_LABEL)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Rate = Annotated[float, Field(ge=0, le=1)]
# More than any method has; it bounds the work on a grid by its cells.
_MOST_OPTIONS = 100
MethodOptions = Annotated[dict[str, Any], Field(max_length=_MOST_OPTIONS)]
RuleOptions = dict[str, MethodOptions]


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not text:
        raise ValueError("should be one line of printable text without spaces around it")
    return text


def _distinct(items: tuple[Any, ...]) -> tuple[Any, ...]:
    seen = set()
    for item in items:
        if (key := key_of(item)) in seen:
            raise ValueError(f"{item} appears twice")
        seen.add(key)
    return items


def name_from(stem: str) -> str:
    """A recipe's name from the stem of its file."""
    return re.sub(r"[^a-z0-9._-]", "-", stem.lower()).lstrip("._-")[:LONGEST_LABEL] or "recipe"


def _pair(value: Any) -> Any:
    if isinstance(value, str):
        return (value, value)
    if isinstance(value, list | tuple) and len(value) == 2:
        return value
    raise ValueError("should be the name of a network, or a pair of two: [resnet18, shufflenet_v2]")


Label = Annotated[str, StringConstraints(max_length=LONGEST_LABEL), AfterValidator(_one_line)]


class MethodEntry(Section):
    """A row of the grid: a method, and options of its rules as further keys.

    Attributes:
        label: what tables call it; the method's name by default, with "(own recipe)" where it has a protocol.
        sweep: values of options to run one by one (all combinations, if of several options).
        protocol: how this method is trained where that differs from the recipe, such as in its authors' recipe.
    """

    model_config = ConfigDict(extra="allow")
    name: str
    label: Label | None = None
    sweep: Annotated[
        dict[str, Annotated[tuple[Any, ...], AsTuple, Field(min_length=1), AfterValidator(_distinct)]],
        Field(max_length=_MOST_OPTIONS),
    ] = Field({})
    protocol: Training | None = None

    @property
    def options(self) -> MethodOptions:
        """The options that stand in the entry itself."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _not_too_many_options(self) -> Self:
        if len(self.options) > _MOST_OPTIONS:
            raise ValueError(f"has {len(self.options):,} options; no method has more than {_MOST_OPTIONS}")
        return self

    @model_serializer
    def _compact(self) -> dict[str, Any]:
        label = {} if self.label is None else {"label": self.label}
        sweep = {"sweep": {key: list(values) for key, values in self.sweep.items()}} if self.sweep else {}
        protocol = {} if self.protocol is None else {"protocol": self.protocol.model_dump(mode="json")}
        return {"name": self.name, **label, **self.options, **sweep, **protocol}


class NoiseEntry(Section):
    """A column of the grid: noise to draw (``kind``), or labels from a ``manifest``.

    Attributes:
        rate: noise rate in [0, 1]; only ``clean`` and ``given`` need none.
        seed: of the drawn labels; each cell's own seed by default.
        sampling: how labels are drawn.
        manifest: path of a manifest; ``kind`` and ``rate`` then repeat its header, for information.
        sha256: of the manifest's content; training refuses another one.
        options: of rules, by the rule's name, under this noise only.
    """

    kind: str | None = None
    rate: Rate | None = None
    seed: Seed | None = None
    sampling: str | None = None
    manifest: Annotated[str, StringConstraints(min_length=1)] | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    options: RuleOptions = Field({})

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.manifest is None and self.sha256 is not None:
            raise ValueError("has a sha256 but no manifest that it could be of")
        if self.manifest is None and self.kind is None:
            raise ValueError("should have a kind (and a rate), or a manifest")
        if self.manifest is not None and (self.seed is not None or self.sampling is not None):
            raise ValueError("has a manifest, whose labels are drawn already: leave out seed and sampling")
        if self.manifest is None and self.kind not in noise.WITHOUT_RATE and self.rate is None:
            raise ValueError(f"{self.kind} noise needs a rate")
        return self

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialise(self).items() if value is not None and value != {}}


class Variant(Training):
    """The whole grid once more, with some keys of the recipe in another way, such as other networks."""

    name: Name
    networks: Annotated[tuple[str, str], AsTuple, BeforeValidator(_pair)] | None = None


def _pair_of_files(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return (value, value)
    if isinstance(value, list | tuple) and len(value) == 2:
        return value
    raise ValueError("should be the path of a file, or a pair of two: [a.safetensors, null]")


def _distinct_names(items: tuple[Variant, ...]) -> tuple[Variant, ...]:
    _distinct(tuple(item.name for item in items))
    return items


class Recipe(Section):
    """A grid, methods x noise x seeds (x variants), under one protocol; ``docs/formats.md`` describes every key.

    ``schema``, ``dataset``, ``networks``, ``methods``, ``noise`` and ``epochs`` must be given; the name is the file's
    by default.

    Example:
        >>> recipe = smkd.load_recipe("quickstart", {"epochs": 3})
        >>> recipe.name, recipe.networks, recipe.epochs
        ('quickstart', ('small_resnet', 'small_resnet'), 3)
    """

    schema_name: Literal["smkd/recipe/1"] = Field(alias="schema")
    name: Name
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    tables: Annotated[tuple[str, ...], AsTuple, AfterValidator(_distinct)] = ()
    profile: str | None = None
    variant: Name | None = None
    dataset: Dataset
    networks: Annotated[tuple[str, str], AsTuple, BeforeValidator(_pair)]
    weights: Annotated[tuple[str | None, str | None], AsTuple, BeforeValidator(_pair_of_files)] = (None, None)
    freeze: Literal["backbone"] | None = None
    head: Literal["linear", "mlp"] = "linear"
    views: Annotated[int, Field(ge=1, le=100)] | None = None
    methods: Annotated[tuple[MethodEntry, ...], AsTuple, Field(min_length=1)]
    options: RuleOptions = Field({})
    noise: Annotated[tuple[NoiseEntry, ...], AsTuple, Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], AsTuple, Field(min_length=1), AfterValidator(_distinct)] = (1, 2, 3)
    epochs: Epochs
    batch_size: Annotated[int, Field(ge=2)] = 128
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    augmentation: Augmentation = Augmentation()
    sampler: SamplerName = "uniform"
    validation: Validation = Validation()
    compute: Compute = Compute()
    variants: Annotated[tuple[Variant, ...], AsTuple, AfterValidator(_distinct_names)] = ()

    @model_validator(mode="after")
    def _variants_are_not_taken_apart_yet(self) -> Self:
        if self.variants and self.variant is not None:
            raise ValueError("has variants: leave out variant, which names the one that a cell is of")
        return self

    @model_validator(mode="before")
    @classmethod
    def _features_are_not_varied(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("freeze") is not None and value.get("views") is None:
            return {"augmentation": NOT_VARIED.model_dump(), **value}
        return value

    @model_validator(mode="after")
    def _frozen_is_complete(self) -> Self:
        if self.freeze is None:
            for key in {"head", "views"} & self.model_fields_set:
                raise ValueError(f"has {key}, which belongs to freeze: backbone")
            return self
        if None in self.weights:
            raise ValueError("freezes its backbone: give it weights, one file for both peers or one for each")
        if any(own is not None and own.mix is not None and own.mix.name == "cutmix" for own in self._augmentations()):
            raise ValueError("freezes its backbone, and features have no boxes: mix them by mixup, not cutmix")
        own, *others = (
            None if each is None else each.model_copy(update={"mix": None}) for each in self._augmentations()
        )
        if (self.views is None and own != NOT_VARIED) or any(other not in {None, NOT_VARIED} for other in others):
            raise ValueError(
                "freezes its backbone, whose features are computed once: augmentation must be"
                " {crop_padding: 0, flip: false}, or the recipe say how many views of each image are made by it, as in"
                " views: 10; variants and methods can have no other"
            )
        if self.views is not None and (own == NOT_VARIED or any(other is not None for other in others)):
            raise ValueError("has views, so its augmentation must vary images, and be the same everywhere")
        if any(variant.networks is not None for variant in self.variants):
            raise ValueError("freezes its backbone, whose weights are those of one network: no variant has others")
        return self

    def _augmentations(self) -> Iterator[Augmentation | None]:
        """Of the recipe, and of whatever part of it may have its own."""
        yield self.augmentation
        yield from (variant.augmentation for variant in self.variants)
        yield from (entry.protocol.augmentation for entry in self.methods if entry.protocol is not None)

    @property
    def frozen(self) -> Frozen | None:
        """The network whose features are trained on, if it is frozen; where that of peer B is another, both."""
        if self.freeze is None:
            return None
        rules = json.dumps([] if self.views is None else self.augmentation.entries())
        a, b = (
            Frozen(network, f"{weights}", rules, self.views or 0)
            for network, weights in zip(self.networks, self.weights, strict=True)
        )
        return a if a == b else replace(a, other=b)

    @property
    def drawn(self) -> list[Varying]:
        """The rules that each epoch draws for; of stored views of images only which one is shown."""
        if self.freeze is None:
            return self.augmentation.build()
        return [] if self.views is None else [StoredView(count=self.views)]

    @property
    def trained(self) -> tuple[str, str]:
        """The names of the networks that are trained: the heads over a frozen one."""
        return self.networks if self.freeze is None else (self.head, self.head)

    def seen(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """The shape (H, W, C) of what networks are trained on, where a data set's images have that shape.

        Raises:
            UsageError: the augmentation does not go with images of that size.
        """
        if self.freeze is not None or not self.augmentation.rules:
            return image_shape
        return (*size_after(self.augmentation.build(), *image_shape[:2]), image_shape[2])

    @model_serializer(mode="wrap")
    def _compact(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unused = {"variant"} if self.variant is None else set()
        if not self.variants:
            unused.add("variants")
        if self.weights == (None, None):
            unused.add("weights")
        if self.sampler == "uniform":
            unused.add("sampler")
        if self.freeze is None:
            unused |= {"freeze", "head"}
        if self.views is None:
            unused.add("views")
        return {key: value for key, value in serialise(self).items() if key not in unused}

    @field_validator("*", mode="after")
    @classmethod
    def _note_what_is_valid(cls, value: Any, info: ValidationInfo) -> Any:
        """Let the checks of names go on with the sound fields where others are broken, to report all errors at once."""
        if info.context is not None:
            info.context[info.field_name] = value
        return value

    def with_labels_from(self, manifest: str, kind: str | None = None, rate: float | None = None) -> Recipe:
        """This grid on the labels of one manifest (``-`` is stdin) instead of its own noise.

        Args:
            manifest: its path, relative to the current folder.
            kind, rate: as in its header; options that the recipe has for that noise stay.
        """
        same = [
            noise.options
            for noise in self.noise
            if kind is not None and (noise.kind, noise.rate or 0.0) == (kind, rate or 0.0)
        ]
        # Not checked: kind and rate were, and the path may hold bytes that no recipe may.
        entry = NoiseEntry.model_construct(kind=kind, rate=rate, manifest=manifest, options=same[0] if same else {})
        return self.model_copy(update={"noise": (entry,)})
