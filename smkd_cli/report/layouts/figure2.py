"""Figure 2: how much knowledge is sent in each epoch."""

import math

from smkd_cli.artifacts.metrics import has_metrics, read_metrics
from smkd_cli.artifacts.results import Result
from smkd_cli.errors import DataError
from smkd_cli.report.layout import FromResults, Layout, Measured


def _knowledge_sent(result: Result) -> Measured:
    """Samples sent from A to B plus those from B to A, in each epoch; none where the scores came without the run."""
    if result.scores is None or not has_metrics(result.path):
        return []
    metrics = read_metrics(result.path, "epoch", "sent_a_to_b", "sent_b_to_a")
    if result.scores.last.epoch not in {None, len(metrics)}:
        raise DataError(
            f"{result.path / 'metrics.csv'}: ends in epoch {len(metrics)}, but the run in {result.scores.last.epoch}; "
            "train the cell again"
        )
    return [
        ({"epoch": int(epoch)}, {"sent": a_to_b + b_to_a})
        for epoch, a_to_b, b_to_a in metrics
        if not math.isnan(a_to_b + b_to_a)
    ]


LAYOUT = Layout(
    name="figure2",
    number="figure2",
    title="Figure 2: samples distilled per epoch, A to B plus B to A",
    corner="Epoch",
    where={"exchange": ("SMKD-S", "SMKD-P"), "eta": 2, "kind": "symmetric", "rate": 0.4},
    rows=FromResults("epoch", str, every=10),
    columns=FromResults("b2", "b₂ = {:g}".format),
    measure=_knowledge_sent,
    metric="sent",
    decimals=0,
    best_two=False,
    notes=(
        "η = 2, symmetric label noise, 40%. The paper gives this figure as a drawing without numbers.",
        "Only the first, each tenth and the last epoch are printed; the formats csv and json hold all.",
    ),
)
