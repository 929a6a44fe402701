"""The refined labels of a network's training samples, as its method would make them when training has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from smkd_cli.errors import MethodError, SmkdError
from smkd_cli.methods import Batch, Clock, Method, Outputs, Refined
from smkd_cli.methods.step_checks import checked_refine
from smkd_cli.registry import guarded

_CHUNK = 4096


class UndefinedLabelsError(Exception):
    """After training, nobody knows what the labels would be refined to; the message is why."""


class _Absent:
    """What there is in a step only: whoever looks at it learns that."""

    def __init__(self, what: str) -> None:
        self._what = what

    def _refuse(self, *_arguments: Any) -> NoReturn:
        raise UndefinedLabelsError(f"its refined labels depend on {self._what}")

    __getitem__ = __iter__ = __len__ = __contains__ = __bool__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        self._refuse()


class _OutputsAlone(Outputs):
    """Without anything that stands beside the network."""

    @property
    def features(self) -> NoReturn:
        raise UndefinedLabelsError("its refined labels depend on feature maps")


_BESIDE: dict[str, Any] = {
    "companions": _Absent("networks beside this one"),
    "modules": _Absent("parameters that were trained beside the network"),
}
_VIEWS: Any = _Absent("augmented images")
_DRAWN: Any = _Absent("random numbers")


def refined_labels(
    method: Method, name: str, memory: Mapping[str, Tensor], log_probs: Tensor, noisy_labels: Tensor
) -> Tensor:
    """The classes of the largest entries of the refined labels, (n,).

    Args:
        method: what the network learned from.
        name: its name, for messages.
        memory: the single numbers that the method remembered of the network.
        log_probs: (n, C), what the network predicts.
        noisy_labels: (n,).

    Raises:
        UndefinedLabelsError: they depend on what is not in a network's file.
        ValueError: the memory is not that of the method.
        MethodError: the method's code raises something.
    """
    shapes = method.memory(len(noisy_labels), log_probs.shape[1])
    if not {name for name, shape in shapes.items() if not shape} <= memory.keys():
        raise ValueError(f"what {name} remembered is not in its file")
    if any(shapes.values()):
        raise UndefinedLabelsError("its refined labels depend on what it remembered of every sample or class")
    if method.defines("inputs"):
        raise UndefinedLabelsError("it makes its targets together with images, in each step anew")
    end = torch.ones((), device=noisy_labels.device)
    clock = Clock(end, end, end, end, stage=len(method.stages(1)) - 1)
    labels = torch.empty_like(noisy_labels)
    for indices in torch.split(torch.arange(len(noisy_labels), device=noisy_labels.device), _CHUNK):
        plain = Outputs.of(log_probs[indices], dict(memory))
        own = _OutputsAlone(**{field.name: getattr(plain, field.name) for field in fields(Outputs)} | _BESIDE)
        onehot = one_hot(noisy_labels[indices], log_probs.shape[1]).float()
        batch = Batch(noisy_labels[indices], onehot, indices, _VIEWS, _DRAWN)
        labels[indices] = _refined(method, name, own, batch, clock).target.argmax(1)
    return labels


def _refined(method: Method, name: str, own: Outputs, batch: Batch, clock: Clock) -> Refined:
    try:
        return guarded(lambda: checked_refine(method, own, batch, clock))
    except ValueError as error:
        if isinstance(error.__cause__, (UndefinedLabelsError, SmkdError)):
            raise error.__cause__ from None
        raise MethodError(f"the method {name} cannot be used: {error}") from error
