"""One cell from its recipe to its result: train, measure, checkpoint, resume, publish."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from smkd_cli import datasets
from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.results import write_result
from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA, PEER_SCHEMA, RunDirectory
from smkd_cli.artifacts.tensors import load_tensors, save_tensors
from smkd_cli.errors import DataError, InterruptedRunError, TrainingError
from smkd_cli.recipe import Cell
from smkd_cli.train.epoch_plan import plan_epoch
from smkd_cli.train.labels import labels_for
from smkd_cli.train.measure import Measure, summary
from smkd_cli.train.metrics_file import MetricsFile
from smkd_cli.train.schedule import learning_rate
from smkd_cli.train.session import PEERS, Progress, Session
from smkd_cli.train.site import prepare
from smkd_cli.train.stopping import StopRequest

Tell = Callable[[dict[str, Any]], None]

# Saving may take this part of the time, and is not worth doing more often than every second.
_SAVING_SHARE = 0.02
_SAVING_PAUSE = 1.0
# How often whoever watches is told of the steps within an epoch.
_TELLING_PAUSE = 1.0


@dataclass(frozen=True)
class Place:
    """Where a cell is trained and where its files are.

    Attributes:
        directory: the cell's run directory.
        data: folder of the data sets, None for the default.
        device: ``cpu`` or ``cuda``.
    """

    directory: Path
    data: Path | None
    device: str


def train_cell(cell: Cell, place: Place, stop: StopRequest, tell: Tell) -> None:
    """Train a cell, or go on with it from its last checkpoint; a finished one is left as it is.

    ``tell`` gets an event at the start, every second, after every epoch and at the end, for whoever watches.

    Raises:
        DataError: data or files are missing, damaged, locked, or belong to another recipe.
        InterruptedRunError: ``stop`` was requested; everything is saved.
        TrainingError: a loss is not finite; ``result.json`` says so.
    """
    directory = RunDirectory(place.directory)
    with directory.locked():
        directory.claim(cell.to_yaml())
        if directory.finished():
            tell({"event": "skipped"})
            return
        Training(cell, place, directory, tell).run(stop)


class Training:
    """The loop over the epochs of one cell."""

    def __init__(self, cell: Cell, place: Place, directory: RunDirectory, tell: Tell) -> None:
        self.cell, self.directory, self.tell = cell, directory, tell
        recipe = cell.recipe
        site = prepare(torch.device(place.device), recipe.compute.threads, recipe.compute.precision)
        dataset = datasets.find(recipe.dataset, place.data)
        train = dataset.split("train")
        self.labels = labels_for(cell, dataset, train, directory.manifest)
        self.measure = Measure(dataset, train, self.labels, site, recipe.augmentation.crop_padding)
        self.given = torch.from_numpy(self.labels.given).to(site.device)
        self.session = Session(recipe, (cell.method, cell.options), cell.seed, dataset, self.labels, site)
        self.metrics = MetricsFile(directory.metrics)
        self._last_save = self._last_told = time.monotonic()
        self._save_cost = 0.0
        self._untold_images = 0
        if directory.checkpoint.exists():
            self._resume()
        self.metrics.restart(self.session.progress.rows)

    def run(self, stop: StopRequest) -> None:
        """Train to the end, publish, and remove the checkpoint."""
        progress, epochs = self.session.progress, self.cell.recipe.epochs
        steps = epochs * self.session.steps
        self.tell({"event": "started", "epoch": progress.epoch, "steps": steps, "resumed": progress.resumed})
        try:
            while progress.epoch <= epochs:
                self._epoch(stop)
        except TrainingError as error:
            self._publish("failed", str(error))
            raise
        self._publish("finished", None)

    def _epoch(self, stop: StopRequest) -> None:
        session, progress, recipe = self.session, self.session.progress, self.cell.recipe
        augmentation = recipe.augmentation
        plan = plan_epoch(
            self.labels.learned,
            self.cell.seed,
            progress.epoch,
            recipe.batch_size,
            augmentation.crop_padding,
            augmentation.flip,
            session.site.device,
        )
        session.clock.epoch.fill_(progress.epoch)
        since, seconds = time.monotonic(), progress.seconds
        for indices, offsets, flips in plan.batches(recipe.batch_size, progress.step):
            began = time.monotonic()
            session.set_learning_rate(self._rate(progress.step))
            session.clock.iteration.add_(1)
            images = self.measure.train_images.augmented(indices, offsets, flips)
            session.learn(images, self.given[indices], indices)
            progress.step += 1
            progress.epoch_seconds += time.monotonic() - began
            progress.seconds = seconds + time.monotonic() - since
            if stop:
                self._save()
                raise InterruptedRunError(
                    stop.signal_number, f"stopped in epoch {progress.epoch}; the same command goes on"
                )
            self._tell_step(len(indices))
            if time.monotonic() - self._last_save > max(_SAVING_PAUSE, self._save_cost / _SAVING_SHARE):
                self._save()
        self._end_epoch()
        progress.seconds = seconds + time.monotonic() - since

    def _tell_step(self, images: int) -> None:
        self._untold_images += images
        passed = time.monotonic() - self._last_told
        if passed > _TELLING_PAUSE:
            progress = self.session.progress
            done = (progress.epoch - 1) * self.session.steps + progress.step
            speed = self._untold_images / passed
            self.tell({"event": "step", "epoch": progress.epoch, "done": done, "images_per_second": speed})
            self._last_told, self._untold_images = time.monotonic(), 0

    def _rate(self, step: int) -> float:
        """The learning rate of a step (from 0) of the current epoch."""
        recipe, schedule = self.cell.recipe, self.cell.recipe.schedule
        return learning_rate(
            schedule.name,
            recipe.optimizer.lr,
            (self.session.progress.epoch - 1 + step / self.session.steps) / recipe.epochs,
            milestones=schedule.milestones,
            gamma=schedule.gamma,
            warmup=schedule.warmup_epochs / recipe.epochs,
        )

    def _end_epoch(self) -> None:
        session, progress = self.session, self.session.progress
        rate = self._rate(session.steps - 1)
        if not session.statistics.finite():
            raise TrainingError(
                f"{self.cell.slug}: a loss is not finite in epoch {progress.epoch} at learning rate {rate:g}; "
                "lower optimizer.lr or add schedule.warmup_epochs"
            )
        for memory in session.memories:
            session.method.end_epoch(memory)
        threshold = session.method.threshold(session.classes, session.clock)
        row = {
            "epoch": progress.epoch,
            "lr": rate,
            **session.statistics.row(),
            **self.measure.epoch(session.networks),
            "threshold": None if threshold is None else threshold.item(),
            "seconds": progress.seconds,
            "images_per_second": len(self.labels.learned) / max(progress.epoch_seconds, 1e-9),
        }
        progress.rows.append(row)
        self.metrics.append(row)
        session.statistics.reset()
        progress.epoch, progress.step, progress.epoch_seconds = progress.epoch + 1, 0, 0.0
        self.tell({"event": "epoch", "row": row})

    def _save(self) -> None:
        before = time.monotonic()
        facts = {"progress": asdict(self.session.progress), "recipe_sha256": sha256_of(self.directory.recipe)}
        save_tensors(self.directory.checkpoint, self.session.state(), CHECKPOINT_SCHEMA, facts)
        self._last_save = time.monotonic()
        self._save_cost = self._last_save - before

    def _resume(self) -> None:
        tensors, facts = load_tensors(self.directory.checkpoint, CHECKPOINT_SCHEMA)
        if facts["recipe_sha256"] != sha256_of(self.directory.recipe):
            raise DataError(f"{self.directory.checkpoint}: is the checkpoint of another cell; remove it to start again")
        progress = Progress(**facts["progress"])
        progress.resumed += 1
        self.session.restore(tensors, progress)

    def _publish(self, status: str, error: str | None) -> None:
        directory, session, cell = self.directory, self.session, self.cell
        provenance = {
            **session.site.describe(),
            "recipe_sha256": sha256_of(directory.recipe),
            "manifest_sha256": sha256_of(directory.manifest),
            "seconds": session.progress.seconds,
            "resumed": session.progress.resumed,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        description = cell.describe() | {"noise": self.labels.noise}
        if status == "finished":
            memories = session.small_memories()
            for peer, name, network, memory in zip(
                PEERS, cell.recipe.networks, session.networks, memories, strict=True
            ):
                facts = {"network": name, "peer": peer, "epoch": cell.recipe.epochs, "cell": description}
                facts |= {"memory": memory, "written_by": session.site.describe()}
                save_tensors(directory.peer(peer), network.state_dict(), PEER_SCHEMA, facts)
        scores = summary(session.progress.rows, bool(len(self.labels.held_out))) if status == "finished" else None
        write_result(
            directory.result,
            {
                "status": status,
                "error": error,
                "cell": description,
                "scores": scores,
                "provenance": provenance,
            },
        )
        directory.remove_checkpoint()
        self.tell({"event": status, "scores": scores, "error": error})
