"""``smkd recipes validate`` looks at what a recipe names that is not ours: layouts and data sets too."""

from __future__ import annotations

from pathlib import Path

import pytest

SMALL = ["--set", "epochs=1", "--set", "seeds=[1]", "--set", "options={}", "--set", "methods=[CE]"]
LAYOUT = """\
from smkd_cli.report.layout import FromResults, Layout, method_row, percent

x = Layout(
    name="own", title="Own", corner="Method", rows=(method_row("CE"),), columns=FromResults("rate", percent)
)
"""
SOURCE = """\
import numpy as np
from smkd_cli.data.sources.arrays import ArraySource, Split, image_ids

class Own(ArraySource):
    name = "own"
    class_names = ("a", "b")
    image_shape = (8, 8, 1)
    train_size = test_size = 200
    mean, std = (0.5,), (0.3,)

    def read(self, split):
        images = np.arange(200 * 64).reshape(200, 8, 8, 1) // 50
        images = images.astype(np.uint8)
        return Split(images, np.arange(200) % 2, np.arange(200).astype(str))
"""


def validate(smkd, *more):
    return smkd("recipes", "validate", "quickstart", *SMALL, *(word for key in more for word in ("--set", key)))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("", "", None),
        ("x = ", "exit(0)\nx = ", "own.py: cannot be loaded: SystemExit: 0"),
        ("x = ", "y = ", "unknown table or figure 'x'; there are y"),
        ('title="Own"', "title=3", "table or figure own.py:x: title should be text, not int"),
        ('method_row("CE")', 'method_row("LS")', "own.py:x: no cell of the recipe stands in it"),
        ('FromResults("rate"', 'FromResults("eta"', "own.py:x: no cell of the recipe stands in it"),
        ('FromResults("rate", percent)', 'FromResults("rate", lambda rate: exit())', "cannot be used: SystemExit"),
        ('corner="Method"', 'corner="", where={"kind": "pairflip"}', "no cell of the recipe stands in it"),
    ],
)
def test_layouts(old, new, why, smkd):
    Path("own.py").write_text(LAYOUT.replace(old, new) if old else LAYOUT)
    result = validate(smkd, 'tables=[I, "own.py:x"]')
    if why is None:
        assert (result.code, result.out) == (0, "quickstart: ok, 1 cells\n"), result.err
        return
    assert (result.code, result.out) == (3, ""), result.err
    assert "quickstart: tables.1: " in result.err
    assert why in result.err


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("", "", None),
        ("(0.3,)", "(0.0,)", "std should be finite positive numbers"),
        ("arange(200) % 2", "arange(200) % 3", 'labels("train") has the label 2 at index 2, not in 0 … 1'),
        ("images = images.astype", "exit(0)", "SystemExit: 0"),
    ],
)
def test_data_sets(old, new, why, smkd):
    Path("own.py").write_text(SOURCE.replace(old, new) if old else SOURCE)
    result = validate(smkd, "dataset=own.py:own")
    if why is None:
        assert (result.code, result.out) == (0, "quickstart: ok, 1 cells\n"), result.err
        return
    assert (result.code, result.out) == (4, ""), result.err
    assert why in result.err


def test_what_else_is_wrong_is_said_beside_a_broken_data_set(smkd):
    Path("own.py").write_text(SOURCE.replace("(0.3,)", "(0.0,)"))
    result = validate(smkd, "dataset=own.py:own", "networks=resnet81")
    assert (result.code, result.out) == (3, "")
    assert "std should be finite positive numbers" in result.err
    assert "unknown network 'resnet81'" in result.err
