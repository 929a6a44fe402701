"""The key ``dataset`` of a recipe: a name, or images of one's own."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Self

from pydantic import Field, model_serializer, model_validator

from smkd_cli.data import OwnData
from smkd_cli.data.own.options import TABLES, Columns, is_path
from smkd_cli.limits import MAX_SEED
from smkd_cli.networks import preprocessing_of
from smkd_cli.recipe.protocol import AsTuple, Section

_OPTIONS = tuple(each.name for each in fields(OwnData))
_DEFAULTS = OwnData("")
Channel = Annotated[float, Field(ge=0, le=1)]
ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]
Positive = Annotated[float, Field(gt=0, le=1)]


class TableColumns(Section):
    """Which columns of a table hold what; see :class:`~smkd_cli.data.own.options.Columns`."""

    image: ColumnName | None = None
    label: ColumnName | None = None
    split: ColumnName | None = None
    clean_label: ColumnName | None = None
    group: ColumnName | None = None


class Dataset(Section):
    """Images and labels: a known data set by its ``name``, or one's own by their ``path``.

    A text alone is a path if it has a slash, and else a name.

    Attributes:
        path, root, columns, skip, size, crop, mean, std, test, seed: see
            :class:`~smkd_cli.data.own.options.OwnData`. How images are shown is by default what the recipe's first
            network wants, where that is one of a library.
    """

    name: str | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    root: Annotated[str, Field(min_length=1)] | None = None
    columns: TableColumns | None = None
    skip: Annotated[str, Field(min_length=1)] | None = None
    size: Annotated[int, Field(ge=8, le=2048)] | None = None
    crop: Annotated[float, Field(gt=0, le=1)] | None = None
    mean: Annotated[tuple[Channel, Channel, Channel], AsTuple] | None = None
    std: Annotated[tuple[Positive, Positive, Positive], AsTuple] | None = None
    test: Annotated[float, Field(ge=0, lt=1)] = _DEFAULTS.test
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = _DEFAULTS.seed

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {"path": value} if is_path(value) else {"name": value}

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.name is None) == (self.path is None):
            raise ValueError("should have either a name or a path")
        if self.name is not None and (useless := sorted(self.model_fields_set - {"name"})):
            raise ValueError(f"a data set with a name has no {' and no '.join(useless)}: those are of a path")
        if self.own is not None and not self.own.is_table and (self.root or self.columns):
            raise ValueError(f"a folder has no root and no columns: those are of a table, as {' or '.join(TABLES)}")
        return self

    @property
    def reference(self) -> str | OwnData:
        """What :func:`smkd_cli.data.find` finds it by."""
        return self.own or f"{self.name}"

    @property
    def own(self) -> OwnData | None:
        """The images of one's own, if it is those."""
        if self.path is None:
            return None
        given = {key: value for key in _OPTIONS if (value := getattr(self, key)) is not None}
        if self.columns is not None:
            given["columns"] = Columns(**self.columns.model_dump())
        return OwnData(**given)

    def shown_to(self, network: str) -> Dataset:
        """This data set, with images shown as a network of a library wants them where nothing else is said.

        Raises:
            UnknownName: the library is not here, or has no such network.
        """
        wanted = None if self.path is None else preprocessing_of(network)
        if wanted is None:
            return self
        given = {key: getattr(self, key) for key in ("size", "crop", "mean", "std")}
        return self.model_copy(
            update={key: getattr(wanted, key) if value is None else value for key, value in given.items()}
        )

    @property
    def title(self) -> str:
        """What messages and results call it."""
        return self.own.name if self.own else f"{self.name}"

    @model_serializer
    def _compact(self) -> str | dict[str, Any]:
        if self.own is None:
            return f"{self.name}"
        keys = self.own.keys()
        return self.own.path if len(keys) == 1 and is_path(self.own.path) else keys
