"""T-Revision: importance weights by a transition matrix that is learned on with them (Xia et al., NeurIPS 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from smkd_cli.methods.contract import Batch, Clock, Outputs, cross_entropy
from smkd_cli.methods.stages import Extra, Stage, share
from smkd_cli.methods.transition.known import KnowsTransition, noisy_column

if TYPE_CHECKING:
    from torch import Tensor, nn

_LEAST = 1e-6


def importance(own: Outputs, batch: Batch, matrix: Tensor, delta: Tensor | None = None) -> Tensor:
    """β = p_y / (p (T + ΔT))_y per sample, (N,), for T and ΔT (C, C), ΔT = 0 without one; nothing is detached.

    The denominator is kept above 1e-6.
    """
    column = noisy_column(matrix, batch.noisy_labels)
    if delta is not None:
        # A product, whose gradient, unlike that of picked rows, is the same in every run on a GPU; and apart from T,
        # for a sum rounded to TensorFloat-32 would lose ΔT.
        column = column + batch.onehot @ delta.t()
    of_label = (batch.onehot * own.probs).sum(1)
    return of_label / (own.probs * column).sum(1).clamp_min(_LEAST)


def reweighted_loss(own: Outputs, batch: Batch, matrix: Tensor) -> Tensor:
    """Mean of sg[β] · (−ln p_y), ()."""
    return (importance(own, batch, matrix).detach() * cross_entropy(batch.onehot, own)).mean()


def revision_loss(own: Outputs, batch: Batch, matrix: Tensor, delta: Tensor) -> Tensor:
    """Mean of β · (−ln p_y), (), whose gradient reaches ΔT, and the network through β too."""
    return (importance(own, batch, matrix, delta) * cross_entropy(batch.onehot, own)).mean()


def _revision(classes: int, _widths: Sequence[int]) -> nn.Module:
    import torch
    from torch import nn

    module = nn.Module()
    module.register_parameter("delta", nn.Parameter(torch.zeros(classes, classes)))
    return module


class TRevision(KnowsTransition):
    """Estimate T by CE; then L = mean of sg[β] CE, β = p_y/(pT)_y; then L = mean of β CE, β = p_y/(p(T + ΔT))_y.

    p is (N, C), y the noisy label, T and ΔT (C, C). ΔT begins at zero and is trained by an Adam of its own in the last
    stage, where nothing is detached, as in the first version of the authors' code. Deliberately not taken from there:
    that ΔT is added once more for each sample of a batch, and a later version's detached β, which leaves ΔT without a
    gradient. The network is one through all stages, as in that code, which goes on from the weights of the estimate.
    The authors take each stage's best weights by held-out noisy labels; here they are the last. They train the network
    of the last stage by Adam at 5e-7 as well; here the recipe's optimiser goes on at a small constant rate. With an
    oracle T the estimate is left out.
    """

    name = "T-revision"

    estimate_share: Annotated[
        float, Field(gt=0, le=1, description="length of the CE stage before an estimate (authors: 20 of 200 epochs)")
    ] = 0.1
    revision_share: Annotated[
        float, Field(gt=0, description="length of the revision, of the epochs (authors: 200 of 200)")
    ] = 1.0
    revision_rate: Annotated[
        float, Field(gt=0, description="constant rate of the network in the revision, of the recipe's (our choice)")
    ] = 1e-3
    revision_lr: Annotated[float, Field(gt=0, description="Adam's rate for ΔT (authors)")] = 5e-7

    def learning_stages(self, epochs: int) -> tuple[Stage, ...]:
        revised = share(epochs, self.revision_share)
        return Stage("reweight", epochs), Stage("revision", revised, lr_factor=self.revision_rate, schedule="constant")

    def extras(self) -> tuple[Extra, ...]:
        return (Extra("revision", _revision, lr=self.revision_lr),)

    def corrected(self, own: Outputs, batch: Batch, clock: Clock) -> Tensor:
        matrix, reweighting = own.memory["transition"], 1 if self.transition == "estimated" else 0
        if clock.stage == reweighting:
            return reweighted_loss(own, batch, matrix)
        return revision_loss(own, batch, matrix, own.modules["revision"].get_parameter("delta"))
