"""The networks that peers can be: one file per architecture family, and what each costs.

Names and costs are known without importing torch; only :func:`build` imports it.
"""

from __future__ import annotations

from smkd_cli.networks.catalogue import Facts, build, facts, names

__all__ = ["Facts", "build", "facts", "names"]
