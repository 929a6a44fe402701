"""A sampler may draw a sample twice, also within a batch: records and memories keep what its last position gave."""

from __future__ import annotations

import pytest
import torch
from pairs import untaught_pair

from smkd_cli import api
from smkd_cli.methods import Batch, Outputs, Refined
from smkd_cli.methods.losses.terms import mae
from smkd_cli.train.step.records import SampleRecords
from smkd_cli.train.step.statistics import Statistics

# Enough positions for a write to be split among threads, as it always is on a GPU.
N, SAMPLES, CLASSES = 70_000, 10_000, 3
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


@pytest.fixture(autouse=True)
def _two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=DEVICES)
def drawn(request):
    """Each sample but the last hundred seven times: labels of all samples, indices (N,), last position of each."""
    random = torch.Generator().manual_seed(1)
    indices = torch.arange(N) % (SAMPLES - 100)
    indices = indices[torch.randperm(N, generator=random)]
    last = {int(index): position for position, index in enumerate(indices)}
    labels = torch.randint(0, CLASSES, (SAMPLES,), generator=random)
    positions = torch.tensor([last[index] for index in range(SAMPLES - 100)])
    return labels.to(request.param), indices.to(request.param), positions.to(request.param)


def _logits(seed, device):
    return torch.randn(N, CLASSES, generator=torch.Generator().manual_seed(seed)).to(device)


def test_a_method_remembers_the_last_of_a_batch(drawn):
    labels, indices, last = drawn
    method = api.method("GCE", truncated=True, truncation="stored")
    pair = api.PairLoss(method, labels, CLASSES, epochs=2)
    logits = [_logits(seed, labels.device) for seed in (1, 2)]
    pair(*logits, labels[indices], indices)
    onehot = torch.nn.functional.one_hot(labels[indices], CLASSES).float()
    for peer, own in enumerate(logits):
        missed = pair.memory(peer)["missed"]
        torch.testing.assert_close(missed[:-100], mae(own.log_softmax(1), onehot)[last], rtol=0, atol=0)
        assert not missed[-100:].any()


def test_records_are_of_the_last_position_and_whole(drawn):
    labels, indices, last = drawn
    statistics, records = Statistics(labels, labels), SampleRecords(labels)
    batch = Batch(labels[indices], torch.nn.functional.one_hot(labels[indices], CLASSES).float(), indices)
    margins, right, sent = (torch.zeros(SAMPLES - 100, device=labels.device) for _ in range(3))
    for epoch in range(2):
        statistics.reset()
        logits = _logits(epoch, labels.device)
        own = Outputs.of(logits).refined(Refined(logits.softmax(1)))
        passed = (torch.arange(N, device=labels.device) % 2).float()
        statistics.add(0, own, passed, logits.new_tensor(2.0), batch)
        records.add(statistics)
        ours, given = logits[last], labels[:-100].unsqueeze(1)
        margins += ours.gather(1, given).squeeze(1) - ours.scatter(1, given, -torch.inf).amax(1)
        right += ours.argmax(1) == labels[:-100]
        sent += passed[last]
        row = statistics.row()
        assert row["loss_a"] == 2
        assert row["sent_a_to_b"] == passed[last].sum()
        assert row["train_accuracy_a"] == pytest.approx(100 * (ours.argmax(1) == labels[:-100]).float().mean().item())
    found = records.by_sample()
    assert (found["a.seen"][:-100] == 2).all()
    assert not found["a.seen"][-100:].any()
    torch.testing.assert_close(found["a.margin"][:-100], margins / 2)
    torch.testing.assert_close(found["a.predicted"][:-100], right.int())
    torch.testing.assert_close(found["a.sent"][:-100], sent.int())
    torch.testing.assert_close(found["a.refined_class"][:-100], ours.argmax(1).int())
    torch.testing.assert_close(found["a.refined_mass"][:-100], ours.softmax(1).gather(1, given).squeeze(1))
    assert (found["a.refined_class"][-100:] == -1).all()


@pytest.mark.parametrize(("sampler", "distinct"), [("uniform", True), ("balanced", False)])
def test_only_where_no_sample_can_come_twice_rows_are_not_told_apart(sampler, distinct):
    step = untaught_pair("SMKD-S+MyLC", overrides=[f"sampler={sampler}"]).pair.step
    assert step.distinct is distinct
