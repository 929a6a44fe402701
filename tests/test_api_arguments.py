"""What the functions of the Python API take, in which threads, and how they refuse: our errors, in Python's words."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from data_sets import DATA
from safetensors.torch import load_file
from settled import COMPUTE, SETTLED

import smkd_cli
import smkd_cli.api as smkd
from smkd_cli.methods.contract import Method, Refined, cross_entropy
from smkd_cli.methods.exchange.static import Static

SMALL = {"methods": ["CE"], "options": {}, "seeds": [1], "epochs": 1, "compute": SETTLED}


class Halved(smkd.TargetRule):
    """Half of the label, half of the prediction."""

    share: float = 0.5

    def refine(self, own, batch, clock):
        return Refined(batch.target * (1 - self.share) + own.probs.detach() * self.share)


class Plain(Method):
    """Cross entropy."""

    name = "Plain"

    def loss(self, own, other, batch, clock):
        return cross_entropy(batch.onehot, own).mean()


# Names


def test_the_package_has_the_names_of_the_api_but_those_of_packages():
    assert set(smkd.__all__) - {"train", "methods"} == set(smkd_cli.__all__) - {"api", "__version__"}
    assert smkd_cli.__all__ == sorted(smkd_cli.__all__)
    assert set(smkd_cli.__all__) <= set(dir(smkd_cli))
    for name in set(smkd_cli.__all__) & set(smkd.__all__):
        assert getattr(smkd_cli, name) is getattr(smkd, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = smkd_cli.nothing


def test_importing_the_package_loads_nothing_and_a_star_gives_public_names():
    code = (
        "import sys, smkd_cli; dir(smkd_cli)\n"
        "loaded = {'torch', 'pandas', 'numpy', 'pydantic', 'smkd_cli.api'} & sys.modules.keys()\n"
        "before = {*globals(), 'before'}\n"
        "from smkd_cli import *\n"
        "print(sorted(loaded), sorted(set(globals()) - before - set(smkd_cli.__all__)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[] []\n", "")


# Methods


def test_rules_of_ones_own_are_methods():
    logits, labels = torch.randn(4, 3), torch.arange(4) % 3
    for made in (
        smkd.method(Halved, share=0.25),
        smkd.method(Halved(share=0.25)),
        smkd.method("Zero", Halved, share=0.25),
        smkd.method(smkd.method(Halved, share=0.25)),
    ):
        pair = smkd.PairLoss(made, labels, 3)
        pair(logits, logits, labels, torch.arange(4))
        wanted = 0.75 * torch.nn.functional.one_hot(labels, 3) + 0.25 * logits.softmax(1)
        torch.testing.assert_close(pair.refined[0].target, wanted)
    assert smkd.method("SMKD-S", Halved, eta=2.0, share=0.1) == smkd.method(Static(eta=2.0), Halved(share=0.1))
    assert smkd.method("MKD+LS") == smkd.method("MKD", "LS")
    assert isinstance(smkd.method(Plain), Plain)
    assert isinstance(smkd.method(Plain()), Plain)


@pytest.mark.parametrize(
    ("rules", "options", "words"),
    [
        ((), {}, "a method is one name or rule"),
        (("CE", "LS", "CP"), {}, "a method is one name or rule"),
        ((3,), {}, "not of int 3"),
        ((int,), {}, "not of type"),
        ((Halved, "SMKD-S"), {}, "an exchange rule and a target rule"),
        ((Static,), {}, "SMKD-S is an exchange rule: give a target rule too"),
        ((Halved,), {"shares": 1.0}, "unknown option of Zero.Halved 'shares'; did you mean share?"),
        ((Halved,), {"share": "much"}, "Halved: share should be a number, not 'much'"),
        ((Halved(),), {"share": 0.5}, "unknown option of Zero.Halved 'share'; there are"),
        (("SMKD-S+MyLC",), {"rho": 2.0}, "MyLC: rho should be less than or equal to 1, not 2.0"),
        (("SMKD-S+MyLC",), {"rho": 2.0, "b1": "x"}, "b1 should be a number, not 'x'; MyLC: rho should"),
        (("T2S-KD",), {}, "T2S-KD needs teacher: path of a trained"),
        (("SMKD-S+Nothing",), {}, "unknown method 'Nothing'"),
    ],
)
def test_a_wrong_method_is_refused_with_words(rules, options, words):
    with pytest.raises(smkd.UsageError, match=words) as error:
        smkd.method(*rules, **options)
    assert isinstance(error.value, ValueError)
    assert "pydantic" not in str(error.value)
    assert "validation error" not in str(error.value)


def test_what_a_named_rule_raises_is_reported_with_its_file(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from smkd_cli.methods.targets.ce import CE\n\n"
        "class Mine(CE):\n    name = 'Mine'\n    def stages(self, epochs): return 1 / 0\n"
    )
    with pytest.raises(smkd.UsageError, match=r"mine.py:Mine.*ZeroDivisionError"):
        smkd.method(f"{tmp_path}/mine.py:Mine")
    with pytest.raises(smkd.UsageError, match=r"mine.py:Mine.*ZeroDivisionError"):
        smkd.method("SMKD-S", f"{tmp_path}/mine.py:Mine")


# Arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"recipe": 3}, "recipe should be a path, not int 3"),
        ({"recipe": {"methods": [object()]}}, "recipe.methods.0 should be a text, a number, a list or a mapping"),
        ({"recipe": {3: 4}}, "a key of recipe should be text"),
        ({"overrides": "epochs=1"}, "overrides should be a list of texts, not str 'epochs=1'"),
        ({"overrides": [3]}, "overrides should be a list of texts"),
        ({"overrides": {"epochs": object()}}, "epochs should be a text, a number"),
        ({"profile": 3}, "profile should be a path"),
        ({"manifest": 3}, "manifest should be a path"),
        ({"cells": 3}, "cells should be a list of texts"),
        ({"cells": "nothing*"}, "cells nothing.: no cell is called so"),
        ({"runs": None}, "runs should be a path, not NoneType None"),
        ({"data": b"data"}, "data should be a path"),
        ({"jobs": 0}, "jobs should be a whole number from 1 on, not int 0"),
        ({"jobs": True}, "jobs should be a whole number"),
        ({"jobs": "two"}, "jobs should be a whole number"),
        ({"device": "gpu"}, "^.*device gpu: must be auto, cpu or cuda"),
        ({"device": 0}, "device should be text"),
        ({"dataset": ""}, "dataset should be text"),
        ({"executor": "slrm"}, "unknown executor 'slrm'"),
        ({"deterministic": 1}, "deterministic should be True or False"),
        ({"wait": "no"}, "wait should be True or False"),
        ({"report": "all"}, "report should be a function"),
    ],
)
def test_a_wrong_argument_of_train_is_named(tmp_path, arguments, words):
    with pytest.raises(smkd.UsageError, match=words) as error:
        smkd.train(**({"recipe": "quickstart", "overrides": SMALL, "runs": tmp_path, "data": DATA} | arguments))
    assert isinstance(error.value, ValueError)
    assert "--" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: smkd.load_recipe("quickstart", ["epochs=none"]), "^overrides epochs=none: epochs: should be a whole"),
        (lambda: smkd.load_recipe("quickstart", {"epochs": "x"}), '^overrides epochs="x": epochs: should be a whole'),
        (lambda: smkd.load_recipe("quickstart", ["epochs"]), "is not KEY=VALUE, for example overrides optimizer.lr"),
        (lambda: smkd.load_recipe("quickstart", profile="none"), "^profile none: unknown profile"),
        (lambda: smkd.load_recipe({"dataset": "digits"}), "recipe: methods: is missing"),
        (lambda: smkd.load_recipe({"methods": ["CE"], "networks": "x" * 3}), "recipe: "),
        (lambda: smkd.load_recipe("finetune"), "trained on; give dataset NAME or PATH, or the key in the recipe"),
        (lambda: smkd.load_recipe("quickstart", dataset="digit"), "^dataset digit: dataset: unknown .* mean digits"),
        (lambda: smkd.load_recipe("quickstart", dataset=3), "dataset should be a path"),
        (lambda: smkd.load_recipe("nosuch"), "unknown recipe 'nosuch'"),
        (lambda: smkd.network("small_resnet", "10"), "classes should be a whole number from 2 on, not str '10'"),
        (lambda: smkd.network("small_resnet", 10, 0), "channels should be"),
        (lambda: smkd.network(3, 10), "name should be text"),
        (lambda: smkd.dataset(None), "name should be text"),
        (lambda: smkd.dataset("digit", DATA), "did you mean digits"),
        (lambda: smkd.Run(3), "path should be that of a run directory"),
        (lambda: smkd.corrupt_labels([0, 7], kind="symmetric", rate=0.4, classes=3, seed=1), "label 7 at index 1"),
        (lambda: smkd.corrupt_labels([0, 1], kind="symetric", rate=0.4, classes=3, seed=1), "did you mean symmetric"),
        (lambda: smkd.transition_matrix("symmetric", 1.5, 3), "noise rate 1.5 is not in"),
    ],
)
def test_a_mistake_is_a_value_error_of_ours(work, words):
    with pytest.raises(ValueError, match=words) as error:
        work()
    assert isinstance(error.value, smkd.SmkdError)
    assert "--" not in str(error.value)


def test_a_path_is_no_name_of_a_data_set():
    assert smkd.load_recipe("quickstart", dataset="digits").dataset.name == "digits"
    with pytest.raises(smkd.DataError, match="digits: is no folder of images"):
        smkd.load_recipe("quickstart", dataset=Path("digits"))


ODD = [None, 3, -1, 1.5, float("nan"), "x", "", b"x", [], [None], {}, object(), True, np.zeros((2, 2)), "a\0b"]
ODD += [torch.zeros(2), [[1], [1, 2]]]
CORRUPT = {"labels": [0, 1, 2], "kind": "symmetric", "rate": 0.4, "classes": 3, "seed": 1, "sampling": "exact"}
TAKES = {
    **{
        f"corrupt_labels {name}": lambda odd, name=name: smkd.corrupt_labels(**CORRUPT | {name: odd})
        for name in (*CORRUPT, "dataset")
    },
    "transition_matrix kind": lambda odd: smkd.transition_matrix(odd, 0.4, 3),
    "transition_matrix rate": lambda odd: smkd.transition_matrix("symmetric", odd, 3),
    "transition_matrix classes": lambda odd: smkd.transition_matrix("symmetric", 0.4, odd),
    "read_manifest": smkd.read_manifest,
    "write_manifest": lambda odd: smkd.write_manifest("m.csv", odd),
    "expand": smkd.expand,
    "method": smkd.method,
    "method of": lambda odd: smkd.method("SMKD-S+MyLC", eta=odd),
    "network": lambda odd: smkd.network(odd, 10),
    "network of": lambda odd: smkd.network("small_resnet", odd),
    "dataset": smkd.dataset,
    "dataset in": lambda odd: smkd.dataset("digits", odd),
    "load_recipe": smkd.load_recipe,
    "load_recipe with": lambda odd: smkd.load_recipe("quickstart", odd),
    "load_recipe for": lambda odd: smkd.load_recipe("quickstart", profile=odd),
    "Run": smkd.Run,
}


@pytest.mark.parametrize("called", TAKES)
def test_no_value_ends_in_an_error_of_another_kind(called, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for odd in ODD:
        with suppress(smkd.SmkdError):
            TAKES[called](odd)


def test_numbers_of_numpy_are_numbers():
    plain = smkd.corrupt_labels(**CORRUPT)
    odd = CORRUPT | {"classes": np.int64(3), "rate": np.float64(0.4), "seed": np.uint8(1), "labels": np.arange(3)}
    assert np.array_equal(plain, smkd.corrupt_labels(**odd))


def test_a_recipe_is_a_name_a_path_a_dict_or_a_recipe(tmp_path):
    text = {"dataset": "digits", "networks": "small_resnet", "epochs": np.int64(3), "methods": ("CE", {"name": "LS"})}
    made = smkd.load_recipe(text | {"noise": [{"kind": "symmetric", "rate": 0.4}]}, {"optimizer.lr": 1e-05}, data=DATA)
    assert (made.name, made.epochs, made.optimizer.lr) == ("recipe", 3, 1e-05)
    assert smkd.load_recipe(made, data=DATA) == made
    (cell, *_) = smkd.expand(made)
    (tmp_path / "own.yaml").write_text(cell.to_yaml())
    assert smkd.load_recipe(tmp_path / "own.yaml", data=DATA) == smkd.load_recipe(str(tmp_path / "own.yaml"), data=DATA)


def test_a_dict_trains_as_its_file_does_and_its_networks_are_given(tmp_path):
    recipe = smkd.load_recipe("quickstart", SMALL, data=DATA)
    (one,) = smkd.train(recipe, runs=tmp_path / "one", data=DATA, device="cpu")
    (two,) = smkd.train("quickstart", SMALL, runs=tmp_path / "two", data=DATA, device="cpu", jobs="auto", cells="ce_*")
    digits = smkd.dataset("digits", DATA)
    images = torch.from_numpy(digits.images("test").read(np.arange(360))).permute(0, 3, 1, 2) / 255
    images = (images - torch.tensor(digits.mean).view(1, -1, 1, 1)) / torch.tensor(digits.std).view(1, -1, 1, 1)
    for peer in "ab":
        weights = load_file(two.path / f"peer_{peer}.safetensors")
        torch.manual_seed(5)
        network = one.network(peer)
        assert torch.initial_seed() == 5
        assert not network.training
        for name, value in network.state_dict().items():
            assert torch.equal(value, weights[name]), name
        with torch.no_grad():
            right = network(images).argmax(1).numpy() == digits.labels("test").labels
        assert 100 * right.mean() == pytest.approx(getattr(one.result.scores.last, peer))
    with pytest.raises(smkd.UsageError, match="peer should be 'a' or 'b', not 'c'"):
        one.network("c")
    with pytest.raises(smkd.UsageError, match="peer should be"):
        one.weights(0)


# Threads and streams


def in_threads(works):
    """What each piece of work gives or raises, all done at once."""
    found = [None] * len(works)

    def do(number):
        try:
            found[number] = works[number]()
        except BaseException as error:
            found[number] = error

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_training_in_threads_gives_the_same_bits(tmp_path):
    overrides = [SMALL | {"methods": [name]} for name in ("CE", "LS")]
    alone = [smkd.train("quickstart", each, runs=tmp_path / "alone", data=DATA, device="cpu")[0] for each in overrides]
    state = torch.get_rng_state()
    found = in_threads(
        [lambda each=each: smkd.train("quickstart", each, runs=tmp_path / "beside", data=DATA) for each in overrides]
    )
    assert torch.equal(state, torch.get_rng_state())
    for wanted, runs in zip(alone, found, strict=True):
        for peer in "ab":
            got = runs[0].weights(peer)
            for name, value in wanted.weights(peer).items():
                assert torch.equal(value, got[name]), name


def test_training_in_a_thread_may_use_processes(tmp_path):
    overrides = SMALL | {"methods": ["CE", "LS"]}
    (runs,) = in_threads([lambda: smkd.train("quickstart", overrides, runs=tmp_path, data=DATA, jobs=2, device="cpu")])
    assert len(runs) == 2


def test_a_report_cannot_train(tmp_path):
    def report(cell, event):
        smkd.train("quickstart", SMALL | {"seeds": [2]}, runs=tmp_path, data=DATA)

    with pytest.raises(smkd.UsageError, match="report is called while a cell is trained"):
        smkd.train("quickstart", SMALL, runs=tmp_path, data=DATA, device="cpu", report=report)
    assert len(smkd.train("quickstart", SMALL, runs=tmp_path, data=DATA, device="cpu")) == 1


def test_no_handler_of_a_signal_is_left(tmp_path):
    import signal

    numbers = [signal.SIGINT, signal.SIGTERM]
    before = [signal.getsignal(number) for number in numbers]
    smkd.train("quickstart", SMALL, runs=tmp_path, data=DATA, device="cpu")
    assert [signal.getsignal(number) for number in numbers] == before


WARNS = """\
from smkd_cli import console
from smkd_cli.methods.targets.ce import CE

