"""Growth of time and memory with the number of sites."""

from collections.abc import Sequence

import numpy as np

from tfmpe.migrate.records.checks import BenchRow, Growth


def series(
    rows: Sequence[BenchRow], side: str, what: str
) -> tuple[list[int], list[float]]:
    """Return the numbers of sites, and the field ``what`` of each `Side`."""
    found = [(row.sites, row.sides[side]) for row in rows if side in row.sides]
    return [sites for sites, _ in found], [getattr(s, what) for _, s in found]


def exponent(sites: Sequence[int], values: Sequence[float]) -> Growth | None:
    """Fit ``value = constant * sites ** exponent`` to the larger sizes."""
    n = max(3, -(-len(sites) // 2))
    if len(sites) < 2 or min(values) <= 0:
        return None
    slope = np.polyfit(np.log(sites[-n:]), np.log(values[-n:]), 1)[0]
    return Growth(round(float(slope), 3), tuple(sites[-n:]))


def growth_of(rows: Sequence[BenchRow]) -> dict[str, dict[str, Growth]]:
    """Return the growth of time and memory for every side."""
    found: dict[str, dict[str, Growth]] = {}
    for side in dict.fromkeys(side for row in rows for side in row.sides):
        for what, of in (("seconds", "median_s"), ("bytes", "bytes")):
            fitted = exponent(*series(rows, side, of))
            if fitted is not None:
                found.setdefault(side, {})[what] = fitted
    return found
