"""How a machine is best used, found out by measuring it once: the setup of a cell, and how many cells at a time.

Measured are the real training steps of a pair on made-up images, in processes of their own, so that neither a crash nor
anything that a step leaves behind (generators, threads, memory) reaches the training. What was found is kept in a file
of the user's cache: the same command on the same machine takes the same setup, and so gives the same bits.
"""

from smkd_cli.train.calibrate.bench import benches
from smkd_cli.train.calibrate.choose import choose_jobs, choose_setup

__all__ = ["benches", "choose_jobs", "choose_setup"]
