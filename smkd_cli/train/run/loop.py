"""The loop over the epochs of one cell, from its recipe or its last checkpoint to its result."""

from __future__ import annotations

import gc

from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.errors import InterruptedRunError, TrainingError
from smkd_cli.train.events import EpochDone, Finished, Report, Skipped, Started, StepsDone
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.cell_run import CellRun, prepare_run
from smkd_cli.train.run.checkpoint import save_checkpoint
from smkd_cli.train.run.clock import SavingPace, Speedometer, Stopwatch
from smkd_cli.train.run.epoch_end import end_epoch
from smkd_cli.train.run.outputs import write_failed, write_finished
from smkd_cli.train.run.task import Task
from smkd_cli.train.step.epoch_plan import EpochPlan


def train_cell(task: Task, stop: StopRequest, report: Report) -> None:
    """Train a cell, or go on with it from its last checkpoint; a finished one is left as it is.

    ``report`` gets an event at the start, every second, after every epoch and at the end.

    Raises:
        DataError: data or files are missing, damaged, locked, or belong to another recipe.
        InterruptedRunError: ``stop`` was requested; everything is saved.
        TrainingError: a loss is not finite; ``result.json`` records it.
    """
    directory = RunDirectory(task.directory)
    with directory.locked():
        directory.claim(task.cell.to_yaml())
        if directory.finished():
            report(Skipped())
            return
        directory.refuse_links()
        try:
            TrainingLoop(prepare_run(task, directory), report).train(stop)
        finally:
            # A pair and its graph refer to each other; the next cell on this device needs their memory.
            gc.collect()


class TrainingLoop:
    """Takes the steps of a cell, saving and reporting now and then."""

    def __init__(self, run: CellRun, report: Report) -> None:
        self._run, self._report = run, report
        self._saving, self._speed = SavingPace(), Speedometer()

    def train(self, stop: StopRequest) -> None:
        """Train to the end, publish, and remove the checkpoint."""
        run, state, progress = self._run, self._run.state, self._run.state.progress
        epochs = state.schedule.epochs
        self._report(Started(progress.epoch, epochs * state.steps, progress.resumed))
        try:
            while progress.epoch <= epochs:
                self._epoch(stop)
        except TrainingError as error:
            write_failed(run, str(error))
            raise
        self._report(Finished(write_finished(run)))

    def _epoch(self, stop: StopRequest) -> None:
        run, state, pair, progress = self._run, self._run.state, self._run.pair, self._run.state.progress
        state.begin_epoch()
        plan = pair.plan_epoch(run.labels.train_indices, progress.epoch)
        watch = Stopwatch(progress)
        with watch.paused(), self._speed.paused():
            self._prepare_steps(plan)
        for batch in pair.batches(plan, progress.step):
            pair.set_learning_rate(state.learning_rate(progress.step))
            pair.clock.iteration.add_(1)
            pair.train_step(batch)
            progress.step += 1
            watch.lap()
            if stop:
                self._save()
                message = f"stopped in epoch {progress.epoch}; the same command goes on"
                raise InterruptedRunError(stop.signal_number, message)
            self._speed.count(len(batch["indices"]))
            if self._speed.due():
                self._report_steps()
            if self._saving.due():
                pair.machine.synchronize()  # the steps that the device is still busy with count
                watch.lap()
                with watch.paused():
                    self._save()
        pair.machine.synchronize()
        watch.lap()
        self._report(EpochDone(end_epoch(run)))
        watch.end()

    def _prepare_steps(self, plan: EpochPlan) -> None:
        """Compile and capture before the speed of steps is measured."""
        size = self._run.pair.spec.recipe.batch_size
        kinds = sorted({0, self._run.state.steps - 1})  # the first batch, and the last, which may be smaller
        self._run.pair.prepare_steps(next(plan.batches(size, number)) for number in kinds)

    def _report_steps(self) -> None:
        state, machine = self._run.state, self._run.pair.machine
        machine.synchronize()  # what is counted is done
        speed, epoch = self._speed.images_per_second(), state.progress.epoch
        done = (epoch - 1) * state.steps + state.progress.step
        self._report(StepsDone(epoch, done, speed, machine.mfu(speed, self._run.operations)))
        self._speed.restart()

    def _save(self) -> None:
        self._run.pair.machine.synchronize()  # earlier work of the device is no cost of saving
        with self._saving.saving():
            save_checkpoint(self._run.directory, self._run.state, self._run.method_files)
