"""FFL, PCL and AFD: what is trained beside both networks, and which gradient reaches what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax

from smkd_cli import methods
from smkd_cli.methods import Batch, Clock, Method, Outputs
from smkd_cli.methods.distillation.feature_maps import of_one_size

NAMES = ["FFL", "PCL", "AFD"]
ALIKE, UNLIKE = ((6, 6), (4, 4)), ((6, 4), (4, 2))


@dataclass
class Scene:
    """Two networks' outputs; logits and feature maps are leaves, so that it shows what a gradient comes through."""

    method: Method
    a: Outputs
    b: Outputs
    batch: Batch
    clock: Clock
    modules: dict[str, torch.nn.Module]

    @property
    def module(self):
        """What both share."""
        return self.modules[""]

    def together(self):
        return self.method.together(self.a, self.b, self.batch, self.clock)

    def losses(self):
        method, batch, clock = self.method, self.batch, self.clock
        return method.loss(self.a, self.b, batch, clock), method.loss(self.b, self.a, batch, clock)

    def gradients(self, loss):
        """Of logits, maps, and parameters of the modules by name; zero where the loss does not reach."""
        leaves = {"za": self.a.logits, "zb": self.b.logits, "fa": self.a.features, "fb": self.b.features}
        for owner, module in self.modules.items():
            leaves |= {owner + name: value for name, value in module.named_parameters()}
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, retain_graph=True)
        return {
            name: torch.zeros_like(leaf) if gradient is None else gradient
            for (name, leaf), gradient in zip(leaves.items(), found, strict=True)
        }


def scene(name, shapes=UNLIKE, device="cpu", dtype=torch.float64, epoch=3.0, **options):
    method = methods.build(name, options)
    widths, sizes = shapes
    torch.manual_seed(0)
    labels = torch.randint(5, (8,))
    batch = Batch(labels, torch.nn.functional.one_hot(labels, 5).to(dtype), torch.arange(8))
    predicted = []
    for width, size in zip(widths, sizes, strict=True):
        logits = (2 * torch.randn(8, 5, dtype=dtype)).to(device).requires_grad_()
        maps = torch.randn(8, width, size, size, dtype=dtype).to(device).requires_grad_()
        average = torch.randn(8, 5, dtype=dtype).to(device).requires_grad_()
        own = Outputs.of(logits, companions={"average": average}, maps=maps)
        predicted.append(own.refined(method.refine(own, batch, None)))
    (extra,) = method.extras()
    if extra.shared:
        modules = {"": extra.build(5, widths).to(device, dtype)}
    else:
        modules = {
            f"{peer} ": extra.build(5, own).to(device, dtype) for peer, own in (("a", widths), ("b", widths[::-1]))
        }
    for own, module in zip(predicted, list(modules.values()) * 2, strict=False):
        own.modules[extra.name] = module
    clock = Clock(*(torch.tensor(time, dtype=torch.float64, device=device) for time in (epoch, 20.0, 1.0, 1.0)))
    batch = Batch(*(part.to(device) for part in (batch.noisy_labels, batch.onehot, batch.indices)))
    return Scene(method, *predicted, batch, clock, modules)


def taught(student, teacher, tau=3.0):
    return tau**2 * kl_div(log_softmax(student / tau, 1), softmax(teacher.detach() / tau, 1), reduction="batchmean")


def weight(at):
    """w of the third of twenty epochs, where the ramp takes 80 of 300."""
    return torch.exp(torch.tensor(-5 * (1 - (at - 1) / (20 * 80 / 300)) ** 2, dtype=torch.float64))


def pooled(both):
    return torch.cat([both.a.features.mean((2, 3)), both.b.features.mean((2, 3))], 1)


