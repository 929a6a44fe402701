"""GCE: generalised cross entropy, plain or truncated (Zhang and Sabuncu, NeurIPS 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, Predictions
from smkd_cli.methods.losses.contract import RobustLoss
from smkd_cli.methods.losses.terms import gce, mae
from smkd_cli.methods.stages import share

if TYPE_CHECKING:
    from torch import Tensor


class GCE(RobustLoss):
    """L_q = (1 − p_y^q)/q: CE as q → 0, MAE at q = 1; its gradient is p_y^q times that of CE.

    ``truncated`` gives up samples whose p_y is at most k, with L_q(k) = (1 − k^q)/q. ``paper``: min(L_q, L_q(k)),
    decided in each batch. ``stored``: w_i (L_q − L_q(k)), averaged over all N samples, with w_i of 0 and 1 kept for the
    training set. All w_i are 1 at first; before epoch ``prune_from`` · epochs (80 of 150, not before the second), and
    before every ``refresh``-th epoch after it (90, 100, …), w_i = 1[p_y > k]. That p_y is what the network predicted
    for the sample when it last trained on it. Public code takes it from the checkpoint of best test accuracy instead,
    by which the test set would choose the training samples. A sample that was not seen yet keeps its weight.
    """

    name = "GCE"

    q: Annotated[float, Field(gt=0, le=1, description="q, from CE (0) to MAE (1) (paper: 0.7)")] = 0.7
    truncated: Annotated[bool, Field(description="give up samples whose p_y is at most k (our choice: no)")] = False
    truncation: Annotated[
        Literal["stored", "paper"], Field(description="weights kept between epochs (public code), or the paper's min")
    ] = "stored"
    k: Annotated[float, Field(gt=0, lt=1, description="k, the probability to give up at (paper: 0.5)")] = 0.5
    prune_from: Annotated[
        float,
        Field(ge=0, lt=1, description="first epoch with w set, as a part of all (public code, CIFAR-100: 80/150)"),
    ] = 80 / 150
    refresh: Annotated[int, Field(ge=1, description="epochs from one setting of w to the next (public code: 10)")] = 10

    @property
    def _stored(self) -> bool:
        return self.truncated and self.truncation == "stored"

    @property
    def _bound(self) -> float:
        return float(1 - self.k**self.q) / self.q

    def memory(self, samples: int, classes: int) -> dict[str, tuple[int, ...]]:
        # Both are the complement of what the text names, so that the zeros at the start mean: keep all.
        return {"missed": (samples,), "pruned": (samples,)} if self._stored else {}

    def observe(self, own: Outputs, batch: Batch, clock: Clock) -> None:
        if self._stored:
            batch.remember(own.memory["missed"], mae(own.log_probs.detach(), batch.onehot))

    def after_epoch(self, memory: dict[str, Tensor], clock: Clock, predictions: Predictions) -> None:
        if not self._stored:
            return
        # The next epoch's weights; before the second one the network has predicted nothing yet.
        since = round(clock.epoch.item()) + 1 - max(2, share(round(clock.epochs.item()), self.prune_from))
        if since >= 0 and since % self.refresh == 0:
            memory["pruned"].copy_(memory["missed"] >= 1 - self.k)

    def losses(self, own: Outputs, batch: Batch) -> Tensor:
        losses = gce(own.log_probs, batch.onehot, self.q)
        if not self.truncated:
            return losses
        if self.truncation == "paper":
            return losses.clamp_max(self._bound)
        return (1 - own.memory["pruned"][batch.indices]) * (losses - self._bound)
