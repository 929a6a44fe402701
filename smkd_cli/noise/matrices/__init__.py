"""One file per kind of label noise, each with a :class:`~smkd_cli.noise.contract.NoiseKind`, and by that it is found.

The rate is already known to lie in [0, 1] and the classes to be at least 2; a kind checks everything else itself.
Where the matrix has a form that is cheaper to draw from, a kind gives that (:mod:`smkd_cli.noise.forms`).
"""
