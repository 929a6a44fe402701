"""``smkd networks ls`` and ``show``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smkd_cli import networks


def test_ours_with_their_cost(smkd: Callable) -> None:
    result = smkd("networks", "ls")
    assert result.code == 0
    rows = dict(line.split("\t", 1) for line in result.out.splitlines())
    assert list(rows) == networks.names()
    assert rows["small_resnet"] == "73370\t7.8"


def test_the_names_of_a_library(smkd: Callable) -> None:
    result = smkd("networks", "ls", "torchvision", "--match", "resnet*")
    assert result.code == 0
    assert "torchvision:resnet50" in result.out.splitlines()
    assert all(line.startswith("torchvision:resnet") for line in result.out.splitlines())


def test_what_one_costs_and_wants(smkd: Callable) -> None:
    ours = smkd("networks", "show", "small_resnet", "--classes", 100)
    assert ours.out.splitlines()[:3] == ["name: small_resnet", "images: 32x32x3", "parameters: 79,220"]
    theirs = smkd("networks", "show", "timm:tf_efficientnet_lite0", "--classes", 1000)
    assert "parameters: 4,652,008" in theirs.out
    assert "made for: 224 pixels, the middle 87.5 % of the shorter side" in theirs.out
    assert "images: 128x128x3" in smkd("networks", "show", "timm:tf_efficientnet_lite0", "--size", 128).out


@pytest.mark.parametrize(
    "arguments",
    [["ls", "keras"], ["ls", "timm", "--match", "nothing*"], ["show", "timm:nothing"], ["show", "resnet19"]],
    ids=" ".join,
)
def test_what_is_not_there(smkd: Callable, arguments: list[str]) -> None:
    result = smkd("networks", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
