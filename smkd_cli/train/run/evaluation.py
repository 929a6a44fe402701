"""What is measured of a pair after each epoch. Test labels live here and nowhere else in training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from smkd_cli.data import DataSet
from smkd_cli.data.augmentation import Augmentation, at_test
from smkd_cli.data.images.contract import Images
from smkd_cli.data.images.loading import Loading
from smkd_cli.data.images.place import placed
from smkd_cli.data.images.reader import ArrayReader, ChosenImages, ImageReader
from smkd_cli.scoring import accuracy, class_accuracies, macro_average, predict_both
from smkd_cli.train.machine.device import Machine
from smkd_cli.train.run.labels import TrainingLabels


class Evaluation:
    """Scores a pair.

    The test split and the noisy validation split stay inside: what comes out of :meth:`epoch` goes to the metrics and
    to nothing that training depends on.

    Args:
        dataset: whose test split is read.
        train: its training images.
        labels: of that; what is held out of it is the validation split.
        machine: where they are scored.
        loading: where images are kept.
        rules: of the augmentation of the training images; those that change their size change test images too.
    """

    def __init__(
        self,
        dataset: DataSet,
        train: ImageReader,
        labels: TrainingLabels,
        machine: Machine,
        loading: Loading,
        rules: Sequence[Augmentation] = (),
    ) -> None:
        bank = partial(
            placed,
            shape=dataset.image_shape,
            mean=dataset.mean,
            std=dataset.std,
            device=machine.device,
            augmentation=at_test(rules),
            memory_format=machine.memory_format,
            loading=loading,
        )
        self._machine = machine
        test = torch.from_numpy(dataset.labels("test").best)
        self._test = bank(dataset.images("test")), test.to(machine.device)
        self._validation: tuple[Images, Tensor] | None = None
        held_out = labels.held_out_indices
        if len(held_out):
            noisy_labels = torch.from_numpy(labels.noisy_labels[held_out]).to(machine.device)
            is_array = isinstance(train, ArrayReader)
            chosen = ArrayReader(train.read(held_out)) if is_array else ChosenImages(train, held_out)
            self._validation = bank(chosen), noisy_labels

    def epoch(self, networks: Sequence[nn.Module]) -> dict[str, float]:
        """Accuracies in percent: of each peer and of the averaged prediction on test, of each peer on validation.

        Those on test also averaged over the classes.
        """
        images: Images
        images, labels = self._test
        probs = [logits.softmax(1) for logits in self._predictions(networks, images)]
        predicted = dict(zip(("a", "b", "ensemble"), (*probs, probs[0] + probs[1]), strict=True))
        row = {f"test_accuracy_{whose}": accuracy(p, labels) for whose, p in predicted.items()}
        macro = {whose: macro_average(class_accuracies(p, labels)) for whose, p in predicted.items()}
        row |= {f"test_macro_accuracy_{whose}": value for whose, value in macro.items()}
        if self._validation is not None:
            images, noisy_labels = self._validation
            for peer, logits in zip("ab", self._predictions(networks, images), strict=True):
                row[f"validation_accuracy_{peer}"] = accuracy(logits, noisy_labels)
        return row

    def by_class(self, networks: Sequence[nn.Module]) -> dict[str, list[Any]]:
        """Of each class how many test images there are, and the accuracy of each peer in percent, None without any."""
        images, labels = self._test
        logits = self._predictions(networks, images)
        counts = torch.bincount(labels, minlength=logits[0].shape[1]).tolist()
        return {"test_images": counts} | {
            f"accuracy_{peer}": class_accuracies(one, labels) for peer, one in zip("ab", logits, strict=True)
        }

    def held_out_logits(self, networks: Sequence[nn.Module]) -> tuple[Tensor, Tensor, Tensor] | None:
        """Two networks' (h, C) on the noisy validation split, and its noisy labels (h,); None without a split."""
        if self._validation is None:
            return None
        images, noisy_labels = self._validation
        return *self._predictions(networks, images), noisy_labels

    def _predictions(self, networks: Sequence[nn.Module], images: Images) -> tuple[Tensor, Tensor]:
        return predict_both(networks, images, self._machine.precision, self._machine.both)


# When in a training the share of sent samples is recorded.
_MOMENTS = {"quarter": 0.25, "half": 0.5, "end": 1.0}


def summary(rows: Sequence[dict[str, Any]], has_validation: bool, samples: int) -> dict[str, dict[str, Any]]:
    """The scores of ``result.json``: at the last epoch, at the selected one, and at the best one; and what was sent.

    The selected epoch has the best mean accuracy on the noisy validation split (the earliest of equals), or is the last
    one where there is no split. The best epoch is chosen on the test set: an upper bound of the mean, no result; what
    each network reached at most stands there too. Only epochs of the last stage count.

    Args:
        samples: the training samples.
    """
    rows = [row for row in rows if row["stage"] == rows[-1]["stage"]]

    def scores(row: dict[str, Any]) -> dict[str, Any]:
        a, b = row["test_accuracy_a"], row["test_accuracy_b"]
        found = {"epoch": row["epoch"], "a": a, "b": b, "mean": (a + b) / 2, "ensemble": row["test_accuracy_ensemble"]}
        if "test_macro_accuracy_a" not in row:  # an epoch that an earlier version trained
            return found
        a, b, together = (row[f"test_macro_accuracy_{whose}"] for whose in ("a", "b", "ensemble"))
        return found | {"macro_a": a, "macro_b": b, "macro_mean": (a + b) / 2, "macro_ensemble": together}

    def mean(row: dict[str, Any], of: str) -> float:
        return float(row[f"{of}_accuracy_a"] + row[f"{of}_accuracy_b"])

    selected = max(rows, key=lambda row: mean(row, "validation")) if has_validation else rows[-1]
    best = max(rows, key=lambda row: mean(row, "test"))
    at_most = {f"max_{peer}": max(row[f"test_accuracy_{peer}"] for row in rows) for peer in "ab"}
    sent = {
        moment: _selection(rows[max(0, round(share * len(rows)) - 1)], samples) for moment, share in _MOMENTS.items()
    }
    return {
        "last": scores(rows[-1]),
        "selected": scores(selected) | {"by": "noisy validation" if has_validation else "last epoch"},
        "best": scores(best) | at_most | {"by": "test accuracy"},
        **({"sent": sent} if any(row["sent_a_to_b"] or row["sent_b_to_a"] for row in rows) else {}),
    }


def _selection(row: dict[str, Any], samples: int) -> dict[str, Any]:
    """What both peers sent in an epoch, of ``samples`` samples each."""
    ways = [(row[f"sent_{way}"], row[f"precision_{way}"]) for way in ("a_to_b", "b_to_a")]
    sent = sum(count for count, _ in ways)
    known = sent and all(precision is not None for count, precision in ways if count)
    precision = sum(count * precision for count, precision in ways if count) / sent if known else None
    return {"epoch": row["epoch"], "share": sent / (2 * samples), "precision": precision}
