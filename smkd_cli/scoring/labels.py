"""What a network made of the wrong labels it was trained on."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def label_scores(
    prediction: Tensor, refined: Tensor | None, noisy_labels: Tensor, clean_labels: Tensor
) -> dict[str, Any]:
    """Memorisation and correction of wrong training labels.

    Args:
        prediction: (n,) predicted classes.
        refined: (n,) classes of the largest entry of the refined labels q̃; None where they are not known.
        noisy_labels: (n,), which were trained on.
        clean_labels: (n,).

    Returns:
        ``wrong`` (how many noisy labels are wrong), and of these the fractions ``memorised`` (predicted as the wrong
        label), ``corrected`` (predicted as the clean one) and ``refined_corrected`` (q̃ points to the clean one);
        the fractions are None if no label is wrong.
    """
    wrong = noisy_labels != clean_labels
    count = int(wrong.sum())

    def share(hits: Tensor) -> float | None:
        return int((hits & wrong).sum()) / count if count else None

    return {
        "wrong": count,
        "memorised": share(prediction == noisy_labels),
        "corrected": share(prediction == clean_labels),
        "refined_corrected": None if refined is None else share(refined == clean_labels),
    }
