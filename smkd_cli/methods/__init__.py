"""What a peer learns from: one file per rule or method, found by its name.

A method is an *exchange rule* (what passes between the peers: ``exchange/``) over a *target rule* (how a peer
refines its own labels: ``targets/``), written ``SMKD-P+MyLC``. This package works on tensors, without files or
commands; it does not even import torch, so that recipes are checked at once.
"""

from smkd_cli.methods.catalogue import (
    REGISTRY,
    build,
    cost,
    full_options,
    joined,
    names,
    parts_of,
    rule,
    rules_of,
    split,
)
from smkd_cli.methods.contract import (
    Batch,
    Clock,
    Inputs,
    LabelFacts,
    Method,
    Outputs,
    Predictions,
    Refined,
    RefinedOutputs,
    Rule,
    Views,
)
from smkd_cli.methods.stages import Companion, Extra, Stage, share

__all__ = [
    "REGISTRY",
    "Batch",
    "Clock",
    "Companion",
    "Extra",
    "Inputs",
    "LabelFacts",
    "Method",
    "Outputs",
    "Predictions",
    "Refined",
    "RefinedOutputs",
    "Rule",
    "Stage",
    "Views",
    "build",
    "cost",
    "full_options",
    "joined",
    "names",
    "parts_of",
    "rule",
    "rules_of",
    "share",
    "split",
]
