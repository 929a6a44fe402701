"""Whether a method can learn from images that are mixed with others, whose labels belong to several classes."""

from __future__ import annotations

from smkd_cli.methods.composed import Composed
from smkd_cli.methods.contract import Method
from smkd_cli.methods.hooks import Views


def no_mixtures(method: Method) -> str | None:
    """Why a method cannot be trained on mixed images, or None.

    What a method does with the class of a label, or remembers of a sample, would be of one image of several.
    """
    if method.defines("inputs"):
        return "makes its own images"
    if not isinstance(method, Composed) or not method.target_rule.soft_labels:
        return "goes by the one class of each label"
    if method.views() != Views():
        return "sees each image in several ways"
    if method.companions():
        return "has networks beside the two, which see the images unmixed"
    if method.exchange.defines("observe"):
        return "remembers what it sees of each sample"
    return None
