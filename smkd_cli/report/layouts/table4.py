"""Table IV: two different networks, and two that are the same."""

from collections.abc import Iterator

from smkd_cli.artifacts.results import CellRecord
from smkd_cli.report.layout import Layout, Slot, accuracy_of_peers, method_row, own_recipe_row

_METHODS = ("CE", "Tf-KD_reg", "ProSelfLC", "MyLC", "MKD", "KDCL", "SMKD-P+MyLC")
_IN_TWO_RECIPES = ("Tf-KD_reg", "MKD")


def _rows() -> Iterator[Slot]:
    for name in _METHODS:
        yield method_row(name, own_recipe=False)
        if name in _IN_TWO_RECIPES:
            yield own_recipe_row(name)


def _epochs(cell: CellRecord) -> int:
    return 100 if len(set(cell.networks)) == 1 else 200


LAYOUT = Layout(
    name="table4",
    number="IV",
    title="Table IV: mutual distillation of different and of same networks",
    corner="Method",
    where={"kind": "symmetric", "rate": 0.4},
    rows=tuple(_rows()),
    columns=(
        Slot("ResNet-18 (peer of ShuffleNetV2)", {"peer": "a"}, "Difference"),
        Slot("ShuffleNetV2 (peer of ResNet-18)", {"peer": "b"}, "Difference"),
        Slot("ResNet-34 (both)", {"peer": "both"}, "Same"),
    ),
    measure=accuracy_of_peers,
    of="of each network where the two differ, and the mean of the two where they are the same",
    epochs=_epochs,
    across_protocols=True,
    own_recipes=True,
    notes=(
        "Symmetric label noise, 40%: the paper names it for the same networks only (Table II has the same values), and "
        "we take it for the different ones too.",
        "The columns are headed by the paper's networks; the title names those that were trained here, in this order.",
    ),
)
