"""Accuracy, likelihood and calibration of predicted probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

CALIBRATION_BINS = 15


def accuracy(probs: Tensor, labels: Tensor) -> float:
    """Percent of samples whose largest probability (or logit), (n, C), is that of the label, (n,)."""
    return 100 * (probs.argmax(1) == labels).double().mean().item()


def class_accuracies(probs: Tensor, labels: Tensor) -> list[float | None]:
    """Percent of the samples of each class, (C,), whose largest probability (or logit), (n, C), is that of the class.

    None for a class without samples.
    """
    classes = probs.shape[1]
    counts = torch.bincount(labels, minlength=classes).tolist()
    hits = torch.bincount(labels[probs.argmax(1) == labels], minlength=classes).tolist()
    return [100 * hit / count if count else None for hit, count in zip(hits, counts, strict=True)]


def macro_average(of_classes: Sequence[float | None]) -> float:
    """The mean over the classes that have samples, each counting the same however many samples it has."""
    return fmean(value for value in of_classes if value is not None)


def calibration_error(probs: Tensor, labels: Tensor) -> float:
    """Expected calibration error in [0, 1] over 15 equal bins of confidence (Guo et al., ICML 2017)."""
    confidence, prediction = probs.double().max(1)
    correct = (prediction == labels).double()
    bins = (confidence * CALIBRATION_BINS).long().clamp_max(CALIBRATION_BINS - 1)
    # Σ over the bins of n_b/n · |accuracy_b − confidence_b| is the mean over n of the bins' summed differences.
    gaps = torch.zeros(CALIBRATION_BINS, dtype=torch.float64, device=probs.device)
    return gaps.index_add_(0, bins, correct - confidence).abs().sum().item() / len(labels)


def scores(log_probs: Tensor, labels: Tensor) -> dict[str, Any]:
    """The scores of one network in ``smkd eval``.

    Args:
        log_probs: (n, C), natural logarithms of probabilities.
        labels: (n,) int64.

    Returns:
        ``top1`` and ``top5`` (percent; top5 is None for fewer than 6 classes), ``nll`` (nats), ``ece`` (0 to 1),
        ``per_class`` (percent per class, None for a class without images) and ``macro`` (the mean of these).
    """
    classes = log_probs.shape[1]
    log_probs, labels = log_probs.cpu().double(), labels.cpu()
    hits = (log_probs.argmax(1) == labels).double()
    per_class = class_accuracies(log_probs, labels)
    top5 = None
    if classes > 5:
        top5 = 100 * (log_probs.topk(5, dim=1).indices == labels.unsqueeze(1)).any(1).double().mean().item()
    return {
        "top1": 100 * hits.mean().item(),
        "top5": top5,
        "nll": -log_probs.gather(1, labels.unsqueeze(1)).mean().item(),
        "ece": calibration_error(log_probs.exp(), labels),
        "macro": macro_average(per_class),
        "per_class": per_class,
    }
