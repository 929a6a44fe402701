"""Recipes: strict YAML with locations, schema, checks, profiles and overrides, and the cells of a grid.

:func:`load_recipe` reads and checks, :func:`expand` makes the cells that are trained,
:func:`fitting_cells` after a look at the files that the recipe names. Nothing here imports torch.
"""

from smkd_cli.recipe.cell import Cell
from smkd_cli.recipe.expand import expand
from smkd_cli.recipe.fit import fitting_cells
from smkd_cli.recipe.load import load_recipe, shipped_recipes
from smkd_cli.recipe.protocol import Optimizer as OptimizerOptions
from smkd_cli.recipe.schema import Recipe

__all__ = ["Cell", "OptimizerOptions", "Recipe", "expand", "fitting_cells", "load_recipe", "shipped_recipes"]
