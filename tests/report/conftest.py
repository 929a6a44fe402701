"""Made-up run directories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smkd_cli.artifacts.results import write_result

MakeRun = Callable[..., Path]


def cell(
    method: str = "CE", *, seed: int = 1, kind: str = "symmetric", rate: float | None = 0.4, **facts: Any
) -> dict[str, Any]:
    """A cell of the paper's size under 40% symmetric noise, unless given otherwise."""
    return {
        "recipe": "table2",
        "tables": ["II"],
        "profile": None,
        "protocol": "3f0c",
        "label": method,
        "method": method,
        "options": {},
        "dataset": "cifar100",
        "classes": 100,
        "networks": ["resnet34", "resnet34"],
        "epochs": 100,
        "noise": {"kind": kind, "rate": rate, "sampling": "per-sample", "seed": seed, "realised_rate": rate},
        "seed": seed,
        "validation_fraction": 0.0,
        **facts,
    }


def scores(last: float, selected: float | None = None, best: float | None = None, epoch: int = 100) -> dict[str, Any]:
    """The ``scores`` of a result whose peers differ by one point and whose ensemble is half a point better.

    Each peer was two points better at some epoch than at the best one of the pair.
    """

    def score(mean: float, by: str | None = None) -> dict[str, Any]:
        return {"epoch": epoch, "a": mean - 0.5, "b": mean + 0.5, "mean": mean, "ensemble": mean + 0.5, "by": by}

    best = last if best is None else best
    return {
        "last": score(last),
        "selected": score(last if selected is None else selected, "last epoch"),
        "best": score(best, "test accuracy") | {"max_a": best + 1.5, "max_b": best + 2.5},
    }


@pytest.fixture
def score_record() -> Callable[..., str]:
    """Make a line of ``smkd eval``: ``score_record(69.1, "SMKD-P+MyLC", seed=2)``."""

    def make(mean: float, method: str = "CE", **facts: Any) -> str:
        record = {
            "schema": "smkd/scores/1",
            "checkpoint": "runs/x",
            "split": "test",
            "cell": cell(method, **facts),
            "epochs": None,
            "networks": {"a": {"top1": mean - 0.5}, "b": {"top1": mean + 0.5}},
            "mean": {"top1": mean},
            "ensemble": {"top1": mean + 0.5},
        }
        return json.dumps(record)

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Make a run directory: ``make_run(69.1, "SMKD-P+MyLC", seed=2)``; without an accuracy, a failed one."""

    def make(last: float | None, method: str = "CE", *, runs: str = "runs", finished: int = 0, **facts: Any) -> Path:
        more = {name: facts.pop(name) for name in ("selected", "best", "epoch") if name in facts}
        sent = facts.pop("sent", None)
        made = cell(method, **facts)
        noise = made["noise"]
        folder = (
            tmp_path
            / runs
            / made["recipe"]
            / f"{made['label']}_{noise['kind']}-{noise['rate']}_seed{made['seed']}".lower()
        )
        folder.mkdir(parents=True)
        record = {
            "status": "failed" if last is None else "finished",
            "error": "the loss is not finite at epoch 3, learning rate 0.1" if last is None else None,
            "cell": made,
            "scores": None if last is None else scores(last, **more) | ({"sent": sent} if sent else {}),
            "provenance": {"finished": f"2030-01-01T00:00:{finished:02d}+00:00"},
        }
        write_result(folder / "result.json", record)
        return folder

    return make
