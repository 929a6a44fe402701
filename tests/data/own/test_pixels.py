"""Kinds of image files, and what becomes of them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from photos import photo
from PIL import Image

from smkd_cli.data.own import decode
from smkd_cli.errors import DataError


def pixels(path: Path) -> np.ndarray:
    return decode.decoded(path, path.name, 32)


def test_modes_become_rgb(tmp_path: Path) -> None:
    rgb = photo(1)
    expected = np.asarray(rgb)
    rgb.save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(pixels(tmp_path / "rgb.png"), expected)
    rgb.convert("L").save(tmp_path / "grey.png")
    grey = pixels(tmp_path / "grey.png")
    assert grey.shape == expected.shape
    assert (grey == grey[..., :1]).all()
    rgb.quantize(64).save(tmp_path / "palette.png")
    assert np.abs(pixels(tmp_path / "palette.png").astype(int) - expected).mean() < 8
    rgb.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert np.abs(pixels(tmp_path / "cmyk.jpg").astype(int) - expected).mean() < 8


def test_transparent_is_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (4, 2), (10, 20, 30, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.save(tmp_path / "x.png")
    assert pixels(tmp_path / "x.png")[0, :2].tolist() == [[255, 255, 255], [10, 20, 30]]


def test_sixteen_bits_keep_the_upper_half(tmp_path: Path) -> None:
    values = np.array([[0, 256, 65535], [300, 40000, 12345]], np.uint16)
    Image.fromarray(values).save(tmp_path / "x.png")
    np.testing.assert_array_equal(pixels(tmp_path / "x.png")[..., 0], values >> 8)


def test_an_image_stands_upright(tmp_path: Path) -> None:
    image = photo(2, (40, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise
    image.save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(pixels(tmp_path / "x.png"), np.asarray(image.rotate(-90, expand=True)))


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), (value, value, value)) for value in (200, 100)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert (pixels(tmp_path / "x.gif") == 200).all()


def test_the_middle_is_shown() -> None:
    whole = np.zeros((100, 200, 3), np.uint8)
    whole[:, 60:140] = 255  # wider than the middle of 0.5 of the shorter side, 50
    assert (decode.framed(whole, 16, 0.5) == 255).all()
    assert decode.framed(whole, 50, 0.5).shape == (50, 50, 3)  # no resizing
    assert (decode.framed(whole, 64, 1.0)[:, :4] == 0).all()


def test_a_large_photograph_is_decoded_small(tmp_path: Path) -> None:
    image = photo(3, (1600, 1200))
    image.save(tmp_path / "x.jpg", quality=95)
    small = decode.decoded(tmp_path / "x.jpg", "x", 256)
    assert small.shape == (300, 400, 3)
    whole = decode.framed(np.array(image), 224, 0.875).astype(int)
    assert np.abs(whole - decode.framed(small, 224, 0.875)).mean() < 3


def test_files_that_are_no_images(tmp_path: Path) -> None:
    def refused(content: bytes, words: str) -> None:
        with pytest.raises(DataError, match=words):
            decode.decoded(BytesIO(content), "x.jpg", 8)

    buffer = BytesIO()
    photo(4, (64, 64)).save(buffer, "JPEG", quality=95)
    whole = buffer.getvalue()
    refused(b"", "no image of a kind")
    refused(b"hello", "no image of a kind")
    refused(whole[: len(whole) // 2], "truncated")
    refused(b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "x.jpg: ")
    bomb = BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    refused(bomb.getvalue(), "more than the 178,956,970")
    with pytest.raises(DataError, match="No such file"):
        decode.decoded(tmp_path / "gone.jpg", "gone.jpg", 8)
