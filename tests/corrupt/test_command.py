"""``smkd corrupt`` on named data sets: paths, streams, words, and how it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import DATA

from smkd_cli import noise
from smkd_cli.artifacts.manifest import read_manifest
from smkd_cli.data import find

Smkd = Callable[..., Any]


def process(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smkd_cli", "corrupt", *arguments]
    return subprocess.run(command, cwd=folder, stderr=subprocess.PIPE, text=True, check=False, **options)


def test_writes_a_manifest_and_prints_its_path(smkd: Smkd) -> None:
    result = smkd("corrupt", "--kind", "pairflip", "--rate", "0.4", "--seed", "3")
    assert (result.code, result.out) == (0, "manifests/digits-train-pairflip-0.4-seed3.csv\n")
    manifest = read_manifest(result.out.strip())
    digits = find("digits", DATA).labels("train")
    labels, clean = manifest.aligned_to(digits.image_ids)
    np.testing.assert_array_equal(clean, digits.labels)
    drawn = noise.corrupt_labels(digits.labels, kind="pairflip", rate=0.4, classes=10, seed=3)
    np.testing.assert_array_equal(labels, drawn)
    assert (manifest.dataset, manifest.split, manifest.classes) == ("digits", "train", 10)
    assert (manifest.kind, manifest.rate, manifest.seed, manifest.sampling) == ("pairflip", 0.4, 3, "per-sample")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "digits-train-symmetric-0.4-seed0.csv"),
        (("--kind", "clean"), "digits-train-clean-0-seed0.csv"),
        (("--sampling", "exact", "--rate", "1"), "digits-train-symmetric-1-exact-seed0.csv"),
        (
            ("--sampling", "coteaching", "--kind", "symmetric-inclusive"),
            "digits-train-symmetric-inclusive-0.4-coteaching-seed0.csv",
        ),
    ],
)
def test_the_default_path_differs_for_each_setting(smkd: Smkd, options: tuple[str, ...], name: str) -> None:
    assert smkd("corrupt", *options).out == f"manifests/{name}\n"


def test_clean_keeps_every_label(smkd: Smkd) -> None:
    manifest = read_manifest(smkd("corrupt", "--kind", "clean").out.strip())
    assert manifest.realised_rate == 0


def test_the_same_command_gives_the_same_bytes(smkd: Smkd, tmp_path: Path) -> None:
    first = smkd("corrupt", "-o", "-").out
    assert first.startswith("# schema: smkd/manifest/3\n")
    assert smkd("corrupt", "-o", "-").out == first
    assert smkd("corrupt", "-o", "some/where.csv").out == "some/where.csv\n"
    assert (tmp_path / "some/where.csv").read_text() == first
    assert smkd("corrupt", "-o", "-", "--seed", "1").out != first


def test_the_summary_is_for_people(smkd: Smkd) -> None:
    result = smkd("corrupt", "--sampling", "exact")
    assert "1,437 labels" in result.err
    assert "40.00 % of the labels were to change, 39.94 % did (574)" in result.err
    rows = [line.split("│")[1:6] for line in result.err.splitlines() if line.startswith("│")]
    assert len(rows) == 10
    assert [cell.strip() for cell in rows[0]] == ["0", "142", "57", "40.00", "40.14"]
    assert smkd("corrupt", "--quiet").err == ""


def test_warns_of_noise_that_is_not_identifiable_even_when_quiet(smkd: Smkd) -> None:
    result = smkd("corrupt", "--kind", "pairflip", "--rate", "0.5", "--quiet")
    assert result.code == 0
    assert result.err.startswith("warning: pairflip noise of rate 0.5 is not identifiable")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "pairfip"), "unknown kind of noise 'pairfip'; did you mean pairflip?"),
        (("--rate", "1.5"), "noise rate 1.5 is not in [0, 1]"),
        (("--rate", "nan"), "noise rate nan is not in [0, 1]"),
        (("--kind", "clean", "--rate", "0.1"), "clean labels have noise rate 0"),
        (("--kind", "asymmetric"), "the classes of cifar10 and cifar100, not of digits"),
        (("--sampling", "exactly"), "unknown sampling 'exactly'; did you mean exact?"),
        (("--seed", "-1"), "seed -1 is not in"),
        (("--dataset", "digit"), "digits"),
        (("--classes", "10"), "--classes belongs to --labels"),
    ],
)
def test_wrong_usage(smkd: Smkd, tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    result = smkd("corrupt", *options)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert list(tmp_path.iterdir()) == []


def test_an_absent_data_set(smkd: Smkd, tmp_path: Path) -> None:
    result = smkd("corrupt", "--dataset", "cifar10", "--data", tmp_path)
    assert (result.code, result.out) == (4, "")
    assert "smkd datasets fetch cifar10" in result.err


def test_cifar100(smkd: Smkd, real_data: Path) -> None:
    result = smkd("corrupt", "--dataset", "cifar100", "--kind", "asymmetric", "--rate", "0.3", "--data", real_data)
    assert result.code == 0
    assert "per class: from" in result.err
    manifest = read_manifest(result.out.strip())
    assert len(manifest.noisy_labels) == 50_000
    assert manifest.realised_rate == pytest.approx(0.3, abs=0.01)


def test_never_imports_torch(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom smkd_cli.app import main\n"
        "try: main(['corrupt', '--quiet'])\nexcept SystemExit as end: assert end.code == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, capture_output=True).returncode == 0
    )


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = process(tmp_path, "-o", "-", "--quiet", stdout=write_end)
    os.close(write_end)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("options", [("-o", "-"), ("-o", "/dev/full"), ("-o", "m.csv")])
def test_a_full_disk(tmp_path: Path, options: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        result = process(tmp_path, *options, "--quiet", stdout=full)
    assert result.returncode == 4
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert Path("/dev/full").is_char_device()


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("precious")

    def no_file_over_10_kb() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    result = process(tmp_path, "-o", "m.csv", stdout=subprocess.PIPE, preexec_fn=no_file_over_10_kb)
    assert (result.returncode, result.stdout) == (4, "")
    assert "error: m.csv: cannot be written: File too large" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m.csv"]
    assert (tmp_path / "m.csv").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(smkd: Smkd, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    result = smkd("corrupt")
    tmp_path.chmod(0o700)
    assert result.code == 4
    assert "manifests" in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(smkd: Smkd, tmp_path: Path) -> None:
    (tmp_path / "manifests").write_text("")
    result = smkd("corrupt")
    assert result.code == 4
    assert "manifests/digits-train-symmetric-0.4-seed0.csv: cannot be written" in result.err


def test_labels_that_are_wrong_already_are_taken_as_they_are(smkd, tmp_path):
    (tmp_path / "mine.csv").write_text("image,label\na,2\nb,0\nc,2\n")
    result = smkd("corrupt", "--labels", "mine.csv", "--kind", "given")
    assert result.code == 0, result.err
    assert result.out == "manifests/mine-train-given.csv\n"
    manifest = read_manifest(tmp_path / "manifests" / "mine-train-given.csv")
    assert manifest.kind == "given"
    assert manifest.noisy_labels.tolist() == [2, 0, 2]
    assert manifest.clean_labels is None
    assert manifest.rate is manifest.seed is manifest.realised_rate is None
    assert smkd("corrupt", "--kind", "given").code == 2
    assert smkd("corrupt", "--labels", "mine.csv", "--kind", "given", "--rate", 0.2).code == 2
