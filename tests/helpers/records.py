"""Records of results, as training and evaluation write them."""

from __future__ import annotations

from typing import Any


def record(**changes: Any) -> dict[str, Any]:
    """A result as training writes it."""
    score = {"epoch": 3, "a": 60.0, "b": 62.0, "mean": 61.0, "ensemble": 63.0}
    cell = {
        "recipe": "r",
        "tables": ["II"],
        "profile": None,
        "protocol": "p",
        "label": "CE",
        "method": "CE",
        "options": {"eta": 2.0},
        "dataset": "digits",
        "classes": 10,
        "networks": ["n", "n"],
        "epochs": 3,
        "noise": {"kind": "symmetric", "rate": 0.4, "sampling": "per-sample", "seed": 1, "realised_rate": 0.39},
        "seed": 1,
        "validation_fraction": 0.0,
    }
    made = {
        "status": "finished",
        "error": None,
        "cell": cell,
        "scores": {"last": score, "selected": {**score, "by": "last epoch"}, "best": {**score, "by": "test accuracy"}},
        "provenance": {"smkd": "0.1.0", "finished": "2030-01-01T00:00:00+00:00"},
    }
    return made | changes


def scored(**changes: Any) -> dict[str, Any]:
    """A score record as evaluation writes it."""
    tops = {"a": {"top1": 60.0, "top5": 90.0}, "b": {"top1": 62.0, "top5": 90.0}}
    made = {
        "schema": "smkd/scores/1",
        "checkpoint": "runs/r/ce",
        "split": "test",
        "images": 9,
        "cell": record()["cell"],
    }
    return made | {"epochs": None, "networks": tops, "mean": {"top1": 61.0}, "ensemble": {"top1": 63.0}} | changes
