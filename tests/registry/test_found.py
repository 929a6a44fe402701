"""What can be added is found: in the package, by path, and among what other packages offer."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import smkd_cli
from smkd_cli import data, methods, networks, noise
from smkd_cli.data import augmentation
from smkd_cli.errors import SmkdError, UnknownName
from smkd_cli.networks import catalogue as of_networks
from smkd_cli.noise import catalogue as of_noise
from smkd_cli.registry import Registry
from smkd_cli.report import formats
from smkd_cli.report import layout as layouts
from smkd_cli.train import executors

ALL = {
    made.REGISTRY.kind.name: made.REGISTRY
    for made in (methods, of_networks, of_noise, data, augmentation, executors, formats, layouts)
}
every_kind = pytest.mark.parametrize("kind", ALL)
# What the page calls its examples, by path; as entry points they are called by their last word.
EXAMPLES = {
    "networks": "my_net.py:MyNet",
    "noise": "my_noise.py:mine",
    "datasets": "my_data.py:stripes",
    "augmentations": "my_augmentation.py:erase",
    "executors": "my_executor.py:with-diary",
    "formats": "my_format.py:brief",
    "layouts": "my_layout.py:mine",
}

# Those whose classes are called otherwise than they call themselves.
CLASSES = {"stripes": "Stripes", "erase": "Erase", "with-diary": "WithDiary"}


def fresh(kind: str, *points: EntryPoint) -> Registry:
    """The registry of a kind, as it is where packages offer these entry points."""
    made = ALL[kind]
    own = replace(made.kind)
    own.__dict__["entry_points"] = points
    return Registry(own, made._accepts, made._wanted, made._declared)


@every_kind
def test_every_one_of_ours_is_found_by_its_unique_name(kind):
    own = ALL[kind].kind.own
    assert own
    assert len({name.lower() for name in own}) == len(own)
    assert all(ALL[kind].find(name) is not None for name in own)


@every_kind
def test_nothing_of_ours_has_a_name_that_is_not_seen_in_its_text(kind):
    made = ALL[kind]
    root = Path(smkd_cli.__file__).parent
    for path in sorted((root / made.kind.folder).rglob("*.py")):
        module = importlib.import_module(".".join(("smkd_cli", *path.relative_to(root).with_suffix("").parts)))
        for value in vars(module).values():
            if made._accepts(value) and (name := made._declared(value)):
                assert made.find(name) is value


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_is_found_by_its_path(kind, examples):
    name = EXAMPLES[kind]
    assert ALL[kind].find(name) is ALL[kind].find(str(examples / name))
    assert name not in ALL[kind].names()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_is_found_as_an_entry_point(kind, examples, monkeypatch, caplog):
    monkeypatch.syspath_prepend(examples)
    file, _, name = EXAMPLES[kind].partition(".py:")
    value = f"{file}:{CLASSES.get(name, name)}"
    monkeypatch.delitem(sys.modules, file, raising=False)
    made = fresh(kind, EntryPoint(name, value, f"smkd.{kind}"))
    assert made.names() == [*made.kind.own, name]
    assert made.find(name) is made.find(name)
    with pytest.raises(UnknownName, match=f"did you mean {name}"):
        made.find(f"{name}e")
    assert caplog.messages == []


@every_kind
def test_what_a_package_offers_and_is_broken_stops_nothing(kind, examples, monkeypatch, caplog):
    monkeypatch.syspath_prepend(examples)
    own = ALL[kind].kind.own[0]
    (examples / "broken_plugin.py").write_text("raise SystemExit(0)\n")
    (examples / "no_plugin.py").write_text("value = 3\n")
    group = f"smkd.{kind}"
    made = fresh(kind, EntryPoint("broken", "broken_plugin:x", group), EntryPoint("none", "no_plugin:value", group))
    assert made.find(own) is ALL[kind].find(own)
    assert caplog.messages == []  # as long as no plug-in of another package is requested
    for name, why in (("broken", "SystemExit: 0"), ("none", "is no ")):
        with pytest.raises(UnknownName, match=f"{name}' cannot be used: package .*{why}"):
            made.find(name)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert {record.name for record in caplog.records} == {"smkd"}
    assert [words.count("that another package offers cannot be used") for words in caplog.messages] == [1, 1]


def test_a_name_of_ours_stays_ours(monkeypatch, examples, caplog):
    monkeypatch.syspath_prepend(examples)
    monkeypatch.delitem(sys.modules, "my_net", raising=False)
    made = fresh("networks", EntryPoint("resnet18", "my_net:MyNet", "smkd.networks"))
    assert made.find("resnet18") is ALL["networks"].find("resnet18")
    assert made.names() == made.kind.own
    assert "a name of smkd's own" in caplog.messages[0]


@every_kind
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "no such file of {kind}"),
        ("import sys\nsys.exit()\n", "cannot be loaded: SystemExit"),
        ("def (\n", "cannot be loaded: SyntaxError"),
        ("from smkd_cli.methods.targets.ce import CE\n", "defines no {word}: nothing in it is a"),
    ],
)
def test_what_can_be_wrong_with_a_file(kind, code, message, tmp_path):
    file = tmp_path / "own.py"
    if code is not None:
        file.write_text(code)
    made = ALL[kind]
    with pytest.raises(UnknownName) as caught:
        made.find(f"{file}:mine")
    assert f"{file}: {message.format(kind=kind, word=made.kind.word)}" in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: methods.build("CEE", {}),
        lambda: methods.build("SMKD-P", {}),
        lambda: networks.build("resnet81", 10),
        lambda: noise.transition_matrix("symetric", 0.4, 10),
        lambda: noise.corrupt_labels([0, 1], kind="clean", rate=0, classes=2, seed=0, sampling="exakt"),
        lambda: data.find("digit", Path()),
        lambda: formats.render("markdwn", None),
        lambda: executors.find("locl", None),
    ],
)
def test_an_unknown_name_is_a_value_error_and_one_of_ours(ask):
    with pytest.raises(ValueError, match=r"did you mean|write, for example") as caught:
        ask()
    assert isinstance(caught.value, SmkdError)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("LS", ("Zero", "LS")),
        ("Zero+LS", ("Zero", "LS")),
        ("MKD", ("MKD", "CE")),
        ("MKD+MyLC", ("MKD", "MyLC")),
        ("Co-teaching+", ("Zero", "Co-teaching+")),
        ("SMKD-P+own.py:Mine", ("SMKD-P", "own.py:Mine")),
        ("own.py:Sends+MyLC", ("own.py:Sends", "MyLC")),
        ("Elsewhere+MyLC", ("Elsewhere", "MyLC")),
        ("own.py:Mine", ("Zero", "own.py:Mine")),
    ],
)
def test_a_method_s_name_is_taken_apart_without_running_it(name, parts):
    assert methods.split(name) == parts
    assert methods.split(methods.joined(*parts)) == parts
    assert len(methods.joined(*parts)) <= len(name)


RULES = """\
from smkd_cli.methods.contract import Refined
from smkd_cli.methods.exchange.contract import ExchangeRule
from smkd_cli.methods.targets.contract import TargetRule