class Warns(CE):
    \"\"\"CE that has something to say.\"\"\"
    name = "Warns"

    def after_epoch(self, memory, clock, predictions):
        console.warn("from a method")
"""


def test_warnings_of_worker_processes_go_to_the_logger(tmp_path):
    (tmp_path / "warns.py").write_text(WARNS)
    (tmp_path / "script.py").write_text(
        "import logging, sys\nimport smkd_cli.api as smkd\n"
        "settings = {'methods': ['CE', 'warns.py:Warns'], 'options': {}, 'seeds': [1], 'epochs': 1,\n"
        f"            'compute': {SETTLED}}}\n"
        f"options = {{'jobs': 2, 'device': 'cpu', 'data': {str(DATA)!r}}}\n"
        "smkd.train('quickstart', settings, runs='one', **options)\n"
        "print('now shown')\n"
        "logging.basicConfig(stream=sys.stdout, format='%(name)s: %(message)s')\n"
        "smkd.train('quickstart', settings, runs='two', **options)\n"
    )
    command = [sys.executable, "-W", "error", "script.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "now shown\n" + "smkd: from a method\n" * 2
    assert (tmp_path / "one").is_dir()


def test_a_command_shows_the_warnings_of_its_workers(smkd_process, tmp_path):
    (tmp_path / "warns.py").write_text(WARNS)
    settings = ["methods=[CE, warns.py:Warns]", "options={}", "seeds=[1]", "epochs=1", COMPUTE]
    done = smkd_process("train", "quickstart", "--jobs", "2", *(word for each in settings for word in ("--set", each)))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: from a method") == 2
