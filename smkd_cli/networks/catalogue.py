"""Which networks there are, what they cost, and how one is made; only making or counting one imports torch.

A network is a function or a class that is called with ``(classes, channels)`` and makes a module:

* ``forward`` maps float images (N, channels, H, W) to logits (N, classes); N, H and W are any;
* a method that looks at features needs ``maps`` (images to the last feature maps, (N, D, h, w), the same D for all
  images) and ``classify`` (logits of these) too, and forward is then the one after the other.

Ours are the functions ``NAME(classes: int, channels: int)`` in the files of this package. Others are called as their
entry point of group ``smkd.networks``, or ``FILE.py:NAME``; those of timm and torchvision are ``timm:NAME`` and
``torchvision:NAME``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from smkd_cli.errors import UsageError
from smkd_cli.networks.facts import Counted, NetworkFacts, Recorded
from smkd_cli.networks.libraries import Preprocessing, builder_of, library_of, preprocessing
from smkd_cli.registry import NETWORKS, Registry, used

T = TypeVar("T")

if TYPE_CHECKING:
    from torch import nn

    Builder = Callable[[int, int], nn.Module]


def _is_builder(value: object) -> TypeGuard[Builder]:
    return callable(value)


REGISTRY: Registry[Builder] = Registry(
    NETWORKS, _is_builder, "class or function that makes a network", declared=lambda _: None
)

# A test counts them again. A network that is not listed here is counted when it is needed, which imports torch.
_RECORDED = {
    "resnet18": Recorded(11_220_132, 555_468_800, 64, 512),
    "resnet34": Recorded(21_328_292, 1_159_448_576, 64, 512),
    "resnet50": Recorded(23_705_252, 1_298_014_208, 64, 2048),
    "shufflenet_v2": Recorded(1_360_896, 43_675_520, 24, 1024),
    "small_resnet": Recorded(79_220, 7_788_800, 16, 64),
}


def names() -> list[str]:
    """The names of all networks, sorted: ours, and those that other packages offer."""
    return sorted(REGISTRY.names())


def facts(name: str) -> NetworkFacts:
    """What a network costs.

    Raises:
        UnknownName: there is no such network.
    """
    return _RECORDED.get(name) or _counted(_title(name), _builder(name))


def _title(name: str) -> str:
    return f"network {name}" if library_of(name) is not None else REGISTRY.title(name)


def _builder(name: str) -> Builder:
    if (of_library := library_of(name)) is not None:
        return builder_of(*of_library)
    return REGISTRY.find(name)


def preprocessing_of(name: str) -> Preprocessing | None:
    """How a network of a library wants its images; None of any other network, which takes them as they are.

    Raises:
        UnknownName: as :func:`build`.
    """
    of_library = library_of(name)
    return None if of_library is None else preprocessing(*of_library)


@cache
def _counted(title: str, builder: Builder) -> NetworkFacts:
    return Counted(title, partial(_build, title, builder))


def build(name: str, classes: int, channels: int = 3) -> nn.Module:
    """A freshly initialised network, drawn from torch's global generator.

    Returns:
        A module that maps float images (N, channels, H, W) to logits (N, classes).

    Raises:
        UnknownName: there is no such network.
        UsageError: it is of another package and cannot be built.
    """
    builder = _builder(name)
    return builder(classes, channels) if NETWORKS.is_own(name) else _build(_title(name), builder, classes, channels)


def _build(title: str, builder: Builder, classes: int, channels: int) -> nn.Module:
    from torch import nn

    network = used(title, lambda: builder(classes, channels))
    if not isinstance(network, nn.Module):
        raise UsageError(f"{title} is no torch.nn.Module, but {type(network).__name__}")
    return network


def guarded(name: str, work: Callable[[], T]) -> T:
    """What a network is used for, beside training.

    Raises:
        UsageError: it is of another package, and fails.
    """
    return work() if NETWORKS.is_own(name) else used(_title(name), work)


def check(name: str, image_shape: tuple[int, int, int], classes: int) -> None:
    """Look whether there is a network that makes logits of such images; nothing is computed, and ours are believed.

    Args:
        image_shape: (H, W, channels).

    Raises:
        UnknownName: there is no such network.
        UsageError: it is of another package and cannot be used.
    """
    found = facts(name)
    if not NETWORKS.is_own(name):
        found.multiply_adds_at(image_shape, classes)