class Sends(ExchangeRule):
    name = "Sends"

class Mine(TargetRule):
    name = "Mine"

    def refine(self, own, batch, clock):
        return Refined(batch.target)
"""


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("{here}/a+b/my.py:Mine", ("Zero", "{here}/a+b/my.py:Mine")),
        ("c+d.py:Mine", ("Zero", "c+d.py:Mine")),
        ("SMKD-P+c+d.py:Mine", ("SMKD-P", "c+d.py:Mine")),
        ("smkd-p+{here}/a+b/my.py:Mine", ("smkd-p", "{here}/a+b/my.py:Mine")),
        ("{here}/a+b/my.py:Sends+MyLC", ("{here}/a+b/my.py:Sends", "MyLC")),
        ("c+d.py:Sends+{here}/a+b/my.py:Mine", ("c+d.py:Sends", "{here}/a+b/my.py:Mine")),
        ("{here}/a+b/my.py:Sends+c+d.py:Mine", ("{here}/a+b/my.py:Sends", "c+d.py:Mine")),
        ("~/my rules é.py:Mine", ("Zero", "~/my rules é.py:Mine")),
        ("SMKD-P+~/my rules é.py:Mine", ("SMKD-P", "~/my rules é.py:Mine")),
    ],
)
def test_paths_of_any_kind(name, parts, tmp_path, monkeypatch, smkd):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for path in ("a+b/my.py", "c+d.py", "home/my rules é.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(RULES)
    name, *parts = (words.format(here=tmp_path) for words in (name, *parts))
    assert methods.split(name) == tuple(parts)
    result = smkd("recipes", "validate", "quickstart", "--set", f"methods=[{{name: '{name}'}}]", "--set", "options={}")
    assert (result.code, result.out) == (0, "quickstart: ok, 6 cells\n"), result.err


def test_a_path_of_a_home_is_trained_and_scored(tmp_path, monkeypatch, smkd):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my rules+é.py").write_text(RULES)
    grid = ["methods=[{name: '~/my rules+é.py:Mine'}]", "options={}", "seeds=[1]", "epochs=1"]
    trained = smkd("train", "quickstart", "--jobs", 1, *(word for key in grid for word in ("--set", key)))
    assert (trained.code, trained.out) == (0, "runs/quickstart/mine_symmetric-0.4_seed1\n"), trained.err
    scored = smkd("eval", trained.out.strip(), "--split", "train", "--trust-code")
    assert scored.code == 0, scored.err
    (tmp_path / "my rules+é.py").write_text(RULES + "# another\n")
    changed = smkd("eval", trained.out.strip(), "--split", "train", "--trust-code")
    assert (changed.code, "is not the file that it was trained with" in changed.err) == (4, True), changed.err
