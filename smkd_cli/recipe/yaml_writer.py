"""Writes what :mod:`smkd_cli.recipe.yaml_reader` reads: the same data comes back."""

from __future__ import annotations

from typing import Any

import yaml

from smkd_cli.recipe.yaml_reader import FLOAT


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's signature
        return True


# PyYAML leaves strings such as 1e-3 unquoted, which are numbers to our reader. A string that either takes for
# something else is quoted.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


def dump(data: Any) -> str:
    """YAML text of plain data: leaves in flow style, one top-level key a line."""
    return yaml.dump(data, Dumper=_Dumper, default_flow_style=None, sort_keys=False, allow_unicode=True, width=120)
