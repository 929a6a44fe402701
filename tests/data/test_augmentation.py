"""Augmentation rules: pure functions of pixels and what was drawn, the same on stored bytes, and named in recipes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from data_sets import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from smkd_cli.data import augmentation
from smkd_cli.data.augmentation.rules.crop import Crop
from smkd_cli.data.augmentation.rules.flip import Flip
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.data.images.resident import ImageBank
from smkd_cli.errors import RecipeError
from smkd_cli.recipe import load_recipe

MEAN, STD, CPU = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), torch.device("cpu")


class Dim(augmentation.Augmentation):
    """Divides by a drawn number."""

    name = "dim"

    def draw(self, random, n, views):
        return {"by": random.integers(1, 4, (n, views), dtype=np.uint8)}

    def apply(self, pixels, drawn):
        return pixels // drawn["by"].view(-1, 1, 1, 1)


def drawn_for(rules, n, seed=0):
    """One view's parameters of each rule."""
    random = np.random.default_rng(seed)
    return [
        {name: torch.from_numpy(values)[:, 0] for name, values in rule.draw(random, n, 1).items()} for rule in rules
    ]


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    padding=st.integers(0, 3),
    order=st.permutations(["crop", "flip", "dim"]),
    seed=st.integers(0, 1000),
    channels_last=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_is_done_on_stored_bytes_is_what_the_rules_say(size, padding, order, seed, channels_last):
    layout = torch.channels_last if channels_last else torch.contiguous_format
    made = {"crop": Crop(padding=padding), "flip": Flip(), "dim": Dim()}
    rules = [made[name] for name in order]
    images = np.random.default_rng(seed).integers(0, 256, (5, *size, 3), dtype=np.uint8)
    bank = ImageBank(ArrayReader(images), MEAN, STD, CPU, rules, layout)
    indices, drawn = torch.tensor([4, 0, 2, 2]), drawn_for(rules, 4, seed)
    expected = torch.from_numpy(images).permute(0, 3, 1, 2)[indices]
    for rule, parameters in zip(rules, drawn, strict=True):
        before = expected.clone()
        varied = rule.apply(expected, parameters)
        assert torch.equal(expected, before), "the pixels that are given stay"
        expected = varied
    plain = ImageBank(ArrayReader(expected.permute(0, 2, 3, 1).contiguous().numpy()), MEAN, STD, CPU, (), layout)
    got = bank.view(indices, drawn)
    assert torch.equal(got, plain.plain(0, 4))
    assert got.is_contiguous(memory_format=layout)


class Upside(Flip):
    """Top and bottom change sides."""

    name = "upside"

    def apply(self, pixels, drawn):
        return pixels.flip(2).where(drawn["flipped"].view(-1, 1, 1, 1), pixels)


class Framed(Crop):
    """A crop of an image that is mirrored at its borders."""

    name = "framed"

    def apply(self, pixels, drawn):
        return 255 - super().apply(pixels, drawn)


@pytest.mark.parametrize("rule", [Upside(), Framed(padding=1)], ids=lambda rule: rule.name)
def test_a_rule_that_derives_from_one_of_ours_does_what_it_says(rule):
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    bank = ImageBank(ArrayReader(images), MEAN, STD, CPU, [rule])
    drawn = drawn_for([rule], 4)
    expected = rule.apply(torch.from_numpy(images).permute(0, 3, 1, 2), drawn[0])
    plain = ImageBank(ArrayReader(expected.permute(0, 2, 3, 1).contiguous().numpy()), MEAN, STD, CPU)
    assert torch.equal(bank.view(torch.arange(4), drawn), plain.plain(0, 4))


def test_a_crop_is_a_part_of_the_padded_picture_and_a_flip_a_mirror():
    pixels = torch.arange(1, 13, dtype=torch.uint8).view(1, 1, 3, 4)
    shifted = Crop(padding=1).apply(pixels, {"offsets": torch.tensor([[0, 2]])})
    assert shifted[0, 0].tolist() == [[0, 0, 0, 0], [2, 3, 4, 0], [6, 7, 8, 0]]
    assert torch.equal(Crop(padding=1).apply(pixels, {"offsets": torch.tensor([[1, 1]])}), pixels)
    assert Flip().apply(pixels, {"flipped": torch.tensor([True])})[0, 0, 0].tolist() == [4, 3, 2, 1]
    assert torch.equal(Flip().apply(pixels, {"flipped": torch.tensor([False])}), pixels)


def test_draws_are_uniform_and_of_every_view():
    random = np.random.default_rng(0)
    offsets = Crop(padding=2).draw(random, 5000, 3)["offsets"]
    assert offsets.shape == (5000, 3, 2)
    shares = np.bincount(offsets.ravel(), minlength=5) / offsets.size
    assert np.abs(shares - 0.2).max() < 0.01
    flipped = Flip().draw(random, 5000, 3)["flipped"]
    assert flipped.shape == (5000, 3)
    assert abs(flipped.mean() - 0.5) < 0.02


WRONG = "from smkd_cli.data.augmentation import Augmentation\n\nclass Wrong(Augmentation):\n    name = 'wrong'\n"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "    def apply(self, pixels, drawn):\n        return pixels[:, :, 1:]\n",
            "wrong should give images as it gets",
        ),
        ("    def apply(self, pixels, drawn):\n        return pixels.float()\n", "wrong should give images as it gets"),
        ("    pass\n", "Wrong defines no apply"),
    ],
)
def test_a_rule_that_is_wrong_fails_its_cell_with_words(code, message, smkd, tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG + code)
    rules = "augmentation.rules=[wrong.py:wrong]"
    settings_of = ["--set", "methods=[CE]", "--set", "options={}", "--set", "epochs=1", "--set", "seeds=[1]"]
    result = smkd("train", "quickstart", "--jobs", 1, *settings_of, "--set", rules)
    assert result.code == 5
    assert message in result.err


def recipe(rules):
    return load_recipe("quickstart", [f"augmentation.rules={json.dumps(rules)}"], data=DATA)


def test_rules_of_a_recipe():
    assert [rule.name for rule in recipe([]).augmentation.build()] == []
    made = recipe(["flip", {"name": "crop", "padding": 2}]).augmentation
    assert [type(rule) for rule in made.build()] == [Flip, Crop]
    assert made.build()[1].padding == 2
    with_short = load_recipe(
        "quickstart", ["augmentation={crop_padding: 3, flip: true, rules: [flip]}"], data=DATA
    ).augmentation
    assert [type(rule) for rule in with_short.build()] == [Crop, Flip, Flip]
    assert "rules" not in recipe([]).model_dump(mode="json")["augmentation"]
    dumped = made.model_dump(mode="json")["rules"]
    assert dumped == [{"name": "flip"}, {"name": "crop", "padding": 2}]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (["flap"], "augmentation.rules.0: unknown augmentation 'flap'; did you mean flip?"),
        ([{"name": "crop", "padding": -1}], "augmentation.rules.0.padding: should be greater than or equal to 0"),
        ([{"name": "crop", "pading": 1}], "augmentation.rules.0.pading"),
        ([{"padding": 1}], "augmentation.rules.0"),
        ([3], "augmentation.rules.0"),
        (["nowhere.py:Erase"], "no such file"),
    ],
)
def test_rules_that_are_wrong(rules, message):
    with pytest.raises(RecipeError) as raised:
        recipe(rules)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
