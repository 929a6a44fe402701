"""What there is to say about one image file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smkd_cli.data.own import decode
from smkd_cli.data.own.files import digest_of, file_digest
from smkd_cli.data.own.shards import Place
from smkd_cli.errors import DataError
from smkd_cli.words import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

# Findings that keep an image from being used; all others are handled when it is read.
UNUSABLE = ("missing", "empty", "unreadable", "not an image", "damaged", "giant")
HANDLED = ("wrong ending", "animated", "CMYK", "palette", "16 bits", "transparent", "turned by EXIF", "tiny", "narrow")

_TINY = 32  # pixels of the shorter side: less than any network for photographs can use
_NARROW = 4  # the longer side in units of the shorter: most of the image is outside its middle
_SIDE = 64  # of the square that mean and deviation are measured on
_HASHED, _KEPT = 32, 8  # of a perceptual hash: pixels of a side, and frequencies
_EXIF_ORIENTATION = 0x0112
# Kinds of files that go by one ending, and by what Pillow calls them.
_SAME_KIND = {"MPO": "JPEG", "DIB": "BMP"}


@dataclass(frozen=True)
class Finding:
    """Something to know about an image.

    Attributes:
        kind: one of :data:`UNUSABLE`, of :data:`HANDLED`, or of those that concern several images.
        detail: in words, or the other image.
    """

    kind: str
    detail: str = ""


@dataclass(frozen=True, eq=False)
class ImageFacts:
    """An image file, looked at.

    Attributes:
        path: in the folder.
        findings: in the order of their kinds.
        digest: BLAKE2b of the file's bytes; empty where it cannot be read.
        size: width and height in pixels, upright; (0, 0) where it is no image.
        hash: perceptual, 64 bits: equal or nearly so for images that look the same; None where it cannot be decoded,
            or shows one colour only.
        pixels: float64 (2, 3), sums of the values in [0, 1], and of their squares, of its middle at 64 x 64 pixels.
    """

    path: str
    findings: tuple[Finding, ...]
    digest: str = ""
    size: tuple[int, int] = (0, 0)
    hash: int | None = None
    pixels: NDArray[np.float64] | None = None

    @property
    def usable(self) -> bool:
        """Whether it can be trained on."""
        return not any(finding.kind in UNUSABLE for finding in self.findings)


def inspect_image(folder: Path, places: Mapping[str, Place] | None, path: str) -> ImageFacts:
    """Look at an image file; nothing about the file raises an error.

    Args:
        folder: that it is in.
        places: of images in shards.
        path: of the image.
    """
    full = folder / path
    source: Path | BytesIO = full
    try:
        if places is not None:
            content = places[path].read()
            if not content:
                return ImageFacts(path, (Finding("empty"),))
            source, digest = BytesIO(content), digest_of(content)
        elif not full.is_file():
            return ImageFacts(path, (Finding("unreadable" if os.path.lexists(full) else "missing", "no file"),))
        elif not full.stat().st_size:
            return ImageFacts(path, (Finding("empty"),))
        else:
            digest = file_digest(full)
    except (OSError, DataError) as error:
        return ImageFacts(path, (Finding("unreadable", plain(error)),))
    findings: list[Finding] = []
    size = (0, 0)
    try:
        with decode.opened(source, path) as image:
            size = image.size
            findings += _handled(image, path)
            image.draft("RGB", (_SIDE * 2, _SIDE * 2))
            upright = decode.upright(image)
    except decode.ImageError as error:
        return ImageFacts(path, (Finding(error.kind, error.problem), *findings), digest, size)
    if any(finding.kind == "turned by EXIF" for finding in findings) and upright.width != upright.height:
        wide = upright.width > upright.height
        size = (max(size), min(size)) if wide else (min(size), max(size))
    values = decode.square(upright, _SIDE).reshape(-1, 3) / 255.0
    return ImageFacts(path, tuple(findings), digest, size, _perceptual_hash(upright), _sums(values))


def _handled(image: Image.Image, path: str) -> list[Finding]:
    found = []
    kind = _SAME_KIND.get(image.format or "", image.format or "")
    expected = _kind_of(Path(path).suffix.lower())
    if expected and kind != expected:
        found.append(Finding("wrong ending", f"is {kind}"))
    if getattr(image, "is_animated", False) and image.format != "MPO":
        found.append(Finding("animated", f"{getattr(image, 'n_frames', 0)} frames; the first is taken"))
    if image.mode == "CMYK":
        found.append(Finding("CMYK"))
    if image.mode in {"P", "PA"}:
        found.append(Finding("palette"))
    if image.mode.startswith(("I", "F")):
        found.append(Finding("16 bits", f"mode {image.mode}"))
    if image.has_transparency_data:
        found.append(Finding("transparent", "transparent pixels become white"))
    if image.getexif().get(_EXIF_ORIENTATION, 1) != 1:
        found.append(Finding("turned by EXIF"))
    short, long = sorted(image.size)
    if short < _TINY:
        found.append(Finding("tiny", f"{image.width} x {image.height} pixels"))
    if long > _NARROW * short:
        found.append(Finding("narrow", f"{image.width} x {image.height} pixels"))
    return found


def _kind_of(ending: str) -> str:
    """What Pillow calls the kind of files that end so; empty where it knows none."""
    from PIL import Image

    kind = Image.registered_extensions().get(ending, "")
    return _SAME_KIND.get(kind, kind)


def _sums(values: NDArray[np.float64]) -> NDArray[Any]:
    import numpy as np

    return np.stack([values.sum(0), (values * values).sum(0)])


def _perceptual_hash(image: Image.Image) -> int | None:
    """The signs of an image's lowest frequencies against their median (Zauner 2010, "pHash"): 64 bits."""
    import numpy as np
    from PIL.Image import Resampling
    from scipy.fft import dctn

    grey = np.asarray(image.convert("L").resize((_HASHED, _HASHED), Resampling.LANCZOS), np.float64)
    frequencies = dctn(grey, norm="ortho")[:_KEPT, :_KEPT].ravel()
    if np.abs(frequencies[1:]).max() < 1:  # one colour: rounding alone would decide
        return None
    bits = frequencies > np.median(frequencies[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
