"""Where images are mixed: what networks predict of the unmixed ones, and what their normalisation remembers of them."""

from __future__ import annotations

import copy

import pytest
import torch
from pairs import pair

GUIDED, WARM_UP = 15, 14  # of 40 epochs


def twins_after(stepped, *, unmixed):
    """What networks like the pair's hold after a forward pass in training mode, and what they say of unmixed images."""
    step, batch = stepped.pair.step, stepped.batches[0]
    drawn = [{"offsets": batch["view.0.offsets"][:, 0]}, {"flipped": batch["view.1.flipped"][:, 0]}]
    images = step.images.view(batch["indices"][:, 0], drawn)
    share = batch["drawn.share"].to(images.dtype).view(-1, 1, 1, 1)
    twins, predicted = [copy.deepcopy(network).train() for network in stepped.pair.networks], []
    for twin in twins:
        with torch.no_grad():
            predicted.append((twin if unmixed else copy.deepcopy(twin))(images))
            twin(share * images + (1 - share) * images.roll(-1, 0))
    return twins, predicted


@pytest.mark.parametrize(("epoch", "unmixed"), [(WARM_UP, False), (GUIDED, True)])
def test_m_dyr_looks_at_unmixed_images_in_training_mode_as_its_authors_do(epoch, unmixed):
    stepped = pair("M-DYR")
    stepped.pair.clock.epoch.fill_(epoch)
    twins, predicted = twins_after(stepped, unmixed=unmixed)
    stepped.pair.train_step(stepped.batches[0])
    for network, twin in zip(stepped.pair.networks, twins, strict=True):
        assert network.training
        for (name, buffer), expected in zip(network.named_buffers(), twin.buffers(), strict=True):
            torch.testing.assert_close(buffer, expected, msg=name)
    for table, logits in zip(stepped.pair.statistics.table, predicted, strict=True):
        assert table[stepped.batches[0]["indices"][:, 0], 0].tolist() == logits.argmax(1).tolist()


def test_a_label_is_corrected_by_what_is_predicted_in_training_mode(monkeypatch):
    stepped, seen = pair("M-DYR"), {}
    for memory in stepped.pair.memories:
        memory["noisy"].fill_(1)
    _, predicted = twins_after(stepped, unmixed=True)
    method = type(stepped.pair.method)
    inputs = method.inputs

    def watched(self, own, other, batch, clock):
        made = inputs(self, own, other, batch, clock)
        seen[id(own.memory)] = made.target
        return made

    monkeypatch.setattr(method, "inputs", watched)
    stepped.pair.train_step(stepped.batches[0])
    share = stepped.batches[0]["drawn.share"].float().unsqueeze(1)
    for memory, logits in zip(stepped.pair.memories, predicted, strict=True):
        hard = torch.nn.functional.one_hot(logits.argmax(1), 10).float()
        torch.testing.assert_close(seen[id(memory)], share * hard + (1 - share) * hard.roll(-1, 0))
