"""Table II: methods under five noise settings."""

from smkd_cli.report.layout import Layout, Slot, method_row, percent

_METHODS = (
    *("CE", "LS", "CP", "Boot-soft"),
    *("ProSelfLC", "SMKD-S+ProSelfLC", "SMKD-P+ProSelfLC"),
    *("MyLC", "SMKD-S+MyLC", "SMKD-P+MyLC"),
)
_KINDS = {"pairflip": "Pair-flip", "symmetric": "Symmetric"}

LAYOUT = Layout(
    name="table2",
    number="II",
    title="Table II: methods under five kinds of label noise",
    corner="Method",
    rows=tuple(map(method_row, _METHODS)),
    columns=(
        *(
            Slot(percent(rate), {"kind": kind, "rate": rate}, group)
            for kind, group in _KINDS.items()
            for rate in (0.2, 0.4)
        ),
        Slot("Clean", {"kind": "clean"}),
    ),
    epochs=100,
)
