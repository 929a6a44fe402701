"""The labels as people gave them: nothing is drawn, and how many of them are wrong is not said."""

from __future__ import annotations

from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.matrices.clean import unchanged

KIND = NoiseKind(
    name="given", transitions=unchanged("given labels are taken as they are, at no rate, not {}: leave the rate out")
)
