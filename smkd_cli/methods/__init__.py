"""What a peer learns from: one file per rule or method, found by its name.

A method is an *exchange rule* (what passes between the peers: ``exchange/``) over a *target rule* (how a peer
refines its own labels: ``targets/``), written ``SMKD-P+MyLC``. This room knows tensors and nothing of files or
commands; it does not even import torch, so that recipes are checked at once.
"""

from smkd_cli.methods.catalogue import build, cost, file_of, full_options, names, parts_of, rule, rules_of, unusable
from smkd_cli.methods.contract import Batch, Clock, Facts, Method, Outputs, Overview, Rule
from smkd_cli.methods.plugins import guarded
from smkd_cli.methods.stages import Companion, Extra, Stage, share

__all__ = [
    "Batch",
    "Clock",
    "Companion",
    "Extra",
    "Facts",
    "Method",
    "Outputs",
    "Overview",
    "Rule",
    "Stage",
    "build",
    "cost",
    "file_of",
    "full_options",
    "guarded",
    "names",
    "parts_of",
    "rule",
    "rules_of",
    "share",
    "unusable",
]
