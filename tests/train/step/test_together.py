"""Where both peers train something together, the step has the gradients of one backward pass through the whole sum."""

from __future__ import annotations

import pytest
import torch
from pairs import pair

from smkd_cli import methods
from smkd_cli.methods import Method

NAMES = [
    name
    for name in methods.names()
    if issubclass(rule := methods.rule(name), Method) and rule.together is not Method.together
]


@pytest.mark.parametrize("name", NAMES)
def test_the_gradients_are_those_of_the_sum(name):
    took, plain = pair(name, dtype=torch.float64), pair(name, dtype=torch.float64)
    took.pair.train_step(took.batches[0])
    step, method = plain.pair.step, plain.pair.method
    batches = step._batches(plain.batches[0])
    a, b = (step._forward(peer, batches[peer]) for peer in range(2))
    clock = step.loss.clock
    total = method.loss(a, b, batches[0], clock) + method.loss(b, a, batches[1], clock)
    total = total + method.together(a, b, batches[0], clock)
    total.backward()
    assert took.gradients().keys() == plain.gradients().keys()
    for key, gradient in plain.gradients().items():
        torch.testing.assert_close(took.gradients()[key], gradient, rtol=1e-9, atol=1e-12, msg=key)
    for key, extra in plain.pair.shared.items():
        for ours, theirs in zip(took.pair.shared[key].module.parameters(), extra.module.parameters(), strict=True):
            assert theirs.grad.any()
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)
