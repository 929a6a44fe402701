"""Neither test labels nor clean labels can change the weights or the selection."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from smkd_cli.data.sources.digits import Digits

CELL = Path("tiny/smkd-p+mylc_symmetric-0.4_seed1")
TESTED = tuple(f"test_{name}_{who}" for name in ("accuracy", "macro_accuracy") for who in ("a", "b", "ensemble"))
KNOWN = ("clean_accuracy_a", "clean_accuracy_b", "precision_a_to_b", "precision_b_to_a")


def without(content, columns):
    metrics = [{name: value for name, value in row.items() if name not in columns} for row in content.pop("metrics")]
    return {**content, "metrics": metrics}


def test_other_test_labels_change_the_measurement_only(smkd, recipe, bits, assert_same, monkeypatch):
    options = ("train", recipe, "--set", "validation.fraction=0.2", "--jobs", 1)
    smkd(*options, "--runs", "honest")
    honest_labels = Digits.labels

    def poisoned(self, split):
        found = honest_labels(self, split)
        shuffled = np.random.default_rng(0).permutation(found.labels)
        return replace(found, labels=shuffled) if split == "test" else found

    monkeypatch.setattr(Digits, "labels", poisoned)
    smkd(*options, "--runs", "poisoned")
    assert_same(without(bits("honest" / CELL), TESTED), without(bits("poisoned" / CELL), TESTED))
    honest, poisoned_ = (json.loads((Path(runs) / CELL / "result.json").read_text()) for runs in ("honest", "poisoned"))
    assert honest["scores"]["selected"]["epoch"] == poisoned_["scores"]["selected"]["epoch"]
    assert honest["scores"]["last"]["mean"] != poisoned_["scores"]["last"]["mean"]


def test_clean_labels_are_for_statistics_only(smkd, recipe, bits, assert_same, tmp_path):
    content = smkd("corrupt", "-o", "-").out
    header, rows = content.split("index,image,clean_label,noisy_label\n")
    known = ("# realised_rate", "# clean_labels_sha256")
    header = "".join(
        f"{line.split(':')[0]}:\n" if line.startswith(known) else line for line in header.splitlines(keepends=True)
    )
    unknown = "".join("{0},{1},,{3}".format(*row.split(",")) for row in rows.splitlines(keepends=True))
    (tmp_path / "known.csv").write_text(content)
    (tmp_path / "unknown.csv").write_text(f"{header}index,image,clean_label,noisy_label\n{unknown}")
    runs = []
    for name in ("known", "unknown"):
        result = smkd("train", recipe, "--manifest", f"{name}.csv", "--runs", name)
        assert result.code == 0, result.err
        runs.append(Path(result.out.strip()))
    assert_same(without(bits(runs[0]), KNOWN), without(bits(runs[1]), KNOWN))
    assert ",,," in (runs[1] / "metrics.csv").read_text()
