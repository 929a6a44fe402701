"""Every network through the same tests."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from smkd_cli import networks
from smkd_cli.errors import UsageError

PARAMETERS = {
    "resnet18": 11_220_132,
    "resnet34": 21_328_292,
    "resnet50": 23_705_252,
    "shufflenet_v2": 1_360_896,
    "small_resnet": 79_220,
}
HEADS = ("linear", "mlp")
every_network = pytest.mark.parametrize("name", networks.names())
counted_network = pytest.mark.parametrize("name", PARAMETERS)


def on_meta(name: str, classes: int, channels: int = 3) -> torch.nn.Module:
    with torch.device("meta"):
        return networks.build(name, classes, channels)


def random_images(count: int, side: int, channels: int) -> torch.Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(0))


def test_these_networks_are_there() -> None:
    assert networks.names() == sorted([*PARAMETERS, *HEADS])


@counted_network
def test_parameter_counts_are_those_of_the_cited_code(name: str) -> None:
    count = sum(parameter.numel() for parameter in on_meta(name, 100).parameters())
    assert count == networks.facts(name).parameters == PARAMETERS[name]


@counted_network
@pytest.mark.parametrize(("side", "channels", "classes"), [(32, 3, 100), (32, 3, 10), (8, 1, 10), (64, 3, 14)])
def test_costs_are_those_of_the_network(name: str, side: int, channels: int, classes: int) -> None:
    network = on_meta(name, classes, channels).eval()
    with FlopCounterMode(display=False) as counter:
        logits = network(torch.empty(1, channels, side, side, device="meta"))
    assert logits.shape == (1, classes)
    facts = networks.facts(name)
    assert 2 * facts.multiply_adds_at((side, side, channels), classes) == counter.get_total_flops()
    assert facts.parameters_at(classes, channels) == sum(parameter.numel() for parameter in network.parameters())
    assert facts.multiply_adds == facts.multiply_adds_at((32, 32, 3), 100)


def test_the_names_and_costs_need_no_torch() -> None:
    script = "import sys; from smkd_cli import networks; networks.facts('resnet34'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_unknown_name_gets_a_suggestion() -> None:
    for ask in (networks.facts, lambda name: networks.build(name, 10)):
        with pytest.raises(UsageError, match=r"unknown network 'shufflenetv2'; did you mean shufflenet_v2\?"):
            ask("shufflenetv2")


@every_network
def test_samples_do_not_see_each_other_in_evaluation(name: str) -> None:
    network = networks.build(name, 10).eval()
    images = random_images(3, 32, 3)
    with torch.no_grad():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])
    assert together.shape == (3, 10)
    torch.testing.assert_close(together, alone)


@every_network
def test_channels_last_computes_the_same(name: str) -> None:
    network = networks.build(name, 10).eval()
    images = random_images(2, 32, 3)
    with torch.no_grad():
        expected = network(images)
        network.to(memory_format=torch.channels_last)
        torch.testing.assert_close(network(images.contiguous(memory_format=torch.channels_last)), expected)


@every_network
def test_every_parameter_takes_part(name: str) -> None:
    channels, side = (1, 8) if name == "small_resnet" else (3, 32)
    network = networks.build(name, 10, channels)
    network(random_images(2, side, channels)).square().sum().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []


def test_the_same_seed_gives_the_same_network() -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(networks.build("small_resnet", 10, 1).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["classifier.weight"], states[2]["classifier.weight"])


def test_names_in_a_checkpoint_stay() -> None:
    small = networks.build("small_resnet", 10, 1).state_dict()
    assert small["stages.1.0.shortcut.0.weight"].shape == (64, 32, 1, 1)
    assert {key.split(".")[0] for key in small} == {"stem", "stages", "classifier"}
    shuffle = on_meta("shufflenet_v2", 10).state_dict()
    assert shuffle["stages.0.0.shortcut.0.weight"].shape == (24, 1, 3, 3)
    assert shuffle["stages.2.3.branch.0.weight"].shape == (232, 232, 1, 1)
    assert {key.split(".")[0] for key in shuffle} == {"stem", "stages", "last", "classifier"}


def test_a_shuffle_takes_channels_by_turns() -> None:
    unit = networks.build("shufflenet_v2", 10).eval().get_submodule("stages.0.1")
    images = random_images(1, 4, 116)
    with torch.no_grad():
        shuffled = unit(images)
        worked = unit.get_submodule("branch")(images[:, 58:])
    assert torch.equal(shuffled[:, 0::2], images[:, :58])
    torch.testing.assert_close(shuffled[:, 1::2], worked)
