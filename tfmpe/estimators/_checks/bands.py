"""Bands that contain 99% of the results of correct draws."""

import numpy as np
from jaxtyping import Float

_N_REPEATS = 4000

Band = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]
"""Lower and upper ends."""

# SciPy is imported inside the functions because importing it is slow.


def binomial_band(n: int, shares: Float[np.ndarray, " n"]) -> Band:
    """Return 0.5% and 99.5% quantiles of binomial counts divided by ``n``."""
    from scipy.stats import binom

    lower, upper = (binom.ppf(q, n, shares) / n for q in (0.005, 0.995))
    return lower, upper


def simultaneous_band(n: int, places: Float[np.ndarray, " n"]) -> Band:
    """Return the band that contains 99% of whole ECDFs of uniform ranks.

    Its ends are binomial quantiles. Their level, the same at all places, is
    found by drawing uniform ranks (Säilynoja et al., 2022).
    """
    from scipy.stats import binom

    rng = np.random.default_rng(0)
    each = np.diff(places, prepend=0, append=1)
    counts = rng.multinomial(n, each, size=_N_REPEATS)[:, :-1].cumsum(1)
    tails = np.minimum(
        binom.cdf(counts, n, places), binom.sf(counts - 1, n, places)
    )
    level = np.quantile(tails.min(1), 0.01)
    lower, upper = (binom.ppf(q, n, places) / n for q in (level, 1 - level))
    return lower, upper
