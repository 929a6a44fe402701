import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.scoring import accuracy, class_accuracies, label_scores, macro_average, scores
from smkd_cli.scoring.metrics import calibration_error


def test_scores_of_a_known_prediction():
    probs = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], dtype=torch.float64)
    got = scores(probs.log(), torch.tensor([0, 1, 1, 2]))
    assert got["top1"] == pytest.approx(75)
    assert got["top5"] is None
    assert got["nll"] == pytest.approx(-(math.log(0.7) + math.log(0.6) + math.log(0.3) + math.log(0.6)) / 4)
    assert got["per_class"] == pytest.approx([100, 50, 100])


def test_a_class_without_images_has_no_accuracy():
    got = scores(torch.eye(7).log_softmax(1)[:2], torch.tensor([0, 1]))
    assert got["per_class"][2] is None
    assert got["top5"] == 100


def test_top5_counts_the_five_largest():
    logits = torch.arange(10.0).repeat(10, 1)
    got = scores(logits.log_softmax(1), torch.arange(10))
    assert got["top1"] == pytest.approx(10)
    assert got["top5"] == pytest.approx(50)


def test_calibration_error_of_a_coin():
    confident = torch.tensor([[0.9, 0.1]] * 10)
    labels = torch.tensor([0] * 5 + [1] * 5)
    assert calibration_error(confident, labels) == pytest.approx(0.4)


@given(st.integers(0, 2**31), st.integers(2, 12), st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_calibration_error_is_the_weighted_gap_over_bins(seed, classes, count):
    random = torch.Generator().manual_seed(seed)
    probs = torch.randn(count, classes, generator=random, dtype=torch.float64).mul(3).softmax(1)
    labels = torch.randint(classes, (count,), generator=random)
    confidence, prediction = probs.max(1)
    expected = 0.0
    for i in range(15):
        inside = ((confidence * 15).long().clamp_max(14)) == i
        if inside.any():
            gap = (prediction[inside] == labels[inside]).double().mean() - confidence[inside].mean()
            expected += inside.double().mean().item() * abs(gap.item())
    assert calibration_error(probs, labels) == pytest.approx(expected, abs=1e-12)


def test_accuracy_is_percent():
    assert accuracy(torch.eye(4), torch.tensor([0, 1, 2, 0])) == 75


def test_memorised_and_corrected_labels():
    clean = torch.tensor([0, 0, 0, 0, 1])
    given_labels = torch.tensor([1, 1, 2, 0, 1])
    prediction = torch.tensor([1, 0, 1, 0, 1])
    refined = torch.tensor([0, 0, 2, 0, 1])
    got = label_scores(prediction, refined, given_labels, clean)
    assert got == {"wrong": 3, "memorised": 1 / 3, "corrected": 1 / 3, "refined_corrected": 2 / 3}


def test_no_wrong_labels_give_no_fractions():
    labels = torch.tensor([0, 1])
    assert label_scores(labels, labels, labels, labels)["memorised"] is None


def test_every_class_counts_the_same_in_the_macro_average():
    labels = torch.tensor([0, 0, 0, 0, 2])
    probs = torch.eye(4)[torch.tensor([0, 0, 0, 1, 2])]
    of_classes = class_accuracies(probs, labels)
    assert of_classes == [75.0, None, 100.0, None]
    assert macro_average(of_classes) == 87.5
    assert accuracy(probs, labels) == pytest.approx(80)
    assert scores(probs.clamp_min(1e-3).log(), labels)["macro"] == 87.5