@pytest.mark.parametrize("shapes", [ALIKE, UNLIKE])
def test_ffl(close, shapes):
    both = scene("FFL", shapes)
    fused = both.module(torch.cat(of_one_size(both.a.features, both.b.features), 1))
    labels, mean = both.batch.noisy_labels, (both.a.logits + both.b.logits) / 2
    teaching = taught(both.a.logits, fused) + taught(both.b.logits, fused) + taught(fused, mean)
    written = cross_entropy(fused, labels) + weight(3) * teaching
    close(both.together(), written)
    for own, loss in zip((both.a, both.b), both.losses(), strict=True):
        close(loss, cross_entropy(own.logits, labels))
    assert_same(both.gradients(both.together()), both.gradients(written))


@pytest.mark.parametrize("shapes", [ALIKE, UNLIKE])
def test_pcl(close, shapes):
    both = scene("PCL", shapes)
    teacher, labels = both.module(pooled(both)), both.batch.noisy_labels
    written = cross_entropy(teacher, labels) + weight(3) * (
        taught(both.a.logits, teacher) + taught(both.b.logits, teacher)
    )
    close(both.together(), written)
    assert_same(both.gradients(both.together()), both.gradients(written))
    for own, other, loss in zip((both.a, both.b), (both.b, both.a), both.losses(), strict=True):
        close(loss, cross_entropy(own.logits, labels) + weight(3) * taught(own.logits, other.companions["average"]))


def test_pcl_averages_the_weights_and_sees_images_in_two_ways():
    method = methods.build("PCL", {"average_momentum": 0.99})
    assert [(c.name, c.source, c.momentum) for c in method.companions()] == [("average", "average", 0.99)]
    assert method.views() == methods.Views(shared=False)


def assert_same(got, want):
    assert got.keys() == want.keys()
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, want[name], rtol=0, atol=1e-9, msg=name)


@pytest.mark.parametrize("name", ["FFL", "PCL"])
def test_what_both_share_learns_and_both_networks_learn_from_it(name):
    both = scene(name)
    for key, gradient in both.gradients(both.together()).items():
        assert gradient.abs().sum() > 0, key


@pytest.mark.parametrize("name", NAMES)
def test_a_loss_of_one_network_reaches_it_and_its_own_alone(name):
    both = scene(name)
    for peer, loss in zip("ab", both.losses(), strict=True):
        gradients = both.gradients(loss)
        assert gradients.pop(f"z{peer}").abs().sum() > 0
        if name == "AFD":
            assert gradients.pop(f"f{peer}").abs().sum() > 0
        gradients = {key: value for key, value in gradients.items() if not key.startswith(f"{peer} ")}
        assert not any(gradient.any() for gradient in gradients.values())
        averages = [both.a.companions["average"], both.b.companions["average"]]
        assert torch.autograd.grad(loss, averages, allow_unused=True, retain_graph=True) == (None, None)


@pytest.mark.parametrize("name", ["FFL", "PCL"])
def test_the_ramp_ends_at_one(close, name):
    early, late = (scene(name, epoch=epoch) for epoch in (1.0, 20.0))
    at_once = scene(name, epoch=1.0, ramp=0.0)
    close(late.together(), at_once.together())
    assert early.together() < late.together()


def contests(both):
    """Of each peer: its letter, its discriminator, its fake maps, and the real ones."""
    of_a, of_b = of_one_size(both.a.features, both.b.features)
    for peer, own, real in (("a", of_a, of_b), ("b", of_b, of_a)):
        module = both.modules[f"{peer} "]
        yield peer, module["discriminator"], module["transfer"](own), real


@pytest.mark.parametrize("shapes", [ALIKE, UNLIKE])
def test_afd(close, shapes):
    both = scene("AFD", shapes, adversarial_weight=0.5)
    assert both.together() is None
    peers = (both.a, both.b)
    for own, other, loss, (_, judge, fake, real) in zip(peers, peers[::-1], both.losses(), contests(both), strict=True):
        contest = 0.5 * ((1 - judge(fake)) ** 2).mean() + ((1 - judge(real)) ** 2).mean() + (judge(fake) ** 2).mean()
        close(loss, cross_entropy(own.logits, both.batch.noisy_labels) + taught(own.logits, other.logits) + contest)


