"""Whether what a method makes of a step's tensors is what the step can use: looked at in the first step of a stage.

Only shapes and types are looked at, so nothing waits for a device, and a step may be captured meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from smkd_cli.errors import MethodError
from smkd_cli.methods.batch import Batch, Inputs
from smkd_cli.methods.clock import Clock
from smkd_cli.methods.composed import Composed
from smkd_cli.methods.contract import Method
from smkd_cli.methods.hook_checks import called
from smkd_cli.methods.hooks import Hooks
from smkd_cli.methods.outputs import Outputs, Refined, RefinedOutputs

Shape = tuple[int, ...]


def checked_refine(method: Method, own: Outputs, batch: Batch, clock: Clock) -> Refined:
    """What the method refines.

    Raises:
        MethodError: it is not what it should be; the message names the rule that made it.
    """
    memory = dict(own.memory)
    if isinstance(method, Composed):
        refined = method.target_rule.refine(own, batch, clock)
        _check_refined(method.target_rule, "refine", refined, own)
        refined = method.exchange.send(own, refined, clock)
        _check_refined(method.exchange, "send", refined, own)
    else:
        refined = method.refine(own, batch, clock)
        _check_refined(method, "refine", refined, own)
    threshold = method.threshold(own.logits.shape[1], clock)
    if threshold is not None:
        _check_tensor(_exchanging(method), "threshold", "a threshold", threshold, (), own)
    check_memory(method, "refine", own.memory, memory)
    return refined


def checked_loss(method: Method, own: RefinedOutputs, other: RefinedOutputs, batch: Batch, clock: Clock) -> Tensor:
    """The loss of the network ``own``; raises as :func:`checked_refine`."""
    sent = method.sent(own, other, batch, clock)
    _check_tensor(_exchanging(method), "sent", "sent", sent, own.logits.shape[:1], own)
    if not isinstance(method, Composed):
        loss = method.loss(own, other, batch, clock)
        check_loss(method, "loss", loss, own)
        return loss
    self_loss = method.target_rule.loss(own, batch, clock)
    check_loss(method.target_rule, "loss", self_loss, own)
    loss = method.exchange.combine(self_loss, own, other, method.target_rule)
    check_loss(method.exchange, "combine", loss, own)
    return loss


def check_inputs(method: Method, inputs: object, batch: Batch) -> None:
    """Raise a MethodError unless ``inputs`` can be learned from."""
    rule = method.target_rule if isinstance(method, Composed) and method.target_rule.defines("inputs") else method
    if not isinstance(inputs, Inputs):
        raise MethodError(f"{name_of(rule)}: inputs should give Inputs, not {_described(inputs)}")
    count, classes = batch.onehot.shape
    _check_tensor(rule, "inputs", "images", inputs.images, (None, *batch.views[0].shape[1:]), batch.onehot)
    _check_tensor(rule, "inputs", "a target", inputs.target, (len(inputs.images), classes), batch.onehot)
    for what, value in (("logits", inputs.logits), ("refined", inputs.refined)):
        if value is not None:
            _check_tensor(rule, "inputs", what, value, (count, classes), batch.onehot)


def check_memory(method: Hooks, hook: str, memory: Mapping[str, Tensor], before: Mapping[str, Tensor]) -> None:
    """Raise a MethodError unless the memory has the same tensors as before the hook: they are changed in place."""
    for name in {**before, **memory}:
        if memory.get(name) is not before.get(name):
            wanted = "change what it remembers in place, with copy_ or add_"
            raise MethodError(f"{name_of(method)}: {hook} should {wanted}, but memory has another tensor as {name}")


def name_of(method: Hooks) -> str:
    """As recipes name it."""
    if isinstance(method, Composed):
        return f"{called(method.exchange)}+{called(method.target_rule)}"
    return called(method)


def _exchanging(method: Method) -> Hooks:
    return method.exchange if isinstance(method, Composed) else method


def _check_refined(rule: Hooks, hook: str, refined: object, own: Outputs) -> None:
    if not isinstance(refined, Refined):
        raise MethodError(f"{name_of(rule)}: {hook} should give Refined, not {_described(refined)}")
    images, classes = own.logits.shape
    _check_tensor(rule, hook, "a target", refined.target, (images, classes), own)
    _check_tensor(rule, hook, "knowledge", refined.knowledge, (images, classes), own)
    _check_tensor(rule, hook, "sent", refined.sent, (images,), own)
    if not (isinstance(refined.trust, Tensor) and refined.trust.ndim == 0):
        _check_tensor(rule, hook, "trust", refined.trust, (images,), own)
    for what in ("knowledge", "sent", "trust"):
        if getattr(refined, what).requires_grad:
            raise MethodError(f"{name_of(rule)}: {hook} should give {what} without a gradient: detach it")


def check_loss(rule: Hooks, hook: str, loss: object, own: Outputs) -> None:
    """Raise a MethodError unless ``own`` can learn from what a hook gives as a loss."""
    _check_tensor(rule, hook, "a loss", loss, (), own)
    assert isinstance(loss, Tensor)
    if own.logits.requires_grad and torch.is_grad_enabled() and not loss.requires_grad:
        raise MethodError(f"{name_of(rule)}: {hook} gives a loss without a gradient: nothing can be learned from it")


def _check_tensor(
    rule: Hooks, hook: str, what: str, value: object, shape: tuple[int | None, ...], like: Outputs | Tensor
) -> None:
    """``like``: something on the device where the value has to be."""
    device = (like if isinstance(like, Tensor) else like.logits).device
    right = isinstance(value, Tensor) and len(value.shape) == len(shape) and value.device == device
    if right and isinstance(value, Tensor):
        right = all(wanted in (None, size) for wanted, size in zip(shape, value.shape, strict=True))
        right = right and (value.is_floating_point() or what == "sent")
    if not right:
        sizes = ", ".join("M" if size is None else str(size) for size in shape)
        numbers = "0 and 1" if what == "sent" else "floats"
        wanted = f"{what} ({sizes}{',' * (len(shape) == 1)}) of {numbers} on {device}"
        raise MethodError(f"{name_of(rule)}: {hook} should give {wanted}, not {_described(value)}")


def _described(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')} on {value.device}"
    return f"{type(value).__name__} {value!r:.60}" if value is not None else "None"
