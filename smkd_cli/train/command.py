"""What ``smkd train`` does: trains a grid, shows how far it is, and prints the run directories."""

from __future__ import annotations

from pathlib import Path

from smkd_cli import console
from smkd_cli.data.images.loading import Loading
from smkd_cli.train.display import watching
from smkd_cli.train.executors import Executor
from smkd_cli.train.grid import GridRequest
from smkd_cli.train.whole_grid import train_grid


def run(
    request: GridRequest,
    *,
    runs: Path,
    device: str,
    executor: Executor,
    data: Path,
    wait: bool,
    loading: Loading,
) -> None:
    """Train every cell of the grid that is not finished yet; raises as :func:`train_grid`, and a UsageError
    if the paths of run directories would not be lines."""
    console.check_path(runs, "--runs")
    train_grid(
        request,
        runs=runs,
        device=device,
        executor=executor,
        data=data,
        wait=wait,
        loading=loading,
        done=lambda directory: console.emit(str(directory)),
        watching=watching,
    )
