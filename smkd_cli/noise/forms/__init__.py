"""What a transition matrix is made of, so that labels can be drawn without its C² entries.

``contract`` says what drawing asks of it; ``even`` (all wrong classes alike), ``single`` (one wrong class for each) and
``dense`` (any matrix) answer, label for label as the matrix would.
"""

from smkd_cli.noise.forms.contract import Labels, Matrix, Transitions
from smkd_cli.noise.forms.dense import Dense
from smkd_cli.noise.forms.even import Even
from smkd_cli.noise.forms.single import Single

__all__ = ["Dense", "Even", "Labels", "Matrix", "Single", "Transitions"]
