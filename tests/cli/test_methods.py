"""``smkd methods`` tells what there is, without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from smkd_cli import methods


def test_every_method_has_a_line(smkd):
    result = smkd("methods", "ls")
    assert result.code == 0, result.err
    lines = {line.split("\t")[0]: line.split("\t") for line in result.out.splitlines()}
    assert list(lines) == methods.names()
    assert all(len(line) == 6 for line in lines.values())
    assert lines["CE"][3:5] == ["1", "1.00"]
    assert lines["Co-teaching"][2] == "the noise rate"
    assert lines["T2S-KD"][2] == "a trained teacher"
    assert lines["T2S-KD"][4] == "1.33"
    assert lines["Tf-KD_self"][3:5] == ["2", "2.33"]


@pytest.mark.parametrize("name", methods.names())
def test_every_method_has_a_page(smkd, name):
    result = smkd("methods", "show", name.lower())
    assert result.code == 0, result.err
    assert result.out.startswith(f"{name}: ")
    for key, field in methods.rule(name).model_fields.items():
        assert field.description, f"{key} of {name} does not say what it is"
        assert f"  {key} (" in result.out


def test_a_combination_has_the_pages_of_its_parts(smkd):
    out = smkd("methods", "show", "SMKD-P+MyLC").out
    assert "SMKD-P: exchange rule" in out
    assert "MyLC: target rule" in out
    assert "b1 (float, default 16.0): steepness of g" in out


def test_a_default_of_nothing_is_named_as_a_recipe_names_it(smkd):
    assert (
        "multiplier (float or null, default null): M of authors; null for C" in smkd("methods", "show", "Tf-KD_reg").out
    )


def test_an_unknown_method_is_a_wrong_usage(smkd):
    result = smkd("methods", "show", "Co-teachin")
    assert result.code == 2
    assert "did you mean Co-teaching?" in result.err


def test_torch_is_not_imported():
    code = "import sys; from smkd_cli.recipe.method_verbs import ls; ls(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
