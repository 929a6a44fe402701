"""Figure 4: accuracy over b2 for each eta."""

from smkd_cli.report.layout import FromResults, Layout

LAYOUT = Layout(
    name="figure4",
    number="figure4",
    title="Figure 4: accuracy over b₂ for each η",
    corner="b₂",
    where={"exchange": ("SMKD-S", "SMKD-P"), "kind": "symmetric", "rate": 0.6},
    rows=FromResults("b2", "{:g}".format),
    columns=FromResults("eta", "η = {:g}".format),
    best_two=False,
    notes=("Symmetric label noise, 60%. The paper gives this figure as a drawing without numbers.",),
)
