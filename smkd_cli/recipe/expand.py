"""A grid taken apart into its cells."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from smkd_cli import methods
from smkd_cli.errors import RecipeError, UsageError
from smkd_cli.naming import LONGEST_FILE_NAME
from smkd_cli.recipe.cell import Cell
from smkd_cli.recipe.grid import Row, rows
from smkd_cli.recipe.schema import MethodEntry, NoiseEntry, Recipe
from smkd_cli.words import plain

Header = tuple[str, float | None, str]


def expand(recipe: Recipe, manifests: Mapping[str, Header] | None = None) -> list[Cell]:
    """The cells of a checked recipe: the whole grid with the first seed, then with the next.

    For each seed, variant by variant and noise by noise, all methods: so the columns of a table fill one by one.

    Args:
        manifests: kind and rate of noise and the SHA-256 by the path of a manifest; they go into the cell's name.

    Raises:
        RecipeError: two cells would have the same folder, for example because a manifest is named twice; or the name of
            a cell's folder would be too long.
        UsageError: that is no recipe.

    Example:
        >>> recipe = smkd.load_recipe("quickstart", {"methods": ["CE"], "options": {}, "seeds": [1, 2]})
        >>> [cell.slug for cell in smkd.expand(recipe)]
        ['ce_symmetric-0.4_seed1', 'ce_symmetric-0.4_seed2']
    """
    if not isinstance(recipe, Recipe):
        raise UsageError(f"expand takes what load_recipe gives, not {type(recipe).__name__} {recipe!r:.80}")
    grid = methods_under(recipe)
    variants: list[dict[str, Any]] = [
        {**variant.given, "variant": variant.name, "variants": ()} for variant in recipe.variants
    ]
    cells = []
    for seed, variant, (noise, entries) in itertools.product(recipe.seeds, variants or [{}], grid):
        settings = (_resolved_noise(noise, seed, manifests or {}),)
        for entry in entries:
            only = {"methods": (entry,), "options": {}, "noise": settings, "seeds": (seed,)}
            cells.append(Cell(recipe.model_copy(update={**variant, **only})))
    seen: set[str] = set()
    for cell in cells:
        if len(cell.slug) > LONGEST_FILE_NAME:
            raise RecipeError(
                f"{recipe.name}: a cell would be {plain(cell.slug)}, and the name of its folder {len(cell.slug)} bytes"
                f" long, {LONGEST_FILE_NAME} at most; shorten the method's label, the variant or the kind of noise"
            )
        if cell.slug in seen:
            raise RecipeError(
                f"{recipe.name}: two cells would be {cell.slug}; put one noise setting into another recipe"
            )
        seen.add(cell.slug)
    return cells


def methods_under(recipe: Recipe) -> list[tuple[NoiseEntry, list[MethodEntry]]]:
    """The noise settings of a checked recipe, each with all methods, whose options are complete."""
    table = [row for number, entry in enumerate(recipe.methods) for row in rows(entry, ("methods", number))]
    return [(noise, [_resolved_method(row, noise, recipe) for row in table]) for noise in recipe.noise]


def _resolved_method(row: Row, noise: NoiseEntry, recipe: Recipe) -> MethodEntry:
    given = row.with_options_of(noise.options, ("noise",)).with_options_of(recipe.options, ("options",)).values
    label = {} if row.label == row.method else {"label": row.label}
    protocol = {} if row.protocol is None else {"protocol": row.protocol}
    options = methods.full_options(row.method, given)
    return MethodEntry.model_validate({"name": row.method, **label, **options, **protocol})


def _resolved_noise(noise: NoiseEntry, seed: int, manifests: Mapping[str, Header]) -> NoiseEntry:
    if noise.manifest is not None:
        kind, rate, sha256 = manifests.get(noise.manifest, (noise.kind, noise.rate, noise.sha256))
        # Not checked once more: a path of a folder or of --manifest may hold bytes that no recipe may.
        return noise.model_copy(update={"kind": kind, "rate": rate, "sha256": sha256, "options": {}})
    return NoiseEntry(
        kind=noise.kind,
        rate=noise.rate or 0.0,
        seed=seed if noise.seed is None else noise.seed,
        sampling=noise.sampling or "per-sample",
    )
