"""The server that forks processes has in memory what they need."""

from __future__ import annotations

from importlib import import_module

import pytest

from smkd_cli.train.machine import processes


@pytest.mark.parametrize("name", processes.PRELOADED)
def test_what_is_preloaded_is_there(name):
    """The server passes over what it cannot import, and every process would load torch for itself."""
    assert import_module(name)
