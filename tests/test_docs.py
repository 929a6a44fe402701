"""The documentation: its commands run, its links lead somewhere, and its tables of options are those of the program."""

from __future__ import annotations

import re
import runpy
import shutil

import pytest
import torch
from documents import ROOT, Clone, anchors, blocks, links, shortened
from safetensors.torch import save_file

from smkd_cli import networks

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
COMMANDS = sorted((DOCS / "commands").glob("*.md"))
RUN = [DOCS / "tutorial.md", DOCS / "tutorial-images.md", DOCS / "own-images.md", *COMMANDS]
option_tables = runpy.run_path(str(DOCS / "option_tables.py"))
CALLBACKS = dict(option_tables["callbacks"]())
FINETUNED = "timm:tf_efficientnet_lite0"
SHORT_TRAINING = "smkd train quickstart --set 'methods=[CE, SMKD-S+MyLC]' --set seeds=[1]"


def name_of(page):
    return str(page.relative_to(DOCS))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Run directories of the training that several pages begin with: there, its cells are found finished."""
    clone = Clone.make(tmp_path_factory.mktemp("trained"))
    result = clone.run(shortened(SHORT_TRAINING))
    assert result.returncode == 0, result.stderr
    return clone.folder / "runs"


def pretrained(clone):
    """Weights that nobody has trained, where those of the recipe would be downloaded to."""
    torch.manual_seed(0)
    clone.data.joinpath("pretrained").mkdir(parents=True)
    state = networks.build(FINETUNED, 1000).state_dict()
    save_file(state, clone.data / "pretrained" / f"{FINETUNED.partition(':')[2]}.safetensors")


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_every_command_of_a_page(page, trained, tmp_path):
    clone = Clone.make(tmp_path)
    if SHORT_TRAINING in page.read_text(encoding="utf-8"):
        shutil.copytree(trained, tmp_path / "runs")
    if "finetune" in page.read_text(encoding="utf-8"):
        pretrained(clone)
    commands = blocks(page, "sh", "python")
    assert commands
    for language, text in commands:
        result = clone.run(shortened(text) if language == "sh" else f"python - <<'END'\n{text}\nEND")
        assert result.returncode == 0, f"{text}\n{result.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page):
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_relative_to(DOCS), f"{link}: the site ends at docs/"
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", COMMANDS, ids=name_of)
def test_tables_of_options_are_those_of_the_program(page):
    text = page.read_text(encoding="utf-8")
    assert option_tables["with_tables"](text) == text, "run python docs/option_tables.py"


@pytest.mark.parametrize("command", CALLBACKS)
def test_every_command_has_its_table_on_its_page(command):
    page = DOCS / "commands" / f"{command.split()[:2][-1]}.md"
    assert f"<!-- options: {command} -->" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [command for command in CALLBACKS if command != "smkd"])
def test_every_option_that_help_names_stands_in_the_table(command, smkd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", smkd(*command.split()[1:], "--help").out.split("Options")[-1]))
    table = option_tables["table"](CALLBACKS[command])
    declared = set(re.findall(r"--[a-z][a-z-]+", table))
    assert named - {"--help"} <= declared
