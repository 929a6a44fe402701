"""Table V: the static threshold H(u)/eta."""

from smkd_cli.report.layout import Layout, Slot, percent

LAYOUT = Layout(
    name="table5",
    number="V",
    title="Table V: the threshold H(u)/η of SMKD-S",
    corner="SMKD-S",
    where={"exchange": "SMKD-S", "target": "ProSelfLC"},
    rows=tuple(Slot(f"η = {eta}", {"eta": eta}) for eta in (1, 2, 3, 4)),
    columns=tuple(
        Slot(percent(rate), {"kind": "symmetric", "rate": rate}, "Symmetric") for rate in (0.2, 0.4, 0.6, 0.8)
    ),
    epochs=100,
    notes=(
        "The paper does not name the target rule of this table; its values at 40% equal those of ProSelfLC in Table I "
        "(All at η = 1, SMKD-S at η = 4).",
    ),
)
