"""``smkd eval --split train`` says null of refined labels that a network's file alone does not define."""

from __future__ import annotations

import json

import pytest

SETTINGS = ["options={}", "seeds=[1]", "epochs=2", "compute={threads: 1}"]
HEAD = """\
import torch
from smkd_cli.methods.contract import *
from smkd_cli.methods.stages import Companion, Extra
from smkd_cli.methods.targets.ce import CE
"""
AVERAGE = "def companions(self): return (Companion('average', 'average'),)"
FEATURES = "def wants_features(self): return True"
EXTRA = "def extras(self): return (Extra('more', lambda classes, widths: torch.nn.Linear(classes, classes)),)"
DRAW = "def draw(self, random, batches, stage): return {'x': random.random(sum(batches))}"
INPUTS = "def inputs(self, own, other, batch, clock): return Inputs(batch.views[0], batch.onehot.roll(1, 1))"
OTHER = "softmax(1).detach()"


def refine(target):
    return f"def refine(self, own, batch, clock): return Refined({target})"


@pytest.fixture
def labels(smkd, tmp_path):
    """What ``smkd eval --split train`` writes about peer A's labels after two epochs of a method, and its words."""

    def score(method):
        settings = [f"methods=[{method}]", *SETTINGS]
        result = smkd("train", "quickstart", *(word for setting in settings for word in ("--set", setting)))
        assert result.code == 0, result.err
        result = smkd("eval", result.out.strip(), "--split", "train", "--trust-code")
        return result, json.loads(result.out)["labels"]["a"] if result.code == 0 else None

    return score


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([AVERAGE, refine(f"own.companions['average'].{OTHER}")], "networks beside this one"),
        ([AVERAGE, refine("batch.target if not own.companions else batch.target")], "networks beside this one"),
        ([EXTRA, refine(f"own.modules['more'](own.probs).{OTHER}")], "parameters that were trained beside"),
        ([FEATURES, refine(f"batch.target + 0 * own.features.sum().{OTHER[11:]}")], "feature maps"),
        ([DRAW, refine("batch.target * batch.drawn['x'].to(batch.target)[:, None]")], "random numbers"),
        ([refine("batch.target + 0 * batch.views[0].mean()")], "augmented images"),
        ([INPUTS], "makes its targets together with images"),
        (["def memory(self, samples, classes): return {'kept': (samples,)}"], "remembered of every sample"),
    ],
)
def test_what_is_not_known_is_null_and_said(labels, tmp_path, lines, why):
    body = "\n    ".join(["name = 'Mine'", *lines])
    (tmp_path / "mine.py").write_text(f"{HEAD}\nclass Mine(CE):\n    {body}\n")
    result, found = labels("mine.py:Mine")
    assert result.code == 0, result.err
    assert found["refined_corrected"] is None
    assert found["wrong"] > 0
    assert found["memorised"] is not None
    words = " ".join(result.err.split())
    assert "refined_corrected is null for peer a of" in words
    assert why in words


@pytest.mark.parametrize("method", ["BAN", "PCL", "M-DYR", "AFD"])
def test_methods_with_more_than_two_networks_are_scored(labels, method):
    result, found = labels(method)
    assert result.code == 0, result.err
    # What these refine is the noisy label itself, but for M-DYR, which corrects labels in each step.
    assert found["refined_corrected"] == (None if method == "M-DYR" else 0.0)


def test_code_that_does_otherwise_after_training_is_named(labels, tmp_path):
    text = f"{HEAD}\nclass Mine(CE):\n    name = 'Mine'\n"
    text += f"    {refine('batch.target if own.logits.requires_grad else 1 / 0')}\n"
    (tmp_path / "mine.py").write_text(text)
    result, _ = labels("mine.py:Mine")
    assert (result.code, "Traceback" in result.err) == (2, False)
    assert "ZeroDivisionError" in result.err
