"""A method that gets its process into trouble."""

from __future__ import annotations

# Learns as CE does, until its ninth step: in the middle of the second epoch.
METHOD = '''
"""Falls."""
import os
import signal
import time
from pathlib import Path
from typing import Annotated

from pydantic import Field

from smkd_cli.methods.contract import Refined
from smkd_cli.methods.targets.contract import TargetRule


class Falls(TargetRule):
    """Falls."""

    name = "Falls"

    how: Annotated[str, Field(description="what it does")]
    always: Annotated[bool, Field(description="and not only once")] = False

    def refine(self, own, batch, clock):
        fallen = Path("fallen")
        if clock.iteration >= 9 and (self.always or not fallen.exists()):
            fallen.touch()
            if self.how == "raise":
                raise KeyError("nobody foresaw it")
            if self.how == "memory":
                raise MemoryError
            if self.how == "exit":
                raise SystemExit(0)
            if self.how == "hang":
                time.sleep(600)
            if self.how == "hang up":
                os.killpg(0, signal.SIGHUP)
                return Refined(batch.target)
            os.kill(os.getpid(), getattr(signal, self.how))
        return Refined(batch.target)
'''
