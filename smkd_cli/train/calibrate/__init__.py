"""The fastest way to use a machine, measured once: a cell's compute configuration, and the number of cells at a time.

Measured are the real training steps of a pair on made-up images, in processes of their own, so that neither a crash nor
anything that a step leaves behind (generators, threads, memory) reaches the training. The results are kept in a file
of the user's cache: the same command on the same machine takes the same configuration, and so gives the same bits.
"""

from smkd_cli.train.calibrate.bench import benches
from smkd_cli.train.calibrate.choose import choose_compute, choose_jobs

__all__ = ["benches", "choose_compute", "choose_jobs"]
