"""Whatever a method of a file does in whatever hook: it is named, and stdout stays clean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SMALL = ["--set", "epochs=1", "--set", "seeds=[1]", "--set", "options={}", "--set", "networks=small_resnet"]
METHOD = """\
from smkd_cli.methods.contract import Method, cross_entropy

class Rule(Method):
    name = "LS"

    def loss(self, own, other, batch, clock):
        return cross_entropy(batch.target, own).mean()
"""
EXCHANGE = """\
from smkd_cli.methods.exchange.contract import ExchangeRule

class Rule(ExchangeRule):
    name = "Own"
    alone = "CE"
"""
# What a method declares, and answers that it cannot mean.
DECLARED = {
    "problem(self, batch_size, classes, held_out)": "3",
    "needs(self)": "['noise_rate']",
    "stages(self, epochs)": "()",
    "views(self)": "2",
    "wants_features(self)": "'yes'",
    "companions(self)": "None",
    "extras(self)": "3",
    "memory(self, samples, classes)": "{'x': samples}",
    "sampler(self, stage)": "None",
    "passes_before(self, stage)": "-1",
    "capturable(self, stage)": "None",
}
IN_TRAINING = (
    "before_training(self, memory, facts)",
    "draw(self, random, batches, stage)",
    "observe(self, own, batch, clock)",
    "refine(self, own, batch, clock)",
    "after_backward(self, parameters, memory, clock)",
    "after_epoch(self, memory, clock, predictions)",
    "threshold(self, classes, clock)",
    "sent(self, own, other, batch, clock)",
    "loss(self, own, other, batch, clock)",
)
FAULTS = {
    "raise TypeError('out of order')": "TypeError: out of order",
    "exit(0)": "SystemExit: 0",
    "raise type('End', (BaseException,), {})('now')": "End",
}


def method(smkd, code, *more):
    Path("own.py").write_text(code)
    return smkd(*more, "quickstart", *SMALL, "--set", 'methods=["own.py:LS"]', *(["--jobs", 1] * (more == ("train",))))


def failed(result, code, *words):
    assert (result.code, result.out) == (code, ""), result.err
    for word in words:
        assert word in result.err, result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("hook", DECLARED)
def test_what_a_method_declares(hook, smkd):
    name = hook.partition("(")[0]
    for body, why in {**FAULTS, f"return {DECLARED[hook]}": f"{name} should give "}.items():
        # A rule that is loaded already is not loaded again: each has a file of its own.
        file = f"own{len(list(Path().glob('*.py')))}.py"
        Path(file).write_text(f"{METHOD}\n    def {hook}:\n        {body}\n")
        grid = ["quickstart", *SMALL, "--set", f'methods=["{file}:LS"]']
        failed(smkd("recipes", "validate", *grid), 3, f"{file}:LS", f"{name}", why)
        failed(smkd("train", *grid, "--dry-run"), 3, why)
        if name != "problem":
            failed(smkd("methods", "show", f"{file}:LS"), 2, f"{file}:LS", why)


@pytest.mark.parametrize("hook", IN_TRAINING)
def test_what_a_method_does_in_training(hook, smkd):
    for number, (body, why) in enumerate(FAULTS.items()):
        file = f"own{number}.py"
        Path(file).write_text(f"{METHOD}\n    def {hook}:\n        print('hello')\n        {body}\n")
        result = smkd(
            "train", "quickstart", *SMALL, "--jobs", 1, "--runs", f"runs{number}", "--set", f'methods=["{file}:LS"]'
        )
        failed(result, 5, f"in {file}, line", f"in {hook.partition('(')[0]}", why, "hello")


def test_a_loss_that_is_none(smkd):
    failed(method(smkd, METHOD.replace("return ", ""), "train"), 2, "own.py:LS: loss should give a loss")


def test_what_a_method_prints_is_no_data(smkd):
    code = METHOD + "    def problem(self, batch_size, classes, held_out):\n        print('a problem')\n\n"
    code = "print('loaded')\n" + code.replace("        return cross", "        print('a loss')\n        return cross")
    result = method(smkd, code, "train")
    assert (result.code, result.out) == (0, "runs/quickstart/ls_symmetric-0.4_seed1\n"), result.err
    assert all(words in result.err for words in ("loaded", "a problem", "a loss"))
    scored = smkd("eval", "runs/quickstart/ls_symmetric-0.4_seed1", "--split", "train", "--trust-code")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["labels"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("    x: int = Field('a', validate_default=True)", "own.py:LS: x should be a whole number"),
        ("    x: Path = Path('a')", "the option x has a value that no recipe can hold"),
        ("    def model_post_init(self, context):\n        raise TypeError('no')", "cannot be used: TypeError: no"),
        ("    @model_validator(mode='after')\n    def odd(self):\n        raise ValueError('odd')", "own.py:LS: odd"),
    ],
)
def test_options_of_a_method(code, why, smkd):
    imports = "from pathlib import Path\nfrom pydantic import Field, model_validator\n"
    failed(method(smkd, f"{imports}{METHOD}\n{code}\n", "recipes", "validate"), 3, why)


@pytest.mark.parametrize(
    ("code", "name", "why"),
    [
        ("    alone = 3", "own.py:Own", "own.py:Own needs a target rule"),
        (
            "    def stages(self, epochs):\n        exit(0)",
            "own.py:Own+LS",
            "method own.py:Own+LS cannot be used: Syst",
        ),
        ("    def companions(self):\n        return 3", "own.py:Own+LS", "own.py:Own: companions should give a tuple"),
        ("    def memory(self, n, c):\n        return None", "own.py:Own", "own.py:Own: memory should give a dict"),
        ("    def views(self):\n        return 0", "own.py:Own+KDCL", "is not EXCHANGE+TARGET"),
    ],
)
def test_an_exchange_rule(code, name, why, smkd):
    Path("own.py").write_text(f"{EXCHANGE}\n{code}\n")
    failed(smkd("recipes", "validate", "quickstart", *SMALL, "--set", f'methods=["{name}"]'), 3, why)


def test_two_rules_that_decide_the_same_are_a_problem_of_the_recipe(smkd):
    hook = "\n    def views(self):\n        from smkd_cli.methods import Views\n        return Views(2)\n"
    target = EXCHANGE.replace("ExchangeRule", "TargetRule").replace("exchange", "targets").replace('"Own"', '"Two"')
    Path("one.py").write_text(EXCHANGE + hook)
    Path("two.py").write_text(target.replace('    alone = "CE"\n', "") + hook)
    result = smkd("recipes", "validate", "quickstart", *SMALL, "--set", 'methods=["one.py:Own+two.py:Two"]')
    failed(result, 3, "methods", "both of its rules decide views")


def test_a_rule_of_a_file_is_not_the_one_of_ours_of_its_name(smkd):
    Path("own.py").write_text(METHOD)
    shown = smkd("methods", "show", "own.py:LS")
    assert (shown.code, shown.out.partition("\n")[0]) == (0, "own.py:LS: method"), shown.err
    both = ["--set", 'methods=[LS, {name: "own.py:LS", label: mine}]']
    result = smkd("recipes", "validate", "quickstart", *SMALL, *both)
    assert (result.code, result.out) == (0, "quickstart: ok, 2 cells\n"), result.err
