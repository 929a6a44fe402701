"""Figure 3: accuracy over b2 under each noise rate."""

from smkd_cli.report.layout import FromResults, Layout, percent

LAYOUT = Layout(
    name="figure3",
    number="figure3",
    title="Figure 3: accuracy over b₂ under each noise rate",
    corner="b₂",
    where={"exchange": ("SMKD-S", "SMKD-P"), "eta": 2, "kind": "symmetric"},
    rows=FromResults("b2", "{:g}".format),
    columns=FromResults("rate", percent),
    best_two=False,
    notes=("η = 2, symmetric label noise. The paper gives this figure as a drawing without numbers.",),
)
