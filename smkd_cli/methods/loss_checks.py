"""Whether :class:`~smkd_cli.methods.pair_loss.PairLoss` is given what it can use.

In a step, numbers are looked at on the CPU only: other devices would have to be waited for.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from smkd_cli.errors import UsageError
from smkd_cli.methods.contract import Method
from smkd_cli.methods.hooks import LabelFacts


def check_pair(method: object, facts: LabelFacts, epochs: object, steps_per_epoch: object) -> None:
    """Raise a UsageError unless a pair can be made of these."""
    if not isinstance(method, Method):
        raise UsageError(f"method should be what smkd.method() gives, not {type(method).__name__} {method!r:.80}")
    counts = (("classes", facts.classes, 2), ("epochs", epochs, 1), ("steps_per_epoch", steps_per_epoch, 1))
    for name, value, least in counts:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UsageError(f"{name} should be a whole number from {least} on, not {value!r:.80}")
    labels, count = facts.noisy_labels, facts.classes
    _check_integers("noisy_labels", labels, None)
    if len(labels) == 0:
        raise UsageError("noisy_labels should have at least one label")
    check_range("noisy_labels", labels, count)
    rate, matrix = facts.noise_rate, facts.transition_matrix
    if rate is not None and not (isinstance(rate, (int, float)) and 0 <= rate <= 1):
        raise UsageError(f"noise_rate should be a number from 0 to 1, not {rate!r:.80}")
    if matrix is not None:
        _check_floats("transition_matrix", matrix, (count, count))


def check_step(a: Tensor, b: Tensor, noisy_labels: Tensor, indices: Tensor, classes: int, samples: int) -> None:
    """Raise a UsageError unless the method can learn from these; numbers are looked at on the CPU only."""
    images = a.shape[0] if isinstance(a, Tensor) and a.ndim else 0
    _check_floats("logits_a", a, (images, classes))
    _check_floats("logits_b", b, (images, classes))
    _check_integers("noisy_labels", noisy_labels, images)
    _check_integers("indices", indices, images)
    if images == 0:
        raise UsageError("logits_a has no samples, and the mean of no losses is no number")
    if b.dtype != a.dtype:
        raise UsageError(f"logits_b should be of type {_type(a)}, as logits_a is, not {_type(b)}")
    for name, value in (("logits_b", b), ("noisy_labels", noisy_labels), ("indices", indices)):
        if value.device != a.device:
            raise UsageError(f"{name} should be on {a.device}, as logits_a is, not on {value.device}")
    if a.device.type == "cpu":
        check_range("noisy_labels", noisy_labels, classes)
        check_range("indices", indices, samples)


def check_range(name: str, values: Tensor, count: int) -> None:
    """Raise a UsageError unless all numbers are in 0 … count − 1; waits for them."""
    least, most = (int(value) for value in values.aminmax())
    if least < 0 or most >= count:
        raise UsageError(f"{name} should be from 0 to {count - 1}, not from {least} to {most}")


def check_predictions(
    training: Sequence[object] | None, held_out: Sequence[object] | None, samples: int, classes: int
) -> None:
    """Raise a UsageError unless these are predictions as ``end_epoch`` takes them."""
    if training is not None:
        if len(training) != 2:
            raise UsageError(f"training should be the logits of both networks, not {len(training)} values")
        for value in training:
            _check_floats("training", value, (samples, classes))
    if held_out is not None:
        if len(held_out) != 3:
            raise UsageError(f"held_out should be both networks' logits and the labels, not {len(held_out)} values")
        a, b, labels = held_out
        count = a.shape[0] if isinstance(a, Tensor) and a.ndim else 0
        _check_floats("held_out", a, (count, classes))
        _check_floats("held_out", b, (count, classes))
        _check_integers("the labels of held_out", labels, count)
        assert isinstance(labels, Tensor)
        check_range("the labels of held_out", labels, classes)


def _check_floats(name: str, value: object, shape: tuple[int, ...]) -> None:
    if not isinstance(value, Tensor) or tuple(value.shape) != shape or not value.is_floating_point():
        raise UsageError(f"{name} should be a tensor {shape} of floats, not {_described(value)}")


def _check_integers(name: str, value: object, count: int | None) -> None:
    right = isinstance(value, Tensor) and value.ndim == 1 and count in (None, len(value)) and _type(value) == "int64"
    if not right:
        shape = "(n,)" if count is None else f"({count},)"
        raise UsageError(f"{name} should be a tensor {shape} of int64, not {_described(value)}")


def _type(value: object) -> str:
    return str(getattr(value, "dtype", None)).removeprefix("torch.")


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} of {_type(value)}"
    return f"{type(value).__name__} {value!r:.60}"
