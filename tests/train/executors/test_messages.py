"""What is logged while a cell trains reaches the loggers of the process that asked for the training."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from data_sets import DATA

from smkd_cli import api

# Learns as CE does; at its first step it has something to say.
METHOD = '''
"""Speaks."""
import logging
import threading
import warnings
from pathlib import Path

from smkd_cli import console
from smkd_cli.methods.contract import Refined
from smkd_cli.methods.targets.contract import TargetRule


class Speaks(TargetRule):
    """Speaks."""

    name = "Speaks"

    def refine(self, own, batch, clock):
        if not Path("spoken").exists():
            Path("spoken").touch()
            console.info("by the way")
            console.warn("mind this")
            warnings.warn("of Python", UserWarning)
            logging.getLogger("speaks").warning("of a %s", "plug-in")
            try:
                {}["nothing"]
            except KeyError:
                thread = threading.Thread(target=logging.getLogger("speaks").exception, args=("of a thread",))
                thread.start()
                thread.join()
            logging.getLogger("speaks").debug("not heard")
        return Refined(batch.target)
'''
NETWORK = """
import logging
import os
from torch import nn

def warm(classes: int, channels: int) -> nn.Module:
    logging.getLogger("warm").warning("built by %s", os.getpid())
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * channels, classes))
"""
METHODS = 'methods=["speaks.py:Speaks", CE]'
pytestmark = pytest.mark.filterwarnings("always:of Python")


@pytest.fixture
def recipe(recipe, tmp_path, monkeypatch):
    """The tiny recipe, beside the method that speaks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speaks.py").write_text(METHOD)
    return recipe


@pytest.mark.parametrize("jobs", [1, 2])
def test_all_messages_reach_the_loggers_of_the_caller(recipe, jobs, caplog, capfd):
    with caplog.at_level(logging.INFO):
        runs = api.train(str(recipe), [METHODS, "epochs=1"], data=DATA, jobs=jobs, device="cpu")
    assert len(runs) == 2
    heard = {(record.name, record.levelname, record.getMessage().splitlines()[0]) for record in caplog.records}
    assert ("smkd", "INFO", "by the way") in heard
    assert ("smkd", "WARNING", "mind this") in heard
    assert ("speaks", "WARNING", "of a plug-in") in heard
    assert ("speaks", "ERROR", "of a thread") in heard
    (warning,) = [text for name, level, text in heard if (name, level) == ("smkd", "WARNING") and "Python" in text]
    assert warning.startswith("UserWarning: of Python (")
    assert "speaks.py:" in warning
    assert "not heard" not in caplog.text
    assert "by the way" not in "".join(capfd.readouterr())
    caplog.clear()
    Path("spoken").unlink()
    with caplog.at_level(logging.ERROR):
        api.train(str(recipe), [METHODS, "epochs=1"], data=DATA, jobs=jobs, device="cpu", runs="again")
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(("jobs", "quiet"), [(1, ()), (2, ()), (2, ("--quiet",))])
def test_the_command_shows_them(recipe, smkd, jobs, quiet):
    result = smkd("train", recipe, "--set", METHODS, "--set", "epochs=1", "--jobs", jobs, *quiet)
    assert result.code == 0
    assert "warning: mind this\n" in result.err
    assert "warning: UserWarning: of Python (" in result.err
    assert ("by the way\n" in result.err) == (not quiet)


def test_what_a_measuring_process_logs_is_logged_here(recipe, tmp_path, caplog, capfd):
    (tmp_path / "warm.py").write_text(NETWORK)
    settings = ["networks=warm.py:warm", "compute={threads: 1, precision: float32}", "epochs=1"]
    with caplog.at_level(logging.WARNING):
        api.train(str(recipe), settings, data=DATA, device="cpu")
    pids = {record.getMessage() for record in caplog.records if record.name == "warm"}
    assert f"built by {os.getpid()}" in pids
    assert len(pids) > 1
    assert "built by" not in capfd.readouterr().err
