"""Loads checkpoints and scores them on one split."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from smkd_cli import console, methods, networks
from smkd_cli.artifacts import results
from smkd_cli.artifacts.manifest import read_manifest
from smkd_cli.artifacts.peer import PeerFacts, TrainedCell, load_peer
from smkd_cli.artifacts.run_directory import RunDirectory
from smkd_cli.artifacts.tensors import difference
from smkd_cli.data import DataSet, Labels, OwnData
from smkd_cli.data.hold_out import held_out_of
from smkd_cli.data.images.contract import Images
from smkd_cli.data.images.place import placed
from smkd_cli.errors import DataError, MethodError, UnknownName, UsageError
from smkd_cli.evaluate.refined_labels import UndefinedLabelsError, refined_labels
from smkd_cli.evaluate.source import check_same, frozen_of, reference_of, rules_of
from smkd_cli.evaluate.trust import check_code
from smkd_cli.features import Frozen, dataset_of
from smkd_cli.networks.heads import Head
from smkd_cli.scoring import label_scores, predict, scores
from smkd_cli.words import plain, quoted, shown

_PEERS = ("a", "b")


class Evaluator:
    """Scores checkpoints; data sets are read once.

    Args:
        split: ``test`` against the clean test labels, ``train`` against the clean labels of the manifest.
        device: ``auto``, ``cpu`` or ``cuda``.
        data: folder of the data sets.
        trust_code: whether files of code that a checkpoint names may be run: its network, its data set, and, for
            training images, its method.
    """

    def __init__(self, split: Literal["test", "train"], device: str, data: Path, trust_code: bool = False) -> None:
        if device not in {"auto", "cpu", "cuda"}:
            raise UsageError(f"--device {shown(device)}: must be auto, cpu or cuda")
        if device == "cuda" and not torch.cuda.is_available():
            raise UsageError("--device cuda: this machine has no usable CUDA device")
        self.device = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
        self.split = split
        self.data = data
        self.trust_code = trust_code
        self._dataset = cache(partial(dataset_of, root=data))
        self._read: dict[tuple[str | OwnData, Frozen | None, str], tuple[Images, Labels]] = {}

    def _images(self, cell: TrainedCell, path: Path) -> tuple[Images, Labels]:
        """The images of the split as the networks of a cell see them, and their labels."""
        name, frozen, rules = reference_of(cell, path), frozen_of(cell, path), rules_of(cell, path)
        key = name, frozen, repr(cell.test_rules)
        if key not in self._read:
            dataset = self._dataset(name, frozen)
            images = dataset.images(self.split)
            shape, mean, std = dataset.image_shape, dataset.mean, dataset.std
            bank = placed(images, shape, mean, std, self.device, rules, torch.channels_last)
            self._read[key] = bank, dataset.labels(self.split)
        return self._read[key]

    def record(self, path: Path) -> dict[str, Any]:
        """The score record of a run directory (both peers) or of a ``.safetensors`` file (one network).

        Raises:
            DataError: something is missing or damaged.
        """
        files = [RunDirectory(path).peer(peer) for peer in _PEERS] if path.is_dir() else [path]
        if path.is_dir() and not all(file.is_file() for file in files):
            raise DataError(f"{shown(path)}: holds no trained pair; is it a run directory that has finished?")
        loaded = {facts.peer: (network, facts) for network, facts in map(self._load, files)}
        facts = next(iter(loaded.values()))[1]
        if len(loaded) < len(files) or any(other.record != facts.record for _, other in loaded.values()):
            raise DataError(f"{shown(path)}: its two files are not of one pair; was one copied there from elsewhere?")
        if self.split == "train":
            for _, about in loaded.values():
                check_code(path, methods.parts_of(about.cell.method), self.trust_code)
        bank, labelled = self._images(facts.cell, path)
        log_probs = {
            peer: networks.guarded(about.network, partial(_log_probs, network, bank, _precision(about)))
            for peer, (network, about) in loaded.items()
        }
        for peer, one in log_probs.items():
            if one.isnan().any():
                raise DataError(f"{shown(path)}: the predictions of peer {peer} are not finite: its training diverged")
        dataset = self._dataset(reference_of(facts.cell, path), frozen_of(facts.cell, path))
        noisy_labels, clean_labels = self._labels(path if path.is_dir() else path.parent, labelled, dataset)
        truth = torch.from_numpy(clean_labels)
        by_network = {peer: scores(one, truth) for peer, one in log_probs.items()}
        together = torch.stack(list(log_probs.values())).logsumexp(0) - float(np.log(len(log_probs)))
        labels = None
        if noisy_labels is not None:
            try:
                labels = {
                    peer: self._label_scores(loaded[peer][1], dataset, one, noisy_labels, clean_labels)
                    for peer, one in log_probs.items()
                }
            except MethodError:
                raise
            except ValueError as error:
                raise DataError(f"{shown(path)}: its method cannot be made again: {_reason(error)}") from error
        return {
            "schema": results.SCORES_SCHEMA,
            "checkpoint": str(path),
            "split": self.split,
            "images": len(truth),
            "class_names": list(dataset.class_names) if dataset.classes <= results.MOST_CLASSES else None,
            "cell": facts.record,
            "epochs": _epochs(path),
            "networks": by_network,
            "mean": _mean(list(by_network.values())),
            "ensemble": scores(together, truth),
            "labels": labels,
        }

    def _load(self, path: Path) -> tuple[nn.Module, PeerFacts]:
        weights, facts = load_peer(path)
        rules = [rule.name for rule in facts.cell.test_rules]
        check_code(path, (facts.network, facts.cell.dataset, *rules), self.trust_code)
        try:
            dataset = self._dataset(reference_of(facts.cell, path), frozen_of(facts.cell, path))
        except UnknownName as error:
            raise DataError(
                f"{shown(path)}: is of a data set {facts.cell.dataset!r:.80}, which is not known: {error}"
            ) from error
        check_same(facts.cell, dataset, path)
        try:
            networks.facts(facts.network)
        except UnknownName as error:
            raise DataError(
                f"{shown(path)}: is of a network {facts.network!r:.80}, which is not known: {error}"
            ) from error
        channels = dataset.seen_by(_PEERS.index(facts.peer), dataset.image_shape)[2]
        network = networks.build(facts.network, classes=len(dataset.class_names), channels=channels)
        if isinstance(network, Head) and dataset.parts is not None:
            network.part = dataset.parts[_PEERS.index(facts.peer)]

        def load() -> None:
            if wrong := difference(weights, network.state_dict()):
                raise DataError(
                    f"{shown(path)}: its weights are not those of a {facts.network} on {dataset.name}: {wrong}"
                )
            network.load_state_dict(weights)
            network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

        networks.guarded(facts.network, load)
        return network, facts

    def _labels(self, directory: Path, labelled: Labels, dataset: DataSet) -> tuple[np.ndarray | None, np.ndarray]:
        """The noisy labels (train split only), which were trained on, and the clean ones."""
        if self.split == "test":
            return None, labelled.best
        path = RunDirectory(directory).manifest
        if path.exists() and not path.is_file():
            raise DataError(f"{shown(path)}: is no file")
        manifest = read_manifest(path)
        if manifest.classes != dataset.classes:
            raise DataError(f"{shown(path)}: has {manifest.classes} classes, but the networks have {dataset.classes}")
        try:
            manifest = manifest.with_classes(dataset.class_names)
        except DataError as error:
            raise DataError(f"{shown(path)}: its classes are not those of {dataset.name}: {error}") from error
        noisy_labels, clean_labels = manifest.aligned_to(labelled.image_ids)
        if clean_labels is None:
            raise DataError(f"{shown(path)}: its clean labels are not known, so it is unknown which labels are wrong")
        return noisy_labels, clean_labels

    def _label_scores(
        self,
        facts: PeerFacts,
        dataset: DataSet,
        log_probs: Tensor,
        noisy_labels: np.ndarray,
        clean_labels: np.ndarray,
    ) -> dict[str, Any]:
        """Scores of the noisy labels, refined as by the method when training ended; ValueError: it cannot."""
        cell = facts.cell
        method = methods.build(cell.method, cell.options)
        train_indices, _ = held_out_of(dataset, cell.validation_fraction, cell.seed)
        noisy, clean = (torch.from_numpy(array).to(self.device) for array in (noisy_labels, clean_labels))
        memory = {name: torch.tensor(value, device=self.device) for name, value in facts.memory.items()}
        of = torch.from_numpy(train_indices).to(self.device)
        prediction = log_probs.argmax(1)
        try:
            refined = refined_labels(method, cell.method, memory, log_probs, noisy)[of]
        except UndefinedLabelsError as error:
            console.info(f"refined_corrected is null for peer {facts.peer} of {cell.method}: {error}")
            refined = None
        return label_scores(prediction[of], refined, noisy[of], clean[of])


def _log_probs(network: nn.Module, bank: Images, precision: torch.dtype) -> Tensor:
    return predict(network, bank, precision).log_softmax(1)


def _reason(error: ValueError) -> str:
    """Why a method cannot be made: of options, the first that is wrong."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"its option {plain('.'.join(map(str, first['loc'])))} is {quoted(first['input'])}: {plain(first['msg'])}"


def _epochs(path: Path) -> dict[str, Any] | None:
    """The scores in the result of a run directory."""
    result = RunDirectory(path).finished()
    return result.scores.model_dump(exclude_unset=True) if result and result.scores else None


def _precision(facts: PeerFacts) -> torch.dtype:
    """The precision that a network was trained, and measured, in."""
    return torch.bfloat16 if facts.written_by.precision == "bfloat16" else torch.float32


def _mean(networks_scores: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean over the networks of each single number."""
    count = len(networks_scores)
    keys = [key for key, value in networks_scores[0].items() if isinstance(value, float)]
    return {key: sum(of[key] for of in networks_scores) / count for key in keys} | (
        {} if networks_scores[0]["top5"] is not None else {"top5": None}
    )
