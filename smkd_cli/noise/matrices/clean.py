"""No noise: the labels stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smkd_cli.errors import UsageError
from smkd_cli.noise.contract import NoiseKind
from smkd_cli.noise.forms import Single


def unchanged(refusal: str) -> Callable[[float, int, str | None], Single]:
    """The identity, as the transitions of a kind that takes no rate.

    Args:
        refusal: the message of the UsageError at any rate but 0, which stands in its ``{}``.
    """

    def transitions(rate: float, classes: int, dataset: str | None) -> Single:  # noqa: ARG001
        if rate != 0:
            raise UsageError(refusal.format(f"{rate:g}"))
        return Single(np.arange(classes), 0.0)

    return transitions


KIND = NoiseKind(
    name="clean",
    transitions=unchanged("clean labels have noise rate 0, not {}: leave the rate out or choose another kind"),
)
