"""One file per kind of label noise, found by its name.

Each defines ``transitions(rate, classes, dataset)``, its transition matrix in the form that is the cheapest to draw
from (:mod:`smkd_cli.noise.forms`). The rate is already known to lie in [0, 1] and the classes to be at least 2;
whatever else a kind needs, it checks itself.
"""
