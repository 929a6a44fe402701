"""One cell from its recipe to its result: train, measure, checkpoint, resume, publish."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from smkd_cli import datasets, methods, networks
from smkd_cli.artifacts.files import sha256_of
from smkd_cli.artifacts.peer import describe_memory
from smkd_cli.artifacts.results import write_result
from smkd_cli.artifacts.run_directory import CHECKPOINT_SCHEMA, PEER_SCHEMA, RunDirectory
from smkd_cli.artifacts.tensors import save_tensors
from smkd_cli.errors import DataError, InterruptedRunError, TrainingError
from smkd_cli.recipe import Cell, Recipe
from smkd_cli.train.checkpoint import Checkpoint, load_checkpoint
from smkd_cli.train.epoch_plan import Draws, EpochPlan, plan_epoch
from smkd_cli.train.knowledge import facts_for, files_of, load_teachers
from smkd_cli.train.labels import labels_for
from smkd_cli.train.learner import Plan
from smkd_cli.train.measure import Measure, summary
from smkd_cli.train.metrics_file import MetricsFile
from smkd_cli.train.overview import PairOverview
from smkd_cli.train.pair import PEERS, Pair
from smkd_cli.train.schedule import learning_rate, steps_per_epoch
from smkd_cli.train.session import Progress, Session
from smkd_cli.train.setup import Setup, cores, first_choice
from smkd_cli.train.site import prepare
from smkd_cli.train.stopping import StopRequest
from smkd_cli.train.timeline import Timeline

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
        setup: how the machine is used; None for the usual way on a CPU.
    """

    directory: Path
    data: Path | None
    setup: Setup | None = None


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
        try:
            Training(cell, place, directory, tell).run(stop)
        finally:
            # A pair and its graph refer to each other; the next cell on this device needs their memory.
            gc.collect()


