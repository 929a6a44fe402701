"""Where ``smkd corrupt`` writes: never where a word in a file points to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smkd_cli.artifacts.manifest import read_manifest
from smkd_cli.naming import LONGEST_NAME

Smkd = Callable[..., Any]


def manifest(dataset: str, split: str = "train") -> str:
    return (
        f"# schema: smkd/manifest/1\n# dataset: {dataset}\n# split: {split}\n# classes: 3\n# samples: 3\n"
        "# kind: pairflip\n# rate: 0.4\n# seed: 0\n# sampling: per-sample\n# transition_matrix: pairflip\n"
        "index,image,clean_label,label\n0,a,0,0\n1,b,1,1\n2,c,2,2\n"
    )


@pytest.mark.parametrize(
    ("dataset", "split", "name"),
    [
        ("/tmp/written-elsewhere/x", "train", "tmp-written-elsewhere-x-train-symmetric-0.4-seed0.csv"),
        ("../../written-above", "train", "written-above-train-symmetric-0.4-seed0.csv"),
        ("digits", "/../../written-beside", "digits-written-beside-symmetric-0.4-seed0.csv"),
        (".", "..", "----symmetric-0.4-seed0.csv"),
        ("-o x;y", "train", "o-x-y-train-symmetric-0.4-seed0.csv"),
        ("貓 é", "Train", "貓-é-Train-symmetric-0.4-seed0.csv"),
    ],
)
def test_a_header_names_a_file_in_manifests_only(smkd: Smkd, dataset: str, split: str, name: str) -> None:
    result = smkd("corrupt", "--labels", "-", stdin=manifest(dataset, split))
    assert result.code == 0, result.err
    assert name == Path(name).name
    assert [str(path) for path in Path().rglob("*")] == ["manifests", f"manifests/{name}"]
    assert result.out == f"manifests/{name}\n"
    written = read_manifest(f"manifests/{name}")
    assert (written.dataset, written.split) == (dataset, split)


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=LONGEST_NAME)


@given(dataset=names, split=names)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_words_name_a_file_in_manifests(smkd: Smkd, dataset: str, split: str) -> None:
    result = smkd(
        "corrupt", "--labels", "-", "--kind", "symmetric-inclusive", "--sampling", "coteaching", "--quiet",
        stdin=manifest(dataset, split),
    )  # fmt: skip
    assert result.code == 0, result.err
    (written,) = Path("manifests").iterdir()
    assert result.out == f"{written}\n"
    assert [path.name for path in Path().iterdir()] == ["manifests"]
    assert read_manifest(written).dataset == dataset
    written.unlink()


@pytest.mark.parametrize("letter", ["n", "é", "貓"])
def test_the_longest_words_name_a_file_that_file_systems_take(smkd: Smkd, letter: str) -> None:
    long, kind = letter * LONGEST_NAME, letter * (LONGEST_NAME - len("own.py:"))
    Path("own.py").write_text(
        "from smkd_cli.noise import NoiseKind\nfrom smkd_cli.noise.matrices.symmetric import KIND\n"
        f"own = NoiseKind(name={kind!r}, transitions=KIND.transitions, matrix=KIND.matrix)\n"
    )
    options = ("--kind", f"own.py:{kind}", "--rate", "0.333333333333", "--seed", 2**32 - 1, "--sampling", "coteaching")
    result = smkd("corrupt", "--labels", "-", *options, stdin=manifest(long, long))
    assert result.code == 0, result.err
    assert read_manifest(result.out.removesuffix("\n")).dataset == long
