"""A grid small enough to train in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA, PEER_SCHEMA
from smkd_cli.artifacts.samples import SAMPLES_SCHEMA
from smkd_cli.artifacts.tensors import load_tensors

RECIPE = """\
schema: smkd/recipe/1
name: tiny
dataset: digits
networks: small_resnet
methods: [{name: SMKD-P+MyLC, eta: 2, b2: -8}]
noise: [{kind: symmetric, rate: 0.4}]
seeds: [1]
epochs: 3
batch_size: 256
augmentation: {crop_padding: 1, flip: true}
compute: {threads: 1, precision: float32, memory_format: channels_last}
"""

TIMES = {"seconds", "images_per_second", "mfu"}


@pytest.fixture(scope="session")
def tiny() -> str:
    """The text of the tiny recipe."""
    return RECIPE


@pytest.fixture
def recipe(tmp_path: Path, tiny: str) -> Path:
    """The tiny recipe in a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny)
    return path


@pytest.fixture
def bits() -> Callable[[Path], dict[str, object]]:
    """Everything that training decides in a run directory: weights, what is kept of samples, metrics without times."""

    def read(run: Path) -> dict[str, object]:
        peers = {
            f"{peer}.{k}": v
            for peer in "ab"
            for k, v in load_tensors(run / f"peer_{peer}.safetensors", PEER_SCHEMA)[0].items()
        }
        header, *rows = (run / "metrics.csv").read_text().splitlines()
        names = header.split(",")
        metrics = [
            {name: value for name, value in zip(names, row.split(","), strict=True) if name not in TIMES}
            for row in rows
        ]
        samples = load_tensors(run / "samples.safetensors", SAMPLES_SCHEMA)[0]
        kept = {f"samples {name}": value.nan_to_num(-9) for name, value in samples.items()}
        return {**peers, **kept, "metrics": metrics}

    return read


@pytest.fixture
def assert_same() -> Callable[[dict[str, object], dict[str, object]], None]:
    def check(one: dict[str, object], other: dict[str, object]) -> None:
        assert one.keys() == other.keys()
        for name, value in one.items():
            same = torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name]
            assert same, name

    return check


@pytest.fixture
def checkpoint_of() -> Callable[[Path], tuple[dict[str, torch.Tensor], dict[str, object]]]:
    return lambda run: load_tensors(run / "checkpoint" / "state.safetensors", CHECKPOINT_SCHEMA)
