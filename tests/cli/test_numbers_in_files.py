"""Numbers of thousands of digits, huge exponents and what is none: refused in words by every reader, and at once."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

RESULT = next((Path(__file__).parents[2] / "benchmarks" / "results" / "quickstart").rglob("result.json"))
HEADER = {
    "schema": "smkd/manifest/2", "dataset": "toy", "split": "train", "classes": "2", "samples": "2", "kind": "given",
    "rate": "", "seed": "", "sampling": "", "transition_matrix": "",
}  # fmt: skip
RECIPE = {
    "schema": "smkd/recipe/1", "dataset": "digits", "networks": "small_resnet", "methods": "[CE]",
    "noise": "[{kind: clean}]", "epochs": "1",
}  # fmt: skip
LONG = ["9" * 5000, "-" + "9" * 5000, "9" * 100_000, "1e999999", "1e99999999999999999999"]
NONE = ["NaN", "Infinity", "-inf", "1_0", "１", "0x10"]


@pytest.fixture
def refused(smkd):
    """What a command says that refuses a file at once."""

    def run(name: str, content: str, *words: str) -> str:
        Path(name).write_text(content, encoding="utf-8")
        begun = time.monotonic()
        result = smkd(*words, name)
        assert result.code in {2, 3, 4}, result.err
        assert time.monotonic() - begun < 5
        assert len(result.err) < 1000
        assert "Error:" not in result.err
        assert name in result.err
        return result.err

    smkd("corrupt", "-q", "-o", "-")  # loads what is slow to load
    return run


@pytest.mark.parametrize("number", LONG + NONE)
def test_in_tables(refused, number):
    for column in ("label", "clean_label"):
        refused("labels.csv", f"{column}\n0\n1\n{number}\n", "corrupt", "--column", column, "--labels")
    for key in ("classes", "samples", "seed", "rate", "realised_rate"):
        lines = "".join(f"# {name}: {value}\n" for name, value in (HEADER | {key: number}).items())
        content = f"{lines}index,image,clean_label,noisy_label\n0,,0,0\n1,,1,1\n"
        assert f"{key} in the header is" in refused("m.csv", content, "corrupt", "--labels")
    lines = "".join(f"# {name}: {value}\n" for name, value in HEADER.items())
    for row in (f"{number},,1,1", f"1,,{number},1", f"1,,1,{number}"):
        content = f"{lines}index,image,clean_label,noisy_label\n0,,0,0\n{row}\n"
        assert "row 2 (line 13)" in refused("m.csv", content, "corrupt", "--labels")


@pytest.mark.parametrize("number", [*LONG, "NaN", ".inf", "1_0", "0x10"])
@pytest.mark.parametrize("key", ["epochs", "seeds", "batch_size", "optimizer", "noise"])
def test_in_recipes(refused, key, number):
    around = {"seeds": "[{}]", "optimizer": "{{lr: {}}}", "noise": "[{{kind: symmetric, rate: {}}}]"}
    value = around.get(key, "{}").format(number)
    content = "".join(f"{name}: {text}\n" for name, text in (RECIPE | {key: value}).items())
    assert "recipe.yaml:" in refused("recipe.yaml", content, "recipes", "validate")


@pytest.mark.parametrize("number", [*LONG, "NaN", "Infinity"])
@pytest.mark.parametrize(
    "key", ["cell.seed", "cell.epochs", "cell.noise.rate", "scores.last.mean", "scores.last.epoch"]
)
def test_in_results(refused, key, number):
    record = json.loads(RESULT.read_text())
    *path, last = key.split(".")
    part = record
    for name in path:
        part = part[name]
    part[last] = "number"
    content = json.dumps(record).replace('"number"', number)
    assert "damaged" in refused("result.json", content, "report")
    assert "damaged" in refused("scores.jsonl", content + "\n", "report")