class Training:
    """The loop over the epochs of one cell."""

    def __init__(self, cell: Cell, place: Place, directory: RunDirectory, tell: Tell) -> None:
        self.cell, self.directory, self.tell = cell, directory, tell
        self.recipe = recipe = cell.training
        method = methods.build(cell.method, cell.options)
        self.files = files_of(cell, method)
        saved = self._saved()
        site = prepare(_setup(recipe, place, saved))
        dataset = datasets.find(recipe.dataset, place.data)
        train = dataset.split("train")
        self.labels = labels_for(cell, dataset, train, directory.manifest)
        self.measure = Measure(dataset, train, self.labels, site, recipe.augmentation.crop_padding)
        steps = steps_per_epoch(len(self.labels.learned), recipe.batch_size)
        given = torch.from_numpy(self.labels.given).to(site.device)
        clean = None if self.labels.clean is None else torch.from_numpy(self.labels.clean).to(site.device)
        teachers = load_teachers(method, dataset, site, recipe.networks)
        plan = Plan(recipe, method, cell.seed, len(given), dataset.classes, dataset.image_shape[2], teachers)
        self.pair = Pair(plan, self.measure.train_images, given, clean, site)
        learned = torch.from_numpy(self.labels.learned).to(site.device)
        self.overviews = [PairOverview(self.pair, peer, self.measure, given, learned) for peer in range(2)]
        self.session = Session(self.pair, steps, Timeline(method, recipe.epochs))
        try:
            self.pair.prepare(facts_for(method, self.labels, dataset.classes, given))
        except ValueError as error:
            raise DataError(f"{cell.slug}: {error}") from error
        self.operations = sum(
            networks.facts(name).training_operations(dataset.image_shape, dataset.classes) for name in recipe.networks
        )
        self.metrics = MetricsFile(directory.metrics)
        self._last_save = self._last_told = time.monotonic()
        self._save_cost = 0.0
        self._untold_images = 0
        if saved is not None:
            tensors, facts = saved
            facts.progress.resumed += 1
            try:
                self.session.restore(tensors, facts.progress)
            except DataError as error:
                raise DataError(f"{directory.checkpoint}: {error}; remove it to start again") from error
        self.metrics.restart(self.session.progress.rows)

    def run(self, stop: StopRequest) -> None:
        """Train to the end, publish, and remove the checkpoint."""
        progress, epochs = self.session.progress, self.session.timeline.epochs
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
        pair, progress, recipe = self.pair, self.session.progress, self.recipe
        stage = self.session.begin_epoch().stage
        draws = Draws(
            recipe.augmentation.crop_padding,
            recipe.augmentation.flip,
            2 if pair.method.own_views else 1,
            pair.method.mixup(),
            self.labels.given if stage.balanced else None,
        )
        samples, size = self.labels.learned, recipe.batch_size
        plan = plan_epoch(samples, self.cell.seed, progress.epoch, size, draws, pair.site.device)
        watch = _Watch(progress)
        with watch.paused():
            self._prepare_steps(plan)
        for batch in plan.batches(size, progress.step):
            pair.set_learning_rate(self._rate(progress.step))
            pair.clock.iteration.add_(1)
            pair.learn(*batch)
            progress.step += 1
            watch.look()
            if stop:
                self._save()
                raise InterruptedRunError(
                    stop.signal_number, f"stopped in epoch {progress.epoch}; the same command goes on"
                )
            self._tell_step(len(batch[0]))
            if time.monotonic() - self._last_save > max(_SAVING_PAUSE, self._save_cost / _SAVING_SHARE):
                pair.site.synchronize()  # the steps that the device is still busy with count
                watch.look()
                with watch.paused():
                    self._save()
        pair.site.synchronize()
        watch.look()
        self._end_epoch()
        watch.end()

    def _prepare_steps(self, plan: EpochPlan) -> None:
        """Compile and capture before the speed of steps is measured."""
        before, size = time.monotonic(), self.recipe.batch_size
        kinds = sorted({0, self.session.steps - 1})  # the first batch, and the last, which may be smaller
        self.pair.prepare_steps(next(plan.batches(size, number)) for number in kinds)
        self._last_told += time.monotonic() - before

    def _tell_step(self, images: int) -> None:
        self._untold_images += images
        passed = time.monotonic() - self._last_told
        if passed > _TELLING_PAUSE:
            self.pair.site.synchronize()  # what is counted is done
            passed = time.monotonic() - self._last_told
            progress = self.session.progress
            done = (progress.epoch - 1) * self.session.steps + progress.step
            speed = self._untold_images / passed
            self.tell(
                {
                    "event": "step",
                    "epoch": progress.epoch,
                    "done": done,
                    "images_per_second": speed,
                    "mfu": self.pair.site.mfu(speed, self.operations),
                }
            )
            self._last_told, self._untold_images = time.monotonic(), 0

    def _rate(self, step: int) -> float:
        """The learning rate of a step (from 0) of the current epoch; each stage runs through its own schedule."""
        now, schedule = self.session.now, self.recipe.schedule
        return learning_rate(
            schedule.name if now.stage.schedule == "recipe" else "constant",
            self.recipe.optimizer.lr * now.stage.rate,
            (now.epoch - 1 + step / self.session.steps) / now.stage.epochs,
            milestones=schedule.milestones,
            gamma=schedule.gamma,
            start=schedule.start,
            warmup=schedule.warmup_epochs / now.stage.epochs,
        )

    def _end_epoch(self) -> None:
        session, pair, progress = self.session, self.pair, self.session.progress
        rate = self._rate(session.steps - 1)
        if not pair.statistics.finite():
            raise TrainingError(
                f"{self.cell.slug}: a loss is not finite in epoch {progress.epoch} at learning rate {rate:g}; "
                "lower optimizer.lr or add schedule.warmup_epochs"
            )
        try:
            for memory, overview in zip(pair.memories, self.overviews, strict=True):
                pair.method.after_epoch(memory, pair.clock, overview)
        except ValueError as error:
            raise TrainingError(f"{self.cell.slug}: {error}") from error
        threshold = pair.method.threshold(pair.classes, pair.clock)
        speed = len(self.labels.learned) / max(progress.epoch_seconds, 1e-9)
        row = {
            "epoch": progress.epoch,
            "stage": self.session.now.stage.name,
            "lr": rate,
            **pair.statistics.row(),
            **self.measure.epoch(pair.networks),
            "threshold": None if threshold is None else threshold.item(),
            "seconds": progress.seconds,
            "images_per_second": speed,
            "mfu": pair.site.mfu(speed, self.operations),
        }
        row = {name: _or_unknown(value) for name, value in row.items()}
        progress.rows.append(row)
        self.metrics.append(row)
        pair.statistics.reset()
        progress.epoch, progress.step, progress.epoch_seconds = progress.epoch + 1, 0, 0.0
        self.tell({"event": "epoch", "row": row})

    def _save(self) -> None:
        self.pair.site.synchronize()  # what was asked of the device before is no cost of saving
        before = time.monotonic()
        facts = {
            "progress": asdict(self.session.progress),
            "recipe_sha256": sha256_of(self.directory.recipe),
            "setup": self.pair.site.setup.record(),
            "method_files": self.files,
        }
        save_tensors(self.directory.checkpoint, self.session.state(), CHECKPOINT_SCHEMA, facts)
        self._last_save = time.monotonic()
        self._save_cost = self._last_save - before

    def _saved(self) -> tuple[dict[str, torch.Tensor], Checkpoint] | None:
        if not self.directory.checkpoint.exists():
            return None
        tensors, facts = load_checkpoint(self.directory.checkpoint)
        if facts.recipe_sha256 != sha256_of(self.directory.recipe):
            raise DataError(f"{self.directory.checkpoint}: is the checkpoint of another cell; remove it to start again")
        before = facts.method_files
        changed = [name for name in self.files | before if self.files.get(name) != before.get(name)]
        if changed:
            names = ", ".join(changed)
            raise DataError(f"{self.directory.checkpoint}: {names} has changed since; remove it to start again")
        return tensors, facts

    def _publish(self, status: str, error: str | None) -> None:
        directory, session, pair, cell = self.directory, self.session, self.pair, self.cell
        provenance = {
            **pair.site.describe(),
            "recipe_sha256": sha256_of(directory.recipe),
            "manifest_sha256": sha256_of(directory.manifest),
            **({"method_files": self.files} if self.files else {}),
            "seconds": session.progress.seconds,
            "resumed": session.progress.resumed,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        description = cell.describe() | {"noise": self.labels.noise}
        self.metrics.sync()
        if status == "finished":
            memories = session.small_memories()
            for peer, name, network, memory in zip(PEERS, cell.recipe.networks, pair.networks, memories, strict=True):
                facts = {"network": name, "peer": peer, "epoch": session.timeline.epochs, "cell": description}
                facts |= {"memory": describe_memory(memory), "written_by": pair.site.describe()}
                save_tensors(directory.peer(peer), network.state_dict(), PEER_SCHEMA, facts)
        scores = None
        if status == "finished":
            scores = summary(session.progress.rows, bool(len(self.labels.held_out)), len(self.labels.learned))
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
        if status == "finished":
            self.tell({"event": "finished", "scores": scores})


def _or_unknown(value: Any) -> Any:
    """None for a number that is not finite: JSON knows no such ones."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _setup(recipe: Recipe, place: Place, saved: tuple[dict[str, torch.Tensor], Checkpoint] | None) -> Setup:
    """The setup that the run began with, where this machine can follow it: then resuming keeps the bits."""
    setup = place.setup or first_choice(recipe, "cpu")
    if saved is not None:
        begun = saved[1].setup
        if begun.device == setup.device and begun.threads <= max(cores(), setup.threads):
            return begun
    return setup


class _Watch:
    """Counts the seconds of training steps, and all seconds, into a progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps, self._all = progress.epoch_seconds, progress.seconds
        self._began = self._resumed = time.monotonic()

    def look(self) -> None:
        """Count until now, a step having ended."""
        now = time.monotonic()
        self._progress.epoch_seconds = self._steps + now - self._resumed
        self._progress.seconds = self._all + now - self._began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done meanwhile is no training step."""
        before = time.monotonic()
        yield
        self._resumed += time.monotonic() - before

    def end(self) -> None:
        """Count what came after the last step."""
        self._progress.seconds = self._all + time.monotonic() - self._began
