"""Image files as pixels: any kind that Pillow reads becomes upright RGB of one size.

What a file holds beside plain RGB is handled in one way, documented in docs/own-images.md: it is turned as its EXIF
orientation says, transparent pixels become white, 16-bit values keep their upper 8 bits, and of an animation the first
frame is taken.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from smkd_cli.artifacts.foreign import SNIFFED, pointer_in
from smkd_cli.errors import DataError
from smkd_cli.words import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

# A larger image is refused before it is decoded: a few kilobytes of file can ask for gigabytes of memory.
MOST_PIXELS = 178_956_970
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_OTHERS = (
    ".png",
    ".apng",
    ".bmp",
    ".dib",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".avif",
    ".jp2",
)
SUFFIXES = frozenset(_JPEG + _OTHERS)
"""Names of files that end so are taken for images."""

WAY = 1
"""Changes where the same file gives other pixels than before."""

_TOO_MANY = f"has more than the {MOST_PIXELS:,} pixels that are decoded"
_WHITE = (255, 255, 255, 255)
_SIXTEEN_BITS = 8  # of which the upper half is kept


class ImageError(DataError):
    """An image file that cannot be used.

    Args:
        name: names the file.
        kind: ``unreadable``, ``not an image``, ``damaged`` or ``giant``.
        problem: what is wrong, in words that follow the name.
    """

    def __init__(self, name: str, kind: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.kind, self.problem = kind, problem

    def __reduce__(self) -> tuple[type[DataError], tuple[str]]:
        return DataError, (str(self),)  # what workers send to the parent needs words only


@contextmanager
def opened(path: str | Path | BytesIO, name: str) -> Iterator[Image.Image]:
    """An image file, opened; its pixels are not decoded yet.

    Args:
        path: of the file, or its content.
        name: names it in messages.

    Raises:
        ImageError: it cannot be read, is no image, is damaged, or has too many pixels; also while the block uses it.
    """
    from PIL import Image, UnidentifiedImageError

    start = b""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on metadata that we do not use, and on sizes that are checked here
            with _stream(path) as stream:
                start = stream.read(SNIFFED)
                stream.seek(0)
                with Image.open(stream) as image:
                    if image.width * image.height > MOST_PIXELS:
                        raise ImageError(name, "giant", f"{_TOO_MANY}: {image.width:,} x {image.height:,}")
                    yield image
    except Image.DecompressionBombError as error:  # Pillow's own limit, twice ours
        raise ImageError(name, "giant", _TOO_MANY) from error
    except UnidentifiedImageError as error:
        pointer = pointer_in(start)
        more = f": it {pointer}" if pointer else ""
        raise ImageError(name, "not an image", f"is no image of a kind that can be read{more}") from error
    except OSError as error:  # without a number, it is Pillow's word for what is damaged
        kind = "unreadable" if error.errno else "damaged"
        raise ImageError(name, kind, f"cannot be read: {error.strerror or plain(error)}") from error
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of errors on damaged files
        raise ImageError(name, "damaged", f"is damaged: {plain(error)}") from error


def _stream(path: str | Path | BytesIO) -> IO[bytes]:
    return path if isinstance(path, BytesIO) else Path(path).open("rb")


def upright(image: Image.Image) -> Image.Image:
    """The first frame of an opened image as upright RGB."""
    from PIL import Image, ImageOps

    if image.mode.startswith("I;16"):  # Pillow itself would clip to 255, which leaves white
        import numpy as np

        image = Image.fromarray((np.asarray(image) >> _SIXTEEN_BITS).astype(np.uint8))
    turned = ImageOps.exif_transpose(image)
    if turned.mode == "RGB":
        return turned
    if turned.has_transparency_data:
        turned = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", turned.size, _WHITE), turned)
    return turned.convert("RGB")


def square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """The largest central square of an image, resized: uint8 (size, size, 3)."""
    import numpy as np
    from PIL import Image

    side = min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def framed(pixels: NDArray[np.uint8], size: int, share: float) -> NDArray[np.uint8]:
    """The middle of an image, as test images are shown: uint8 (size, size, 3) of (H, W, 3).

    The middle of ``share`` of the shorter side is cropped and resized with an antialiasing bicubic filter. That is what
    is usually done in two steps, resizing the shorter side to size / share and cropping.
    """
    import torch
    from torchvision.transforms.v2 import functional

    side = max(1, round(min(pixels.shape[:2]) * share))
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    middle = pixels[top : top + side, left : left + side]
    if side == size:
        return middle
    planes = torch.from_numpy(middle).permute(2, 0, 1)
    bicubic = functional.InterpolationMode.BICUBIC
    resized = functional.resize(planes, [size, size], interpolation=bicubic, antialias=True)
    result: NDArray[np.uint8] = resized.permute(1, 2, 0).numpy()
    return result


def decoded(path: str | Path | BytesIO, name: str, least: int) -> NDArray[np.uint8]:
    """An image file as upright RGB: uint8 (H, W, 3).

    JPEG files are decoded at the smallest scale of 1/8, 1/4, 1/2 and 1 at which the shorter side has ``least`` pixels.

    Raises:
        DataError: see :func:`opened`.
    """
    import numpy as np

    with opened(path, name) as image:
        image.draft("RGB", (least, least))  # does nothing to kinds other than JPEG
        return np.array(upright(image))  # a copy, because torch wants to be able to write


def read(path: str | Path | BytesIO, name: str, size: int, share: float) -> NDArray[np.uint8]:
    """An image file as a network sees it in a test: uint8 (size, size, 3).

    Raises:
        DataError: see :func:`opened`.
    """
    return framed(decoded(path, name, round(size / share)), size, share)
