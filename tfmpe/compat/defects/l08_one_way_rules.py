"""Defect L8: rules that act on the cross mask only from theta to y."""

from collections.abc import Collection
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class OneWayRuleWarning(LegacyWarning):
    """A rule written from y to theta does nothing (L8)."""

    code = "L8"


def check_directions(
    pairs: Collection[tuple[Any, Any]],
    theta: Collection[str],
    y: Collection[str],
) -> None:
    """Warn about rules between the sides, written from y to theta.

    There is no warning for rules that are written in both directions.
    """
    inert = [
        (a, b)
        for a, b in dict.fromkeys(pairs)
        if a in y
        and b in theta
        and not (a in theta and b in y)
        and (b, a) not in pairs
    ]
    if inert:
        OneWayRuleWarning.warn(
            f"the rules between {inert} do nothing to the cross mask, since "
            "their first key is on the y side and the second on the theta "
            "side. After a swap of sides, write them the other way round."
        )
