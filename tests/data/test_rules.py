"""Each augmentation rule against what torchvision makes of one image at a time, and against its closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torchvision.transforms.v2 import functional

from smkd_cli.data import augmentation
from smkd_cli.data.augmentation.boxes import boxes_in
from smkd_cli.data.augmentation.operations import OPERATIONS, operated
from smkd_cli.data.images.reader import ArrayReader
from smkd_cli.data.images.resident import ImageBank
from smkd_cli.errors import UsageError

HEIGHT, WIDTH = 30, 40
# What a rule is tried with, and the size of what it makes.
RULES = {
    "crop": ({}, (HEIGHT, WIDTH)),
    "flip": ({}, (HEIGHT, WIDTH)),
    "resize": ({"size": 24}, (24, 24)),
    "random_crop": ({"size": 20}, (20, 20)),
    "center_crop": ({"size": 21}, (21, 21)),
    "random_resized_crop": ({"size": 16}, (16, 16)),
    "color_jitter": ({}, (HEIGHT, WIDTH)),
    "random_erasing": ({}, (HEIGHT, WIDTH)),
    "rand_augment": ({}, (HEIGHT, WIDTH)),
}
CPU = torch.device("cpu")


def photos(n: int = 6, channels: int = 3) -> torch.Tensor:
    """Smooth images, uint8 (n, channels, H, W)."""
    coarse = torch.rand(n, channels, 5, 6, generator=torch.Generator().manual_seed(3)) * 255
    return torch.nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bilinear").to(torch.uint8)


def drawn_by(rule: augmentation.Augmentation, n: int, seed: int = 0) -> dict[str, torch.Tensor]:
    drawn = augmentation.draw(rule, np.random.default_rng(seed), n, 2)
    return {name: torch.from_numpy(values)[:, 1] for name, values in drawn.items()}


def apart(one: torch.Tensor, other: torch.Tensor) -> int:
    return int((one.int() - other.int()).abs().max())


def test_every_rule_is_here() -> None:
    assert sorted(RULES) == augmentation.names()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_a_pure_function_of_each_image_and_what_was_drawn_for_it(name: str, channels: int) -> None:
    options, size = RULES[name]
    rule, pixels = augmentation.build(name, options), photos(channels=channels)
    drawn, before = drawn_by(rule, len(pixels)), pixels.clone()
    varied = augmentation.varied(rule, pixels, drawn)
    assert torch.equal(pixels, before)
    assert varied.shape == (6, channels, *size)
    assert augmentation.size_after([rule], HEIGHT, WIDTH) == size
    assert augmentation.shown(rule, pixels).shape == varied.shape
    assert torch.equal(augmentation.varied(rule, pixels, drawn), varied)
    alone = [augmentation.varied(rule, pixels[i : i + 1], {k: v[i : i + 1] for k, v in drawn.items()}) for i in (0, 5)]
    assert apart(torch.cat(alone), varied[[0, 5]]) <= 1
    assert drawn_by(rule, 6).keys() == drawn.keys()
    assert all(torch.equal(value, drawn[key]) for key, value in drawn_by(rule, 6).items())


def test_a_random_crop_is_a_part_of_the_image_and_a_test_shows_the_centre() -> None:
    rule, pixels = augmentation.build("random_crop", {"size": 20}), photos(2)
    corners = torch.tensor([[0.0, 0.0], [0.9999, 0.9999]])
    cut = rule.apply(pixels, {"corner": corners})
    assert torch.equal(cut[0], pixels[0, :, :20, :20])
    assert torch.equal(cut[1], pixels[1, :, 10:, 20:])
    assert torch.equal(rule.at_test(pixels), functional.center_crop(pixels, [20, 20]))
    with pytest.raises(UsageError, match="a square of 20 x 20 pixels does not fit into images of 19 x 40"):
        augmentation.size_after([rule], 19, 40)


def test_boxes_are_resized_as_torchvision_does() -> None:
    rule, pixels = augmentation.build("random_resized_crop", {"size": 16}), photos(40)
    drawn = drawn_by(rule, 40)
    varied = rule.apply(pixels, drawn)
    boxes = [value.long().tolist() for value in boxes_in(drawn, HEIGHT, WIDTH)]
    assert min(boxes[2]) < 16 < max(boxes[2])
    for image, result, top, left, height, width in zip(pixels, varied, *boxes, strict=True):
        wanted = functional.resized_crop(image, top, left, height, width, [16, 16], antialias=True)
        assert apart(result, wanted) <= 1
    whole = augmentation.build("resize", {"size": 24})
    assert torch.equal(whole.apply(pixels, {}), functional.resize(pixels, [24, 24], antialias=True))


def test_jitter_is_torchvision_s_one_by_one() -> None:
    pixels = photos()
    made = {
        "brightness": functional.adjust_brightness,
        "contrast": functional.adjust_contrast,
        "saturation": functional.adjust_saturation,
        "hue": functional.adjust_hue,
    }
    for name, adjust in made.items():
        strengths = dict.fromkeys(made, 0.0) | {name: 0.4}
        rule = augmentation.build("color_jitter", strengths)
        drawn = drawn_by(rule, len(pixels))
        assert all(name == other or drawn[other].unique().numel() == 1 for other in made)
        wanted = torch.stack([adjust(image, by.item()) for image, by in zip(pixels, drawn[name], strict=True)])
        assert apart(rule.apply(pixels, drawn), wanted) <= 2, name
        assert apart(rule.apply(pixels, drawn), pixels) > 5


def test_an_erased_rectangle_has_its_area_and_grey() -> None:
    rule = augmentation.build("random_erasing", {"p": 0.5, "scale": [0.1, 0.2], "value": 7})
    pixels = torch.full((400, 3, HEIGHT, WIDTH), 255, dtype=torch.uint8)
    erased = rule.apply(pixels, drawn_by(rule, 400)) == 7
    shares = erased.float().mean((1, 2, 3))
    with_one = shares[shares > 0]
    assert 150 < len(with_one) < 250
    assert 0.08 < with_one.min() < with_one.max() < 0.22
    first = erased[(shares > 0).nonzero()[0, 0], 0]
    rows, columns = first.any(1), first.any(0)
    assert torch.equal(first, rows.unsqueeze(1) & columns)


@pytest.mark.parametrize("negative", [False, True])
def test_operations_are_torchvision_s(negative: bool) -> None:
    pixels, strength = photos(), 0.3
    signed = -strength if negative else strength
    factor = 1 + 0.9 * signed
    wanted = {
        "identity": pixels,
        "shear_x": functional.affine(pixels, 0, [0, 0], 1, [np.degrees(np.arctan(0.3 * signed)), 0]),
        "shear_y": functional.affine(pixels, 0, [0, 0], 1, [0, np.degrees(np.arctan(0.3 * signed))]),
        "translate_x": functional.affine(pixels, 0, [round(150 / 331 * WIDTH * signed), 0], 1, [0, 0]),
        "translate_y": functional.affine(pixels, 0, [0, round(150 / 331 * HEIGHT * signed)], 1, [0, 0]),
        "rotate": functional.rotate(pixels, 30 * signed),
        "brightness": functional.adjust_brightness(pixels, factor),
        "color": functional.adjust_saturation(pixels, factor),
        "contrast": functional.adjust_contrast(pixels, factor),
        "sharpness": functional.adjust_sharpness(pixels, factor),
        "posterize": functional.posterize(pixels, 8 - round(4 * strength)),
        "solarize": functional.solarize(pixels, 255 * (1 - strength)),
        "autocontrast": functional.autocontrast(pixels),
        "equalize": functional.equalize(pixels),
    }
    assert tuple(wanted) == OPERATIONS
    for number, (name, images) in enumerate(wanted.items()):
        got = operated(pixels, torch.full((6,), number), torch.full((6,), negative), strength)
        far = ((got.int() - images.int()).abs() > 2).float().mean()
        assert far <= (0.02 if name.startswith("shear") else 0), name  # ties between two nearest pixels
    each = operated(pixels, torch.arange(6), torch.full((6,), negative), strength)
    assert apart(each[5], wanted["rotate"][5]) == 0


@pytest.mark.parametrize("channels_last", [False, True])
def test_rules_that_change_the_size_change_what_a_test_shows(channels_last: bool) -> None:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    rules = [augmentation.build("crop", {}), augmentation.build("flip", {})]
    rules += [augmentation.build("resize", {"size": 28}), augmentation.build("random_crop", {"size": 24})]
    pixels = photos()
    reader = ArrayReader(pixels.permute(0, 2, 3, 1).contiguous().numpy())
    bank = ImageBank(reader, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), CPU, rules, layout)
    test = ImageBank(reader, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), CPU, augmentation.at_test(rules), layout)
    cut = functional.center_crop(functional.resize(pixels, [28, 28], antialias=True), [24, 24])
    shown = (cut / 255 - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1)
    for each in (bank, test):
        torch.testing.assert_close(each.plain(1, 5), shown[1:5], rtol=1e-4, atol=1e-4)
        assert each.plain(1, 5).is_contiguous(memory_format=layout)
    drawn = [drawn_by(rule, 6) for rule in rules]
    assert bank.view(torch.arange(6), drawn).shape == (6, 3, 24, 24)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resize", {}),
        ("random_crop", {"size": 0}),
        ("random_resized_crop", {"size": 9, "scale": [0.5, 0.1]}),
        ("random_resized_crop", {"size": 9, "scale": [0.5, 1.5]}),
        ("random_erasing", {"ratio": [0, 1]}),
        ("random_erasing", {"p": 1.5}),
        ("color_jitter", {"hue": 0.6}),
        ("rand_augment", {"magnitude": 31}),
    ],
)
def test_options_that_are_wrong(name: str, options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        augmentation.build(name, options)
