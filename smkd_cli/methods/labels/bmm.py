"""A mixture of two Beta distributions of the samples' losses, which gives P(label is wrong) (Arazo, ICML 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_BINS = 100
_MARGIN = 1e-3
_LEAST_LIKELIHOOD = 1e-12
# Of losses that are all in one place: their distribution would be infinitely steep.
_LEAST_VARIANCE = 1e-6
_RESOLUTION = 2.0**-23


@dataclass(frozen=True)
class BetaMixture:
    """π_k Beta(a_k, b_k) for k = 0, 1; ``a``, ``b`` and ``weight`` (π) are (2,) float64."""

    a: Tensor
    b: Tensor
    weight: Tensor

    @property
    def means(self) -> Tensor:
        """a/(a + b), (2,)."""
        return self.a / (self.a + self.b)

    def likelihoods(self, x: Tensor) -> Tensor:
        """π_k Beta(x; a_k, b_k), (2, m), for x (m,) in (0, 1)."""
        a, b = self.a.unsqueeze(1), self.b.unsqueeze(1)
        constant = (a + b).lgamma() - a.lgamma() - b.lgamma()
        return self.weight.unsqueeze(1) * ((a - 1) * x.log() + (b - 1) * (-x).log1p() + constant).exp()


def fit(x: Tensor, iterations: int = 10) -> BetaMixture:
    """The mixture after some iterations of expectation maximisation (the authors' 10) on x (m,) in (0, 1).

    It begins with a = (1, 2), b = (2, 1), π = (½, ½). The E-step takes likelihoods below 1e-12 for it; the M-step takes
    each component's weighted mean m and variance s²: a = m (m (1 − m)/s² − 1) and b = a (1 − m)/m, with s² ≥ 1e-6.
    """
    x = x.double()
    mixture = BetaMixture(x.new_tensor([1, 2]), x.new_tensor([2, 1]), x.new_tensor([0.5, 0.5]))
    for _ in range(iterations):
        share = mixture.likelihoods(x).clamp_min(_LEAST_LIKELIHOOD)
        share /= share.sum(0)
        mass = share.sum(1)
        mean = (share * x).sum(1) / mass
        variance = (share * (x - mean.unsqueeze(1)) ** 2).sum(1) / mass
        a = mean * (mean * (1 - mean) / variance.clamp_min(_LEAST_VARIANCE) - 1)
        mixture = BetaMixture(a, a * (1 - mean) / mean, mass / mass.sum())
    return mixture


def posterior(mixture: BetaMixture, x: Tensor) -> Tensor:
    """P(the component of larger mean | x), (m,), in [1e-4, 1 − 1e-4], for x (m,) in [0, 1].

    It comes from a table of 100 bins, each with the value at its middle (our choice; the authors' are at the ends of
    the range, where densities are 0 or infinite). From its maximum on the table keeps it; and below the smaller mean it
    is not above its value there (our choice: a broad component may win far below both, and the least losses would
    be taken for wrong labels).
    """
    import torch

    noisy = int(mixture.means.argmax())
    middles = (torch.arange(_BINS, dtype=torch.float64, device=mixture.a.device) + 0.5) / _BINS
    likelihoods = mixture.likelihoods(middles)
    table = likelihoods[noisy] / (likelihoods.sum(0) + _LEAST_LIKELIHOOD)
    lowest = _bin(mixture.means.amin())
    table[:lowest] = table[:lowest].minimum(table[lowest])
    table[int(table.argmax()) :] = table.amax()
    return table.clamp(1e-4, 1 - 1e-4)[_bin(x.double())]


def _bin(x: Tensor) -> Tensor:
    return (x * _BINS).long().clamp(0, _BINS - 1)


def noisy_probability(losses: Tensor) -> Tensor:
    """B_i = P(label i is wrong | its loss), (m,) float64, for cross entropies (m,).

    Losses are mapped to (0, 1) between their 5th and 95th percentiles, with 1e-6 added to the distance, and kept in
    [1e-3, 1 − 1e-3]; the fit leaves out those beyond the percentiles, as the authors' code does. Where the
    percentiles are equal, losses do not separate labels, and all B are ½ (our choice).

    Raises:
        ValueError: there are no losses, or some are not finite.
    """
    import torch

    if not len(losses) or not bool(losses.isfinite().all()):
        raise ValueError("no mixture fits these losses: there are none, or some are not finite; lower optimizer.lr")
    losses = losses.double()
    low, high = losses.quantile(0.05), losses.quantile(0.95)
    if bool(high - low <= _RESOLUTION * high.abs()):
        return torch.full_like(losses, 0.5)
    x = ((losses - low) / (high - low + 1e-6)).clamp(_MARGIN, 1 - _MARGIN)
    return posterior(fit(x[(losses >= low) & (losses <= high)]), x)
