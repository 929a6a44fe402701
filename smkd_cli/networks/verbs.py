"""The commands ``smkd networks ls | show``."""

from __future__ import annotations

from fnmatch import fnmatch

from smkd_cli import console
from smkd_cli.errors import UsageError
from smkd_cli.networks.catalogue import facts, names, preprocessing_of
from smkd_cli.networks.libraries import LIBRARIES, names_in

_SIDE, _CHANNELS, _CLASSES = 32, 3, 10


def ls(library: str | None, pattern: str | None) -> None:
    """A line per network on stdout: name, parameters, millions of multiply-adds; of a library the names alone.

    Args:
        library: ``timm`` or ``torchvision``; None for the networks that need no library.
        pattern: of the names, as a shell has it; None for all.

    Raises:
        UsageError: there is no such library here, or no network matches.
    """
    if library is not None and library not in LIBRARIES:
        raise UsageError(f"there is no library {library!r:.80} of networks; there are {' and '.join(LIBRARIES)}")
    known = names() if library is None else [f"{library}:{name}" for name in names_in(library)]
    chosen = [name for name in known if pattern is None or fnmatch(name.rpartition(":")[2], pattern)]
    if not chosen:
        raise UsageError(f"no network is called {pattern!r:.80}")
    if library is not None:
        for name in chosen:
            console.emit(name)
        return
    console.info(f"name\tparameters\tmillion multiply-adds ({_SIDE}x{_SIDE}x{_CHANNELS}, {_CLASSES} classes)")
    for name in chosen:
        console.emit("\t".join((name, *_cost(name, _SIDE))))


def show(name: str, size: int | None, classes: int) -> None:
    """What a network is and costs, ``key: value`` lines on stdout.

    Args:
        size: side of its images in pixels; None for what its library made it for, else 32.
        classes: number of classes.

    Raises:
        UsageError: there is no such network, or it cannot be built.
    """
    wanted = preprocessing_of(name)
    side = size or (wanted.size if wanted else _SIDE)
    known = facts(name)
    lines = {
        "name": name,
        "images": f"{side}x{side}x{_CHANNELS}",
        "parameters": f"{known.parameters_at(classes, _CHANNELS):,}",
        "multiply-adds forward": f"{known.multiply_adds_at((side, side, _CHANNELS), classes):,}",
        "feature maps": f"{known.features} channels" if known.features else "none, which some methods need",
    }
    if wanted is not None:
        lines |= {
            "made for": f"{wanted.size} pixels, the middle {100 * wanted.crop:.1f} % of the shorter side",
            "mean": _numbers(wanted.mean),
            "standard deviation": _numbers(wanted.std),
        }
    for key, value in lines.items():
        console.emit(f"{key}: {value}")


def _cost(name: str, side: int) -> tuple[str, str]:
    known = facts(name)
    operations = known.multiply_adds_at((side, side, _CHANNELS), _CLASSES) / 1e6
    return f"{known.parameters_at(_CLASSES, _CHANNELS)}", f"{operations:.1f}"


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
