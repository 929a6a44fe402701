"""Networks of timm and torchvision by their names there: ``timm:convnext_tiny``, ``torchvision:resnet50``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from smkd_cli.errors import UnknownName, UsageError
from smkd_cli.suggestions import unknown

if TYPE_CHECKING:
    from torch import nn

LIBRARIES = ("timm", "torchvision")
# Networks with a second classifier in training give pairs of logits; built so, they give one. Fresh weights are drawn
# as torchvision is going to draw them by default.
_ONE_CLASSIFIER = {name: {"aux_logits": False, "init_weights": False} for name in ("googlenet", "inception_v3")}


@dataclass(frozen=True)
class Preprocessing:
    """How a library's network wants its images, by the configuration that its weights were trained with.

    Attributes:
        size: side of the square that it sees, in pixels.
        crop: of the shorter side of an image, how much of that square's side is in it.
        mean, std: per channel, of pixels scaled to [0, 1].
    """

    size: int
    crop: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def library_of(name: str) -> tuple[str, str] | None:
    """The library and the name in it of ``LIBRARY:NAME``; None of other names."""
    library, colon, inner = name.partition(":")
    return (library, inner) if colon and library in LIBRARIES else None


@cache
def builder_of(library: str, name: str) -> Callable[[int, int], nn.Module]:
    """What makes such a network, with fresh weights, of ``(classes, channels)``.

    Raises:
        UnknownName: the library has no network of that name, or is not installed.
    """
    known = names_in(library)
    if name not in known:
        raise UnknownName(f"{library}: {unknown('network', name, known)}")
    return _of_timm(name) if library == "timm" else _of_torchvision(name)


@cache
def names_in(library: str) -> tuple[str, ...]:
    """The networks of a library that classify images, sorted.

    Raises:
        UnknownName: it is not installed.
    """
    if library == "timm":
        return tuple(_timm().list_models())
    from torchvision import models

    return tuple(models.list_models(module=models))


def preprocessing(library: str, name: str) -> Preprocessing:
    """What a network wants of its images, as its library says; nothing is downloaded.

    Raises:
        UnknownName: as :func:`builder_of`.
    """
    builder_of(library, name)
    if library == "timm":
        wanted = _timm().get_pretrained_cfg(name)
        return Preprocessing(wanted.input_size[-1], wanted.crop_pct, tuple(wanted.mean), tuple(wanted.std))
    from torchvision import models

    transform = models.get_model_weights(name).DEFAULT.transforms()
    size, resized = transform.crop_size[0], transform.resize_size[0]
    return Preprocessing(size, size / resized, tuple(transform.mean), tuple(transform.std))


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise UnknownName("networks of timm need that library: pip install 'smkd[timm]'") from error
    return timm


def _of_timm(name: str) -> Callable[[int, int], nn.Module]:
    def build(classes: int, channels: int) -> nn.Module:
        network: nn.Module = _timm().create_model(name, pretrained=False, num_classes=classes, in_chans=channels)
        return network

    return build


def _of_torchvision(name: str) -> Callable[[int, int], nn.Module]:
    def build(classes: int, channels: int) -> nn.Module:
        from torchvision import models

        if channels != 3:
            raise UsageError(f"torchvision:{name} takes images of 3 channels, not {channels}; timm's take any number")
        options = _ONE_CLASSIFIER.get(name, {})
        network: nn.Module = models.get_model(name, weights=None, num_classes=classes, **options)
        return network

    return build
