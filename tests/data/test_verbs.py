"""smkd datasets ls | fetch | verify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smkd_cli.data.dataset import SplitName
from smkd_cli.data.duplicates import duplicates
from smkd_cli.data.sources.arrays import ArraySource, Split, image_ids

if TYPE_CHECKING:
    from .conftest import Server

Smkd = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real_data" not in request.fixturenames:
        monkeypatch.delenv("SMKD_DATA", raising=False)


def test_ls_prints_a_line_per_data_set(smkd: Smkd) -> None:
    result = smkd("datasets", "ls")
    assert result.code == 0
    assert result.out.splitlines() == [
        "cifar10\t50000\t10000\t10\t32x32x3\tabsent",
        "cifar100\t50000\t10000\t100\t32x32x3\tabsent",
        "cifar100-10\t5000\t1000\t10\t32x32x3\tabsent",
        "digits\t1437\t360\t10\t8x8x1\tembedded",
    ]


@pytest.mark.parametrize(
    ("options", "variable", "root"),
    [
        (("--data", "here"), "elsewhere", "here"),
        ((), "elsewhere", "elsewhere"),
        ((), "", "data"),
        ((), None, "data"),
    ],
)
def test_the_root_is_that_of_the_option_or_the_environment_or_data(
    smkd: Smkd, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], variable: str | None, root: str
) -> None:
    for folder in ("here", "elsewhere", "data"):
        Path(folder, "cifar-100-python").mkdir(parents=True)
        for name in ("train", "test", "meta"):
            Path(folder, "cifar-100-python", name).touch()
    if variable is not None:
        monkeypatch.setenv("SMKD_DATA", variable)
    found = dict(line.split("\t")[::5] for line in smkd("datasets", "ls", *options).out.splitlines())
    assert found["cifar100"] == f"{root}/cifar-100-python"


def test_ls_says_where_data_is(smkd: Smkd, real_data: Path) -> None:
    result = smkd("datasets", "ls", "--data", real_data)
    assert f"cifar100\t50000\t10000\t100\t32x32x3\t{real_data / 'cifar-100-python'}" in result.out.splitlines()


def test_verify_checks_what_is_here(smkd: Smkd) -> None:
    result = smkd("datasets", "verify")
    assert (result.code, result.out) == (0, "digits\tok\t0\t0\t0\t0\n")
    assert result.err == "name\tstate\ttwice in train\ttwice in test\tin both\tof two labels\n"


def test_verify_checks_real_files_and_counts_images_that_are_there_twice(smkd: Smkd, real_data: Path) -> None:
    result = smkd("datasets", "verify", "cifar100", "cifar100-10", "--data", real_data)
    assert (result.code, result.out) == (0, "cifar100\tok\t14\t2\t10\t17\ncifar100-10\tok\t5\t0\t4\t0\n")


@pytest.mark.parametrize(
    ("train", "test", "found"),
    [
        ([(0, 0), (1, 1), (2, 2)], [(3, 0), (4, 1)], (0, 0, 0, 0)),
        ([(0, 0), (0, 0), (0, 0), (1, 1)], [(2, 1), (2, 1)], (2, 1, 0, 0)),
        ([(0, 0), (0, 1), (1, 1)], [(1, 1), (1, 2), (2, 0)], (1, 1, 2, 2)),
    ],
)
def test_duplicates_are_counted_by_content(
    train: list[tuple[int, int]], test: list[tuple[int, int]], found: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Few(ArraySource):
        def read(self, split: SplitName) -> Split:
            rows = train if split == "train" else test
            images = np.array([image for image, _ in rows], dtype=np.uint8).reshape(-1, 1, 1, 1)
            return Split(images, np.array([label for _, label in rows], dtype=np.int64), image_ids(images))

    monkeypatch.setattr("smkd_cli.data.duplicates._CHUNK", 2)
    assert astuple(duplicates(Few(Path()))) == found


def test_verify_reports_every_problem_and_what_is_whole(smkd: Smkd, tmp_path: Path) -> None:
    for name in ("train", "test", "meta"):
        path = tmp_path / "data" / "cifar-100-python" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"altered")
    result = smkd("datasets", "verify", "cifar10", "cifar100", "digits")
    assert result.code == 4
    assert result.out == "digits\tok\t0\t0\t0\t0\n"
    _, first, second = result.err.splitlines()
    assert "cifar-10-batches-py/data_batch_1" in first
    assert "cifar-100-python/train: damaged or altered" in second


def test_there_is_nothing_to_fetch_of_digits(smkd: Smkd) -> None:
    result = smkd("datasets", "fetch", "digits")
    assert (result.code, result.out) == (0, "")
    assert "nothing to fetch" in result.err
    assert smkd("datasets", "fetch", "--quiet", "digits").err == ""


def test_fetching_what_is_here_prints_where(smkd: Smkd, real_data: Path) -> None:
    result = smkd("datasets", "fetch", "cifar100", "--data", real_data)
    assert (result.code, result.out) == (0, f"{real_data / 'cifar-100-python'}\n")


@pytest.mark.parametrize("command", ["fetch", "verify"])
def test_an_unknown_name_is_wrong_usage(command: str, smkd: Smkd) -> None:
    result = smkd("datasets", command, "digits", "cifar-10")
    assert (result.code, result.out) == (2, "")
    assert "did you mean cifar10?" in result.err


def test_one_address_cannot_serve_two_data_sets(smkd: Smkd, server: Server) -> None:
    assert smkd("datasets", "fetch", "cifar10", "cifar100", "--url", server.url).code == 2
    assert server.ranges == []


def test_a_failed_download_ends_with_4_and_says_what_to_do(smkd: Smkd, server: Server) -> None:
    server.status = 404
    result = smkd("datasets", "fetch", "cifar100", "--url", server.url)
    assert (result.code, result.out) == (4, "")
    assert "data/cifar-100-python.tar.gz and run the command again" in result.err
