"""The CUDA path without a GPU: every method's step, and what a failed capture leaves, over a stand-in runtime."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pairs import BATCH, COMPUTE, DIVIDE, all_stages

from smkd_cli.data import augmentation

METHODS = list(all_stages())
CUDA = replace(COMPUTE, device="cuda", deterministic=True)
PRECISIONS = ("bfloat16", "float32")
PEERS = ("in_turn", "side_by_side")
# What the others do too, one way or another: selecting, learning together, asking a library, ranking.
FEW = ["SMKD-P+MyLC", "FFL", "DMI", "CDR"]


@pytest.fixture
def faults(standin):
    """What is wrong with the steps of these methods and compute configurations."""

    def of(configs, methods, sizes=(BATCH, BATCH), streamed=False, overrides=()):
        asked = {"configs": [one.record() for one in configs], "methods": methods, "sizes": sizes}
        asked |= {"streamed": streamed, "overrides": overrides}
        return standin("steps.py", json.dumps(asked))

    return of


@pytest.mark.slow
@pytest.mark.parametrize(
    ("peers", "precision"),
    [
        ("in_turn", "bfloat16"),
        pytest.param("side_by_side", "float32", marks=pytest.mark.long),
        pytest.param("in_turn", "float32", marks=pytest.mark.long),
        pytest.param("side_by_side", "bfloat16", marks=pytest.mark.long),
    ],
)
def test_every_method_is_captured_in_every_stage(faults, peers, precision):
    assert faults([replace(CUDA, step="captured", peers=peers, precision=precision)], METHODS) == []


@pytest.mark.slow
@pytest.mark.long
def test_every_method_goes_without_capturing(faults):
    configs = [replace(CUDA, peers=peers, precision=precision) for precision in PRECISIONS for peers in PEERS]
    assert faults(configs, METHODS) == []


def test_eager_steps_and_the_last_smaller_batch(faults):
    """Where steps are captured, the smaller batch has a graph of its own."""
    configs = [replace(CUDA, peers=peers, precision=precision) for precision in PRECISIONS for peers in PEERS]
    configs += [replace(CUDA, step="captured", peers=peers) for peers in PEERS]
    assert faults(configs, FEW, sizes=[BATCH, BATCH // 2, BATCH, BATCH // 2]) == []


def test_images_from_the_host_are_put_into_place_before_a_captured_step(faults):
    """While capturing, a tensor of the host would be an error."""
    configs = [replace(CUDA, step="captured", peers=peers) for peers in PEERS]
    assert faults(configs, [FEW[0], DIVIDE], sizes=[BATCH, BATCH // 2, BATCH], streamed=True) == []


RULES = [
    *({"name": name} for name in ("color_jitter", "rand_augment", "random_erasing", "crop", "flip")),
    *({"name": name, "size": size} for name, size in (("random_crop", 28), ("resize", 26), ("center_crop", 24))),
    {"name": "random_resized_crop", "size": 16},
]


def test_every_augmentation_is_captured(faults):
    """Nothing in a rule waits for the device or makes a tensor of the host."""
    overrides = ["dataset=cifar10", f"augmentation={json.dumps({'crop_padding': 4, 'flip': True, 'rules': RULES})}"]
    assert {rule["name"] for rule in RULES} == set(augmentation.names())
    assert faults([replace(CUDA, step="captured", peers="side_by_side")], ["CE"], overrides=overrides) == []


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_images_are_captured(faults, name):
    overrides = [f"augmentation={{crop_padding: 1, flip: true, mix: {name}}}"]
    configs = [replace(CUDA, step="captured", peers=peers) for peers in PEERS]
    assert faults(configs, ["SMKD-P+MyLC"], sizes=[BATCH, BATCH // 2, BATCH], overrides=overrides) == []


def test_what_cannot_be_captured_is_noticed(faults):
    reasons = {"Reads": "_local_scalar_dense", "Chooses": "nonzero", "Makes": "a tensor of the host"}
    methods = [f"{Path(__file__).with_name('asking.py')}:{name}" for name in reasons]
    found = faults([replace(CUDA, step="captured")], methods)
    for fault, (name, reason) in zip(found, reasons.items(), strict=True):
        assert f":{name}, " in fault
        assert reason in fault


def test_a_wrong_method_is_no_reason_to_step_eagerly(faults):
    (found,) = faults([replace(CUDA, step="captured")], [f"{Path(__file__).with_name('asking.py')}:Misses"])
    assert "asking.py:Misses: loss should give a loss () of floats on cuda:0, not (16,) of float32" in found
    assert "cannot be captured" not in found


@pytest.mark.parametrize(
    ("name", "otherwise"),
    [
        ("goes well", {}),
        ("synchronizes", {"impossible": "CUDA error: operation not permitted when stream is capturing"}),
        ("warns", {"impossible": "as an error"}),
        ("breaks", {"impossible": "of its own"}),
        ("takes too much", {"raised": "OutOfMemoryError"}),
    ],
)
def test_a_failed_capture_leaves_nothing_behind(standin, name, otherwise):
    found = standin("captures.py", name)
    assert found.pop("megabytes") < 100
    assert found == {"raised": None, "impossible": None, "default stream": True, "collecting": True, **otherwise}


@pytest.mark.parametrize("failing", [0, 1])
def test_a_failed_capture_spares_those_that_share_its_memory(standin, failing):
    names = ["synchronizes", "goes well"] if failing == 0 else ["goes well", "synchronizes"]
    found = standin("captures.py", *names)
    assert found.pop("megabytes") < 100
    assert found == {"impossible": [failing == 0, failing == 1]}


def test_under_what_circumstances_a_step_is_captured(standin):
    assert standin("captures.py") == {
        "captured": 1,
        "streams": 1,
        "collecting while capturing": False,
        "collected before": 3,
        "collected while capturing": False,
    }
