"""What a recipe says of methods that do not go with it."""

from __future__ import annotations

import pytest
from data_sets import DATA

from smkd_cli.errors import RecipeError
from smkd_cli.recipe import load_recipe


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("T2S-KD", "methods.0: T2S-KD needs teacher"),
        ("{name: KDCL, variant: general}", "set validation.fraction above 0"),
        ("{name: S2E, trials: 2}", "set validation.fraction above 0, or trials to 0"),
        ("DMI", "take a batch size of at least 10, not 8"),
        ("{name: DMI, protocol: {batch_size: 9}}", "take a batch size of at least 10, not 9"),
        ("{name: Co-teaching, noise_rate: 1.5}", "methods.0.noise_rate"),
        ("{name: Co-teaching, noise_rate: orakel}", "methods.0.noise_rate"),
        ("{name: Forward, transition: 3}", "methods.0.transition"),
        ("{name: GCE, q: two}", "methods.0.q"),
        ("{name: Co-teaching+, ramp: -1}", "methods.0.ramp"),
        ("Co-teaching++", "unknown method"),
        ("MKD+Co-teaching", "is not EXCHANGE+TARGET"),
    ],
)
def test_a_method_that_does_not_go_with_its_recipe(method, message):
    with pytest.raises(RecipeError) as error:
        load_recipe("quickstart", ["batch_size=8", f"methods=[{method}]", "options={}"], data=DATA)
    assert message in str(error.value)


def test_a_protocol_of_its_own_may_make_it_go():
    row = "{name: DMI, protocol: {batch_size: 32}}"
    recipe = load_recipe("quickstart", ["batch_size=8", f"methods=[{row}]", "options={}"], data=DATA)
    assert recipe.methods[0].name == "DMI"
