"""One image file of each kind that people's folders hold, good or broken, and what should be found in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from photos import photo as any_photo
from PIL import Image


def photo(seed: int, size: tuple[int, int]) -> Image.Image:
    return any_photo(500 + seed, size)  # none that other folders of a test hold


def _jpeg(path: Path, seed: int = 1, size: tuple[int, int] = (64, 64)) -> bytes:
    photo(seed, size).save(path, "JPEG", quality=95)
    return path.read_bytes()


def _cut(path: Path) -> None:
    path.write_bytes(_jpeg(path)[:-400])


def _scrambled(path: Path) -> None:
    photo(3, (64, 64)).save(path, "PNG")
    content = bytearray(path.read_bytes())
    content[60:80] = b"\xff" * 20
    path.write_bytes(content)


def _turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    photo(4, (64, 48)).save(path, "JPEG", exif=exif)


def _animated(path: Path) -> None:
    frames = [photo(seed, (64, 64)).quantize(16) for seed in (5, 6, 7)]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:])


def _sixteen_bits(path: Path) -> None:
    values = np.random.default_rng(8).integers(0, 65536, (64, 64)).astype(np.uint16)
    Image.fromarray(values).save(path, "PNG")


def _transparent(path: Path) -> None:
    image = photo(9, (64, 64)).convert("RGBA")
    image.putalpha(128)
    image.save(path, "PNG")


def _to_nowhere(path: Path) -> None:
    path.symlink_to("no-such-file.jpg")


def _text(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


# Name of the file: how it is made, and the findings that it must have.
KINDS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "good.jpg": (_jpeg, ()),
    "empty.jpg": (lambda path: path.touch(), ("empty",)),
    "text.jpg": (_text(b"this is no image"), ("not an image",)),
    "html.png": (_text(b"<!doctype html><html><title>404</title>"), ("not an image",)),
    "pointer.jpg": (_text(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"), ("not an image",)),
    "zeros.png": (_text(b"\0" * 5000), ("not an image",)),
    "head-only.jpg": (lambda path: path.write_bytes(_jpeg(path)[:30]), ("damaged", "not an image")),
    "cut.jpg": (_cut, ("damaged",)),
    "scrambled.png": (_scrambled, ("damaged",)),
    "bomb.png": (lambda path: Image.new("1", (20_000, 20_000)).save(path, "PNG"), ("giant",)),
    "large.png": (lambda path: Image.new("1", (14_000, 13_000)).save(path, "PNG"), ("giant",)),
    "dangling.jpg": (_to_nowhere, ("unreadable",)),
    "jpeg.png": (lambda path: _jpeg(path, 10), ("wrong ending",)),
    "png.jpg": (lambda path: photo(11, (64, 64)).save(path, "PNG"), ("wrong ending",)),
    "turned.jpg": (_turned, ("turned by EXIF",)),
    "animated.gif": (_animated, ("animated", "palette")),
    "cmyk.jpg": (lambda path: photo(12, (64, 64)).convert("CMYK").save(path, "JPEG"), ("CMYK",)),
    "palette.png": (lambda path: photo(13, (64, 64)).quantize(32).save(path, "PNG"), ("palette",)),
    "16-bit.png": (_sixteen_bits, ("16 bits",)),
    "transparent.png": (_transparent, ("transparent",)),
    "grey.jpg": (lambda path: photo(14, (64, 64)).convert("L").save(path, "JPEG"), ()),
    "tiny.png": (lambda path: photo(15, (3, 2)).save(path, "PNG"), ("tiny",)),
    "narrow.png": (lambda path: photo(16, (400, 40)).save(path, "PNG"), ("narrow",)),
    "one-pixel.gif": (lambda path: Image.new("L", (1, 1)).save(path, "GIF"), ("tiny", "palette")),
}
UNUSABLE = {"missing", "empty", "unreadable", "not an image", "damaged", "giant"}


def write_broken(folder: Path) -> None:
    """A file of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (write, _) in KINDS.items():
        write(folder / name)
    locked = folder / "locked.jpg"
    _jpeg(locked, 17)
    locked.chmod(0)
