"""The networks that peers can be: one file per architecture family, and what each costs.

Names and costs are known without importing torch; only :func:`build` imports it.
"""

from __future__ import annotations

from smkd_cli.networks.catalogue import build, check, facts, names
from smkd_cli.networks.facts import NetworkFacts

__all__ = ["NetworkFacts", "build", "check", "facts", "names"]
