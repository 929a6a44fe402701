"""Where the cells of a grid are trained: ``local`` trains them in this process, or in several at a time.

What an executor of one's own is built from is imported from here (docs/extending.md).
"""

from smkd_cli.train.executors.catalogue import REGISTRY, find
from smkd_cli.train.executors.contract import Ended, Executor, ReportCell
from smkd_cli.train.executors.one_task import train_task
from smkd_cli.train.machine.signals import StopRequest
from smkd_cli.train.run.task import Task

__all__ = ["REGISTRY", "Ended", "Executor", "ReportCell", "StopRequest", "Task", "find", "train_task"]
