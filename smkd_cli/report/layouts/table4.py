"""Table IV: two different networks, and two that are the same."""

from smkd_cli.artifacts.results import Cell
from smkd_cli.report.layout import Layout, Slot, accuracy_of_peers, method_row

_METHODS = ("CE", "Tf-KD_reg", "ProSelfLC", "MyLC", "MKD", "KDCL", "SMKD-P+MyLC")


def _epochs(cell: Cell) -> int:
    return 100 if len(set(cell.networks)) == 1 else 200


LAYOUT = Layout(
    name="table4",
    number="IV",
    title="Table IV: mutual distillation of different and of same networks",
    corner="Method",
    where={"kind": "symmetric", "rate": 0.4},
    rows=tuple(method_row(name) for name in _METHODS),
    columns=(
        Slot("ResNet-18 (peer of ShuffleNetV2)", {"peer": "a"}, "Difference"),
        Slot("ShuffleNetV2 (peer of ResNet-18)", {"peer": "b"}, "Difference"),
        Slot("ResNet-34 (both)", {"peer": "both"}, "Same"),
    ),
    measure=accuracy_of_peers,
    of="of each network where the two differ, and the mean of the two where they are the same",
    epochs=_epochs,
    across_protocols=True,
    notes=(
        "Symmetric label noise, 40%: the paper names it for the same networks only (Table II has the same values), and "
        "we take it for the different ones too.",
        "The columns are headed by the paper's networks; the title says which were trained here, in this order.",
    ),
)
