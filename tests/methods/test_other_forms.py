"""Forms that other code has and ours leaves out on purpose, each made of our public functions and what is different.

With these, every reference value is reached from ours: the difference is the documented one, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from smkd_cli.methods import Clock, LabelFacts, Outputs
from smkd_cli.methods.contract import cross_entropy, logistic
from smkd_cli.methods.selection.cdr import CDR


def with_epsilon_in_the_logarithm(own, epsilon=1e-6):
    """A network's outputs as code with a number added inside the logarithm has them."""
    return replace(own, log_probs=(own.probs + epsilon).log())


def test_the_entropy_of_uniform(run_method, expected, close):
    close(torch.tensor(math.log(5), dtype=torch.float64), expected("H(u)"))
    close(run_method("CE").a.entropy[3], expected("H(u)"))


@pytest.mark.parametrize(
    ("name", "options", "key"),
    [
        ("CE", {}, "CE(A) log(p+1e-6)"),
        ("LS", {"epsilon": 0.1}, "LS eps=0.1 log(p+1e-6)"),
        ("ProSelfLC", {"b": 16}, "ProSelfLC t/G=0.75 B=16 loss log(p+1e-6) [AT repo]"),
    ],
)
def test_a_number_inside_the_logarithm(run_method, expected, close, name, options, key):
    own = run_method(name, 0.75, **options).a
    close(cross_entropy(own.target, with_epsilon_in_the_logarithm(own)).mean(), expected(key))


def test_proselflc_per_sample(run_method, expected, close):
    own = run_method("ProSelfLC", 0.75, b=16).a
    close(cross_entropy(own.target, own), expected("ProSelfLC t/G=0.75 B=16 loss per"))


def test_proselflc_as_a_divergence(run_method, expected, close):
    """It differs from the cross entropy by the target's own entropy, and by 1e-8 inside the logarithms."""
    own = run_method("ProSelfLC", 0.75, b=16).a
    target = own.target.detach()
    divergence = (target * ((target + 1e-8).log() - (own.probs + 1e-8).log())).sum(1).mean()
    close(divergence, expected("ProSelfLC t/G=0.75 B=16 loss KL 1e-8 [DCL repo]"))
    own_entropy = -torch.special.xlogy(target, target).sum(1)
    torch.testing.assert_close(divergence, (cross_entropy(target, own) - own_entropy).mean(), rtol=0, atol=1e-7)


@pytest.mark.parametrize(("t", "b"), [(0.25, 16), (0.5, 16), (1.0, 16), (0.75, 8)])
def test_the_global_trust_of_proselflc(expected, close, t, b):
    close(logistic(torch.tensor(t - 0.5, dtype=torch.float64), b), expected(f"ProSelfLC t/G={t} B={b} g"))


def test_the_certainty_of_b(run_method, expected, close):
    close(run_method("CE").b.certainty.mean(), expected("MyLC r(B) over these 4"))


def test_smoothing_over_the_other_classes_only(run_method, expected, close):
    """1 − a on the given class and a/(C − 1) on the others is LS with ε = a C/(C − 1)."""
    close(run_method("LS", epsilon=0.1 * 5 / 4).loss_a, expected("LS (Tf-KD repo form) a=0.1"))


def test_the_first_confidence_penalty(run_method, expected, close):
    """CE − β H is ours with ε = β/(1 + β), times 1 + β."""
    beta = 0.1
    close((1 + beta) * run_method("CP", epsilon=beta / (1 + beta)).loss_a, expected("CP Pereyra CE-beta*H beta=0.1"))


def test_mutual_learning_with_a_number_inside_the_logarithm(run_method, expected, close):
    pair = run_method("MKD")
    target, prediction = pair.b.probs, pair.a.probs
    divergence = (target * (target / (prediction + 1e-8) + 1e-8).log()).sum(1).mean()
    close(divergence, expected("DML KL with the repo eps 1e-8"))
    torch.testing.assert_close(divergence, pair.loss_a - run_method("CE").loss_a, rtol=0, atol=1e-6)


def test_the_printed_algorithms_entropy(run_method, expected, close):
    pair = run_method("CE")
    for own, name in ((pair.a, "A"), (pair.b, "B")):
        close(printed(own.probs), expected(f"entropy with 1e-6 {name}"))
    close(printed(torch.tensor([1.0, 0, 0], dtype=torch.float64)), expected("entropy with 1e-6 of one-hot"))
    for classes in (5, 100):
        uniform = torch.full((classes,), 1 / classes, dtype=torch.float64)
        close(printed(uniform) - math.log(classes), expected(f"entropy with 1e-6 of uniform minus H(u), C={classes}"))


def printed(probs):
    """−Σ p ln(p + 1e-6), as Algorithm 1 prints it."""
    return -(probs * (probs + 1e-6).log()).sum(-1)


def test_what_the_printed_entropy_would_select(run_method, expected):
    """It lets a uniform prediction pass at η = 1, and a certain one at η = ∞; ours lets neither."""
    uniform = run_method("SMKD-S+CE", eta=1.0)
    passes = bool(printed(uniform.a.probs[3]) < math.log(5))
    assert passes == bool(expected("eta=1 static, strict, 1e-6 entropy: uniform row of A selected"))
    assert not uniform.a.sent[3]
    certain = Outputs.of(torch.tensor([[100.0, 0, 0, 0, 0]], dtype=torch.float64))
    key = "eta=inf (chi=0), strict, 1e-6 entropy: one-hot selected (should not be)"
    assert bool(printed(certain.probs[0]) < 0) == bool(expected(key))
    assert not certain.entropy[0] < 0


def test_cdr_with_the_papers_decay(expected, close):
    """The paper moves every weight by λ sgn(w) as well; ours leaves decay to the optimiser."""
    w = torch.tensor([[0.5, -0.2, 0.1, -0.8, 0.05, 0.3]], dtype=torch.float64)
    weight = torch.nn.Parameter(w.clone())
    weight.grad = torch.tensor([[0.1, 0.4, -0.3, 0.05, 2.0, -0.01]], dtype=torch.float64)
    method, memory = CDR(noise_rate=0.4), {"noise_rate": torch.zeros((), dtype=torch.float64)}
    method.before_training(memory, LabelFacts(torch.zeros(4, dtype=torch.int64), 5))
    one = torch.ones((), dtype=torch.float64)
    method.after_backward([weight], memory, Clock(one, one, one, one, 1))
    close((weight.grad + 0.01 * w.sign())[0], expected("CDR paper update direction, lambda=0.01"))
