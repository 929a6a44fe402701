"""The networks that peers can be: one file per architecture family, and what each costs.

Names and costs are known without importing torch; only :func:`build` imports it.
"""

from __future__ import annotations

from smkd_cli.networks.catalogue import build, check, facts, guarded, names, preprocessing_of
from smkd_cli.networks.facts import NetworkFacts
from smkd_cli.networks.libraries import Preprocessing, library_of

__all__ = [
    "NetworkFacts",
    "Preprocessing",
    "build",
    "check",
    "facts",
    "guarded",
    "library_of",
    "names",
    "preprocessing_of",
]
