"""The steps of a stage as configured: eager, captured in CUDA graphs, or with compiled networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from smkd_cli.data.images.contract import Columns
from smkd_cli.train.machine.compute import ComputeConfig
from smkd_cli.train.step.captured_step import CapturedStep, NoGraphs, Step
from smkd_cli.train.step.cuda_graph import CudaGraphs
from smkd_cli.train.step.step import PairStep


class StageSteps:
    """Takes a step on whole batches, and on an epoch's last batch where that is smaller.

    Another batch size would have to be compiled anew, so the smaller batch takes the networks as they are.

    Args:
        step: done eagerly.
        state: the tensors that it changes.
        batch_size: of whole batches.
        compute: whose ``step`` is the kind of step.
        capturable: whether the method lets this stage's steps be captured.
    """

    def __init__(
        self,
        step: PairStep,
        state: Callable[[], dict[str, Tensor]],
        batch_size: int,
        compute: ComputeConfig,
        capturable: bool,
    ) -> None:
        self._batch_size = batch_size
        captured = compute.device == "cuda" and compute.step != "eager" and capturable
        graphs = CudaGraphs() if captured else NoGraphs()
        self._whole: Step
        self._rest: Step
        self._whole, self._rest = (CapturedStep(step, state, graphs) if captured else step for _ in range(2))
        if compute.step == "compiled":
            compiled = replace(step, compiled=True)
            otherwise = "goes on without compiled networks"
            self._whole = CapturedStep(compiled, state, graphs, self._whole, otherwise)

    def __call__(self, batch: Columns) -> None:
        """Do the step on a batch."""
        self._step_of(batch)(batch)

    def is_prepared(self, batch: Columns) -> bool:
        """Whether nothing is left to do for batches like this one."""
        step = self._step_of(batch)
        return not isinstance(step, CapturedStep) or step.is_prepared

    def prepare(self, batch: Columns) -> None:
        """Compile and capture for batches like this one, if that is still to be done; training stays where it is.

        Raises:
            torch.OutOfMemoryError: there is not enough memory.
        """
        step = self._step_of(batch)
        if isinstance(step, CapturedStep):
            step.prepare(batch)

    @property
    def impossible(self) -> str | None:
        """Why steps are not taken as configured, once that is known."""
        steps = [step for step in (self._whole, self._rest) if isinstance(step, CapturedStep)]
        return next((step.impossible for step in steps if step.impossible), None)

    def _step_of(self, batch: Columns) -> Step:
        return self._whole if len(batch["indices"]) == self._batch_size else self._rest
