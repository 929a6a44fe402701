"""What is measured of a network's predictions: the same functions for an epoch of training and for ``smkd eval``."""

from smkd_cli.scoring.labels import label_scores
from smkd_cli.scoring.metrics import accuracy, class_accuracies, macro_average, scores
from smkd_cli.scoring.precision import mixed_precision
from smkd_cli.scoring.predict import predict, predict_both

__all__ = [
    "accuracy",
    "class_accuracies",
    "label_scores",
    "macro_average",
    "mixed_precision",
    "predict",
    "predict_both",
    "scores",
]
