"""A data source that is not ours, and wrong in what it gives: it is named, and nothing of NumPy or torch is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smkd_cli import api, data
from smkd_cli.data.dataset import Archive, DataSet
from smkd_cli.errors import DataError

Smkd = Callable[..., Any]
SOURCE = """\
import numpy as np
from smkd_cli.data import DataSet, Labels

class Reader:
    def __len__(self):
        return 20

    def read(self, indices):
        return np.full((len(indices), 8, 8, 1), 7, np.uint8)

class Own(DataSet):
    name = "own"
    class_names = ("a", "b")
    image_shape = (8, 8, 1)
    train_size = test_size = 20
    mean, std = (0.5,), (0.5,)
    extra = "more"

    def labels(self, split):
        labels, ids = np.arange(20) % 2, np.array([f"{split}/{n}" for n in range(20)])
        return Labels(labels, ids)

    def images(self, split):
        return Reader()
"""
SMALL = ["--set", "epochs=1", "--set", "seeds=[1]", "--set", "methods=[CE]", "--set", "options={}"]
SMALL += ["--set", "batch_size=10", "--set", "networks=small_resnet", "--set", "dataset=own.py:own"]
FACTS = {
    "name = '\\n'": "name should be text, at most 100 printable characters",
    "class_names = 3": "class_names should be a tuple of 2 to 100000 names, not 3",
    "class_names = ('a',)": "class_names should be a tuple",
    "class_names = 'ab'": "class_names should be a tuple",
    "class_names = (0, 1)": "class_names should be a tuple",
    "image_shape = (8, 8)": "image_shape should be three positive whole numbers (H, W, C), not (8, 8)",
    "image_shape = (8, 8, 0)": "image_shape should be three",
    "image_shape = (8.0, 8, 1)": "image_shape should be three",
    "image_shape = None": "image_shape should be three",
    "train_size = -1": "train_size should be a positive whole number, not -1",
    "test_size = 0": "test_size should be",
    "test_size = '9'": "test_size should be",
    "mean = 0.5": "mean should be finite numbers, one per channel, not 0.5",
    "mean = (0.5, 0.5, 0.5)": "mean should be 1 numbers, one per channel of image_shape",
    "mean = (float('nan'),)": "mean should be finite",
    "std = (0.0,)": "std should be finite positive numbers",
    "std = (10 ** 400,)": "std should be finite",
    "knows_clean_labels = 'no'": "knows_clean_labels should be True or False, not no",
    "archive = 'x.tar'": "archive should be an Archive or None",
    "train_size = property(lambda self: self.nothing)": "train_size: AttributeError",
    "train_size = property(lambda self: exit(0))": "train_size: SystemExit: 0",
    "__init__ = lambda self, root: exit(0)": "cannot be used: SystemExit: 0",
    "__init__ = lambda self: None": "cannot be used: TypeError",
}
LABELS = {
    "return 3": "should be Labels, not int",
    "exit(0)": "SystemExit: 0",
    "raise KeyError(split)": "KeyError",
    "labels = labels / 2": "should have labels int64 (n,), not float64 (20,)",
    "labels = labels[:, None]": "should have labels int64 (n,), not int64 (20, 1)",
    "labels = [[1], []]": "ValueError",
    "labels = labels[1:]": "has 19 labels, but train_size is 20",
    "ids = ids[1:]": "has 19 image_ids, but train_size is 20",
    "ids = np.arange(20)": "should have image_ids str (n,), not int64 (20,)",
    "ids[3] = ids[2]": "should have unique image_ids; repeated are train/2",
    "labels[7] = 2": "has the label 2 at index 7, not in 0 … 1",
    "labels[7] = -1": "has the label -1 at index 7",
    "return Labels(labels, ids, trusted=False)": "says otherwise than knows_clean_labels, that it knows the right",
    "return Labels(labels, ids, False, labels[1:])": "should have verified int64 (20,), not int64 (19,)",
    "return Labels(labels, ids, False, labels + 1)": "has verified labels that are not in 0 … 1",
}
IMAGES = {
    "return 3": "read should return uint8 (1, 8, 8, 1), not int",
    "exit(0)": "SystemExit: 0",
    "return np.zeros((len(indices), 8, 8, 1))": "should return uint8 (1, 8, 8, 1), not float64 (1, 8, 8, 1)",
    "return np.zeros((len(indices), 8, 8, 3), np.uint8)": "not uint8 (1, 8, 8, 3)",
    "return np.zeros((len(indices), 1, 8, 8), np.uint8)": "not uint8 (1, 1, 8, 8)",
    "return np.zeros((1 + len(indices), 8, 8, 1), np.uint8)": "not uint8 (2, 8, 8, 1)",
    "return [None][indices[0] + 1]": "IndexError",
}


def write(code: str) -> None:
    Path("own.py").write_text(code)


def reports(result: Any, problem: str) -> None:
    assert (result.code, result.out) == (4, ""), result.err
    assert "data set own.py:own" in result.err
    assert problem in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("fact", FACTS)
def test_wrong_facts(fact: str, smkd: Smkd) -> None:
    write(SOURCE.replace('    extra = "more"\n', f"    {fact}\n"))
    if fact.startswith("name"):
        assert smkd("corrupt", "--dataset", "own.py:own").code == 2
        return
    for command in (("corrupt", "--dataset", "own.py:own"), ("recipes", "validate", "quickstart", *SMALL)):
        reports(smkd(*command), FACTS[fact])


@pytest.mark.parametrize("line", LABELS)
def test_wrong_labels(line: str, smkd: Smkd) -> None:
    write(SOURCE.replace("        return Labels", f"        {line}\n        return Labels"))
    for command in (("corrupt", "--dataset", "own.py:own"), ("train", "quickstart", *SMALL, "--jobs", 1)):
        reports(smkd(*command), f'labels("train"){": " if "Error" in LABELS[line] or "Exit" in LABELS[line] else " "}')
        reports(smkd(*command), LABELS[line])


@pytest.mark.parametrize("line", IMAGES)
def test_wrong_images(line: str, smkd: Smkd) -> None:
    write(SOURCE.replace("        return np.full", f"        {line}\n        return np.full"))
    reports(smkd("train", "quickstart", *SMALL, "--jobs", 1), 'images("train").read')
    dataset = data.find("own.py:own", Path())
    with pytest.raises(DataError) as caught:
        dataset.images("train").read(np.zeros(1, np.int64))
    assert IMAGES[line] in str(caught.value)
    reports(smkd("datasets", "verify", "own.py:own"), "read")


@pytest.mark.parametrize(("line", "problem"), [("return 19", "has 19 images, but"), ("return 'x'", "TypeError")])
def test_a_wrong_number_of_images(line: str, problem: str, smkd: Smkd) -> None:
    write(SOURCE.replace("        return 20", f"        {line}"))
    reports(smkd("train", "quickstart", *SMALL, "--jobs", 1), problem)


@pytest.mark.parametrize("code", ["images = None", "files = lambda self: 3", "missing = lambda self: exit(0)"])
def test_other_answers(code: str, smkd: Smkd) -> None:
    write(SOURCE + f"    {code}\n")
    command = ("train", "quickstart", *SMALL) if code.startswith("missing") else ("datasets", "verify", "own.py:own")
    reports(smkd(*command), "cannot be used: ")


def test_labels_that_nobody_knows_to_be_right(smkd: Smkd) -> None:
    write(
        SOURCE.replace("extra = ", "knows_clean_labels = False\n    extra = ").replace(
            "(labels, ids)", "(labels, ids, False)"
        )
    )
    clean = smkd("recipes", "validate", "quickstart", *SMALL, "--set", "noise=[{kind: clean}]")
    assert (clean.code, "not known, so they are not clean" in clean.err) == (3, True), clean.err
    given = smkd("corrupt", "--dataset", "own.py:own", "--kind", "given", "-o", "-")
    assert (given.code, "0,train/0,,0" in given.out) == (0, True), given.err


def test_the_content_of_images_is_their_pixels(smkd: Smkd) -> None:
    write(SOURCE)
    before = data.find("own.py:own", Path()).content("train")
    write(SOURCE.replace("7, np.uint8", "8, np.uint8").replace("class Own", "class Other").replace('"own"', '"other"'))
    Path("own.py").rename("other.py")  # the same ids, other pixels
    assert data.find("other.py:other", Path()).content("train") != before


def test_a_split_that_is_none(smkd: Smkd) -> None:
    code = SOURCE.replace("DataSet, Labels", "Labels").replace("(DataSet)", "(ArraySource)").partition("    def labels")
    write(
        f"from smkd_cli.data.sources.arrays import ArraySource\n{code[0]}    def read(self, split):\n        return 3\n"
    )
    reports(smkd("corrupt", "--dataset", "own.py:own"), "read should return a Split, not int")


def test_a_sound_source_is_what_it_is(smkd: Smkd) -> None:
    code = SOURCE.replace("np.arange(20) % 2", "np.arange(20, dtype=np.uint8) % 2")
    code = code.replace("return np.full(", "print('hello')\n        return np.broadcast_to(np.uint8(7), ")
    write(code.replace(", 7, np.uint8)", ")"))
    dataset = api.dataset("own.py:own", "here")
    assert isinstance(dataset, DataSet)
    assert (dataset.extra, dataset.root) == ("more", Path("here"))  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = dataset.nothing  # type: ignore[attr-defined]
    assert dataset.labels("test").labels.dtype == np.int64
    assert dataset.images("test").read([0, 1]).flags.c_contiguous  # type: ignore[arg-type]
    result = smkd("train", "quickstart", *SMALL, "--jobs", 1)
    assert result.code == 0, result.err
    assert result.out == "runs/quickstart/ce_symmetric-0.4_seed1\n"


def test_ctrl_c_is_not_an_error_of_the_source(smkd: Smkd) -> None:
    write(SOURCE.replace("        return Labels", "        raise KeyboardInterrupt\n        return Labels"))
    with pytest.raises(KeyboardInterrupt):
        data.find("own.py:own", Path()).labels("train")


@pytest.mark.parametrize("when", ["__init__", "missing", "files"])
def test_a_source_of_a_package_that_is_broken_is_listed_and_stops_nothing(
    smkd: Smkd, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    class Broken(DataSet):
        name = "broken"
        class_names = ("a", "b")
        image_shape = (8, 8, 1)
        train_size = test_size = 20
        mean, std = (0.5,), (0.5,)
        archive = Archive("http://127.0.0.1:9/x.tar", "0", {})

        def labels(self, split: str) -> Any: ...

        def images(self, split: str) -> Any: ...

    def fail(*_: object) -> None:
        raise KeyError("facts")

    setattr(Broken, when, fail)
    offered = data.REGISTRY.offered
    monkeypatch.setitem(offered.found, "broken", ("broken", Broken))
    monkeypatch.setitem(offered.packages, "broken", "package outside")
    monkeypatch.setitem(offered.refused, "worse", "package other: worse: ImportError: no")
    for command in ("ls", "verify"):
        result = smkd("datasets", command)
        assert result.code == 0, result.err
        assert "digits\t" in result.out
        warning = re.search(r"warning: data set broken \(package outside\) cannot be used: (.*)", result.err)
        assert warning is not None, result.err
        assert warning[1].endswith("KeyError: 'facts'")
        lines = [line.split("\t") for line in result.out.splitlines() if not line.startswith(("digits", "cifar"))]
        if command == "ls":
            broken, worse = lines
            assert broken == ["broken", "", "", "", "", f"broken: {warning[1]}"]
            assert worse == ["worse", "", "", "", "", "broken: package other: worse: ImportError: no"]
        else:
            assert not lines


def test_a_folder_that_cannot_be_looked_at_stops_no_list(smkd: Smkd) -> None:
    result = smkd("datasets", "ls", "--data", 300 * "x")
    assert result.code == 0, result.err
    broken = [line for line in result.out.splitlines() if "broken: " in line and "File name too long" in line]
    assert [line.partition("\t")[0] for line in broken] == ["cifar10", "cifar100", "cifar100-10"]
    assert "digits\t1437" in result.out


def test_ours_are_not_wrapped() -> None:
    assert type(data.find("digits", Path())).__module__ == "smkd_cli.data.sources.digits"
