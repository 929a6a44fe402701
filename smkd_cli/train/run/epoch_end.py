"""The end of an epoch: the method's ``after_epoch``, the evaluation, and a row of metrics.csv."""

from __future__ import annotations

import math
from typing import Any

from smkd_cli.errors import MethodError, TrainingError
from smkd_cli.methods.step_checks import check_memory
from smkd_cli.registry import with_place
from smkd_cli.train.run.cell_run import CellRun


def end_epoch(run: CellRun) -> dict[str, Any]:
    """End the current epoch, and give its row.

    Raises:
        TrainingError: a loss is not finite, or the method cannot go on.
        DataError: the metrics cannot be written.
    """
    state, pair, progress = run.state, run.pair, run.state.progress
    rate = state.learning_rate(state.steps - 1)
    if not pair.statistics.finite():
        raise TrainingError(
            f"{run.cell.slug}: a loss is not finite in epoch {progress.epoch} at learning rate {rate:g}; "
            "lower optimizer.lr or add schedule.warmup_epochs"
        )
    try:
        for index, (memory, predictions) in enumerate(zip(pair.memories, run.predictions, strict=True)):
            pair.method.after_epoch(memory, pair.clock, predictions)
            check_memory(pair.method, "after_epoch", memory, pair.loss.memory(index))
    except MethodError:
        raise
    except ValueError as error:
        raise TrainingError(f"{run.cell.slug}: {with_place(error)}") from error
    row = _row(run, rate)
    progress.rows.append(row)
    run.metrics.append(row)
    pair.records.add(pair.statistics)
    pair.statistics.reset()
    progress.epoch, progress.step, progress.epoch_seconds = progress.epoch + 1, 0, 0.0
    return row


def _row(run: CellRun, rate: float) -> dict[str, Any]:
    pair, progress = run.pair, run.state.progress
    threshold = pair.method.threshold(pair.classes, pair.clock)
    speed = len(run.labels.train_indices) / max(progress.epoch_seconds, 1e-9)
    row = {
        "epoch": progress.epoch,
        "stage": run.state.position.stage.name,
        "lr": rate,
        **pair.statistics.row(),
        **run.evaluation.epoch(pair.networks),
        "threshold": None if threshold is None else threshold.item(),
        "seconds": progress.seconds,
        "images_per_second": speed,
        "mfu": pair.machine.mfu(speed, run.operations),
    }
    return {name: _or_unknown(value) for name, value in row.items()}


def _or_unknown(value: Any) -> Any:
    """None for a number that is not finite: JSON knows no such ones."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
