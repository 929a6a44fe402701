"""The outputs of a trained cell: both peers' weights, the records of each sample, the result."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor

from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.peer import describe_memory
from smkd_cli.artifacts.results import MOST_CLASSES, write_result
from smkd_cli.artifacts.run_directory import PEER_SCHEMA
from smkd_cli.artifacts.samples import write_samples
from smkd_cli.artifacts.tensors import save_tensors
from smkd_cli.train.run.cell_run import CellRun
from smkd_cli.train.run.evaluation import summary
from smkd_cli.train.step.pair import PEERS


def write_finished(run: CellRun) -> dict[str, Any]:
    """Write the weights and the result, remove the checkpoint, and give the scores.

    Raises:
        DataError: a file cannot be written.
    """
    run.metrics.sync()
    _write_peers(run)
    rows = torch.from_numpy(run.labels.manifest_rows)
    samples = {name: _in_order(rows, value.cpu()) for name, value in run.pair.records.by_sample().items()}
    write_samples(run.directory.samples, samples, sha256_of(run.directory.manifest), run.pair.classes)
    labels = run.labels
    scores = summary(run.state.progress.rows, bool(len(labels.held_out_indices)), len(labels.train_indices))
    _write_result(run, "finished", None, scores)
    return scores


def write_failed(run: CellRun, error: str) -> None:
    """Write a result with an error instead of scores, and remove the checkpoint.

    Raises:
        DataError: a file cannot be written.
    """
    run.metrics.sync()
    _write_result(run, "failed", error, None)


def _write_peers(run: CellRun) -> None:
    cell, pair, epochs = run.cell, run.pair, run.state.schedule.epochs
    memories = run.state.small_memories()
    for peer, name, network, memory in zip(PEERS, cell.recipe.trained, pair.networks, memories, strict=True):
        facts = {"network": name, "peer": peer, "epoch": epochs, "cell": _description(run)}
        facts |= {"memory": describe_memory(memory), "written_by": pair.machine.describe()}
        save_tensors(run.directory.peer(peer), network.state_dict(), PEER_SCHEMA, facts)


def _write_result(run: CellRun, status: str, error: str | None, scores: dict[str, Any] | None) -> None:
    directory, progress = run.directory, run.state.progress
    provenance = {
        **run.pair.machine.describe(),
        "recipe_sha256": sha256_of(directory.recipe),
        "manifest_sha256": sha256_of(directory.manifest),
        **({"method_files": run.method_files} if run.method_files else {}),
        "seconds": progress.seconds,
        "resumed": progress.resumed,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    record = {"status": status, "error": error, "cell": _description(run), "scores": scores, "provenance": provenance}
    if scores is not None and run.dataset.classes <= MOST_CLASSES:
        names = run.dataset.class_names
        record["classes"] = {"names": list(names), **run.evaluation.by_class(run.pair.networks)}
    write_result(directory.result, record)
    directory.remove_checkpoint()


def _in_order(rows: Tensor, value: Tensor) -> Tensor:
    """Values by image (n,) as the manifest has the images, which stand in these of its rows."""
    ordered = torch.empty_like(value)
    ordered[rows] = value
    return ordered


def _description(run: CellRun) -> dict[str, Any]:
    return run.cell.describe(run.dataset) | {"noise": run.labels.noise}