@pytest.mark.parametrize("shapes", [ALIKE, UNLIKE])
def test_the_networks_and_the_discriminators_of_afd_are_opponents(close, shapes):
    both = scene("AFD", shapes, adversarial_weight=0.5)
    for (peer, judge, fake, real), loss in zip(contests(both), both.losses(), strict=True):
        got = both.gradients(loss)
        fooled = 0.5 * ((1 - judge(fake)) ** 2).mean()
        judged = ((1 - judge(real)) ** 2).mean() + (judge(fake) ** 2).mean()
        to_network, to_judge = both.gradients(fooled), both.gradients(judged)
        close(got[f"f{peer}"], to_network[f"f{peer}"])
        for key in [key for key in got if key.startswith(f"{peer} discriminator")]:
            close(got[key], to_judge[key])
        for key in [key for key in got if key.startswith(f"{peer} transfer")]:
            close(got[key], to_network[key])
            assert got[key].abs().sum() > 0


def test_without_its_weight_the_networks_of_afd_do_not_see_the_contest():
    got, with_weight = (
        both.gradients(both.losses()[0]) for both in (scene("AFD", adversarial_weight=w) for w in (0.0, 2.0))
    )
    for key, gradient in got.items():
        if key.startswith("a discriminator"):
            assert gradient.any()
            torch.testing.assert_close(gradient, with_weight[key])
        elif key != "za":
            assert not gradient.any()


def test_looking_at_maps_changes_no_discriminator():
    both = scene("AFD")
    module = both.modules["a "]
    before = {key: value.clone() for key, value in module.state_dict().items()}
    both.losses()
    after = module.state_dict()
    assert before.keys() == after.keys() == dict(module.named_parameters()).keys()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_the_discriminators_have_a_rate_of_their_own_and_the_others_the_recipes():
    assert methods.build("AFD", {"discriminator_lr": 0.01}).extras()[0].lr == 0.01
    assert [methods.build(name, {}).extras()[0].lr for name in ("FFL", "PCL")] == [None, None]


@pytest.mark.parametrize(("size", "other"), [(4, 4), (4, 2), (7, 4), (1, 8)])
def test_maps_of_one_size(size, other):
    a, b = torch.rand(2, 3, size, size, dtype=torch.float64), torch.rand(2, 5, other, other, dtype=torch.float64)
    small = min(size, other)
    for maps, same in zip((a, b), of_one_size(a, b), strict=True):
        assert same.shape == (*maps.shape[:2], small, small)
        if maps.shape[2] % small == 0:
            torch.testing.assert_close(same.mean((2, 3)), maps.mean((2, 3)))
            torch.testing.assert_close(same, torch.nn.functional.adaptive_avg_pool2d(maps, small))
        assert (same >= maps.amin((2, 3), keepdim=True)).all()
        assert (same <= maps.amax((2, 3), keepdim=True)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shapes", [ALIKE, UNLIKE, ((6, 4), (7, 4))])
def test_nothing_synchronises_with_the_device(name, shapes):
    both = scene(name, shapes, device="meta", dtype=torch.float32)
    common = both.together()
    total = sum(both.losses()) if common is None else sum(both.losses()) + common
    total.backward()
    assert total.dtype == torch.float32
    assert all(value.grad is not None for module in both.modules.values() for value in module.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_features_are_asked_for(name):
    assert methods.build(name, {}).wants_features()
    both = scene(name)
    without = replace(both.a, maps=None)
    term = both.method.loss if name == "AFD" else both.method.together
    with pytest.raises(AttributeError, match="wants_features"):
        term(without, both.b, both.batch, both.clock)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("FFL", {"ramp": 80}),
        ("FFL", {"tau": 0}),
        ("PCL", {"average_momentum": 1.0}),
        ("PCL", {"ramp": -0.1}),
        ("AFD", {"discriminator_lr": 0}),
        ("AFD", {"adversarial_weight": -1}),
    ],
)
def test_options_that_are_wrong(name, options):
    with pytest.raises(ValidationError):
        methods.full_options(name, options)
