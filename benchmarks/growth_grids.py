"""How the cost of grids and reports grows with their cells and run directories: sections of ``growth.py``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import report
from machine import DATA
from measuring import Growth, smkd


def cells(growth: Growth, folder: Path) -> None:
    from smkd_cli.artifacts.results import write_result
    from smkd_cli.data import find
    from smkd_cli.recipe import expand, load_recipe

    sizes = (1, 10, 100, 1_000)

    def recipe(name: str, methods: int = 1, sweep: int = 1, noises: int = 1, seeds: int = 1) -> Path:
        rates = [{"kind": "symmetric", "rate": round(0.0004 * number, 4)} for number in range(1, noises + 1)]
        rows: list[Any] = [{"name": "LS", "label": f"row {row}", "epsilon": row / methods} for row in range(methods)]
        if sweep > 1:
            rows = [{"name": "LS", "sweep": {"epsilon": [point / sweep for point in range(sweep)]}}]
        grid: dict[str, Any] = {"schema": "smkd/recipe/1", "dataset": "digits", "networks": "small_resnet", "epochs": 1}
        path = folder / f"{name}.yaml"
        path.write_text(json.dumps(grid | {"methods": rows, "noise": rates, "seeds": list(range(seeds))}))
        return path

    axes = {axis: {n: recipe(f"{axis}{n}", **{axis: n}) for n in sizes} for axis in ("methods", "sweep", "noises")}
    axes["seeds"] = {size: recipe(f"seeds{size}", seeds=size) for size in sizes}
    axes["all axes"] = {
        size: recipe(f"grid{size}", min(size, 10), 1, min(max(size // 10, 1), 10), max(size // 100, 1))
        for size in sizes
    }
    for axis, recipes in axes.items():
        growth.commands(
            f"cells: recipes validate, {axis}", {n: partial(smkd, "recipes", "validate", recipes[n]) for n in sizes}
        )
    runs, classes = folder / "runs", find("digits", DATA).classes
    for axis in ("noises", "all axes"):
        recipes = axes[axis]
        train = {size: ("train", recipes[size], "--runs", runs) for size in sizes}
        growth.commands(f"cells: train --dry-run, {axis}", {n: partial(smkd, *train[n], "--dry-run") for n in sizes})
        for size in sizes:
            for cell in expand(load_recipe(str(recipes[size]), data=DATA)):
                directory = runs / cell.recipe.name / cell.slug
                about = cell.describe(classes) | {
                    "noise": {"kind": cell.noise.kind, "rate": cell.noise.rate, "seed": cell.seed}
                }
                write_result(directory / "result.json", report.finished(about))
                (directory / "recipe.yaml").write_text(cell.to_yaml(), encoding="utf-8")
        growth.commands(f"cells: train, all finished, {axis}", {n: partial(smkd, *train[n]) for n in sizes})
        of = {size: partial(smkd, "report", runs / recipes[size].stem, "--format", "csv") for size in sizes}
        growth.commands(f"cells: report, {axis}", of)


def reports(growth: Growth, folder: Path) -> None:
    sizes = (1, 100, 1_000, 10_000)
    shapes: dict[str, dict[str, bool]] = {"seeds": {}, "methods": {"methods": True}, "recipes": {"recipes": True}}
    for shape, options in shapes.items():
        for size in sizes:
            report.make(folder / shape / f"{size}", size, **options)
        for form in ("markdown", "csv") if shape == "seeds" else ("csv",):
            of = {size: partial(smkd, "report", folder / shape / f"{size}", "--format", form) for size in sizes}
            growth.commands(f"report: run directories, many {shape}, {form}", of)
        baseline = "method 0" if shape == "methods" else "CE"
        of = {
            size: partial(smkd, "report", folder / shape / f"{size}", "--format", "csv", "--against", baseline)
            for size in sizes
        }
        growth.commands(f"report: run directories, many {shape}, csv, against one method", of)
