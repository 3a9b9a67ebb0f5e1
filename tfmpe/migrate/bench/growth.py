"""How a quantity grows with the number of sites."""

from collections.abc import Sequence

import numpy as np

__all__ = ["exponent"]

_FEWEST = 2


def exponent(
    sites: Sequence[int], values: Sequence[float]
) -> tuple[float, tuple[int, ...]] | None:
    """Fit ``value = constant * sites ** exponent`` to the larger sizes.

    Parameters
    ----------
    sites : sequence of int
        Increasing.
    values : sequence of float
        Positive.

    Returns
    -------
    exponent : float
        By least squares on logarithms.
    used : tuple of int
        The larger half of the numbers of sites, at least three where there
        are so many. None is returned for fewer than two.

    Examples
    --------
    >>> exponent([1, 10, 100, 1000], [5.0, 7.0, 700.0, 70000.0])
    (2.0, (10, 100, 1000))
    """
    n = max(3, -(-len(sites) // 2))
    used = tuple(sites[-n:])
    if len(used) < _FEWEST:
        return None
    slope = np.polyfit(np.log(used), np.log(np.asarray(values[-n:])), 1)[0]
    return round(float(slope), 3), used
