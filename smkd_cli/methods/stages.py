"""The parts of a training, and what stands beside a peer's network in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Stage:
    """A part of a training with a learning rate schedule of its own.

    Attributes:
        name: what metrics call it.
        epochs: at least 1.
        fresh: whether the networks begin anew; the first stage always does.
        taught: whether the network that ended the stage before becomes the companion ``teacher``.
        lr_factor: factor of the recipe's learning rate.
        schedule: the recipe's over the epochs of this stage, or none.
    """

    name: str
    epochs: int
    fresh: bool = False
    taught: bool = False
    lr_factor: float = 1.0
    schedule: Literal["recipe", "constant"] = "recipe"


@dataclass(frozen=True)
class Companion:
    """A network beside a peer, of the peer's kind unless it comes from a file.

    Attributes:
        name: under which its logits stand in ``Outputs.companions``.
        source: ``stage`` (what the stage before trained), ``average`` (an exponential moving average of the peer's
            weights), or the path of a trained network's ``.safetensors`` file.
        momentum: of the average.
        first_stage: from which stage on it is used.
    """

    name: str
    source: str = "stage"
    momentum: float = 0.999
    first_stage: int = 0

    @property
    def is_file(self) -> bool:
        """Whether it was trained elsewhere."""
        return self.source not in {"stage", "average"}


@dataclass(frozen=True)
class Extra:
    """Parameters that are trained beside the networks, by Adam, or as the recipe trains the networks.

    Attributes:
        name: under which the module stands in ``Outputs.modules``.
        build: makes the module, given the number of classes and the widths D of both networks' features, A's first;
            where each peer has its own, its network's first.
        lr: of Adam; None for the recipe's optimizer.
        shared: whether both peers have the same one (``together`` then trains it), or each has its own.
    """

    name: str
    build: Callable[[int, Sequence[int]], nn.Module]
    lr: float | None = None
    shared: bool = False


def share(epochs: int, fraction: float) -> int:
    """A part of the recipe's epochs, at least one."""
    return max(1, round(epochs * fraction))
