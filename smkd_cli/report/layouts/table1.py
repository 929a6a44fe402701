"""Table I: how each network is trained against what is distilled."""

from smkd_cli.report.layout import Layout, Slot

LAYOUT = Layout(
    name="table1",
    number="I",
    title="Table I: what is distilled against how each network is trained",
    corner="Distilled",
    where={"kind": "symmetric", "rate": 0.4},
    rows=tuple(Slot(exchange, {"exchange": exchange}) for exchange in ("Zero", "All", "SMKD-S", "SMKD-P")),
    columns=tuple(Slot(target, {"target": target}) for target in ("LS", "CP", "ProSelfLC", "MyLC")),
    epochs=100,
    notes=("Symmetric label noise, 40%.",),
)
