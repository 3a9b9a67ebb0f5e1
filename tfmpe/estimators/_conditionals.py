"""Conditional distributions: target and conditioning keys."""

from collections.abc import Iterable
from typing import NamedTuple

from tfmpe.preprocessing import TokenLayout


class Conditional(NamedTuple):
    """A distribution to learn or to evaluate: p(target | conditioning).

    Attributes
    ----------
    target
        The keys to infer.
    conditioning
        The given keys; may be empty.

    Examples
    --------
    >>> print(Conditional(("mu", "theta"), ("obs",)))
    p(mu, theta | obs)
    """

    target: tuple[str, ...]
    conditioning: tuple[str, ...]

    def __str__(self) -> str:
        given = f" | {', '.join(self.conditioning)}" * bool(self.conditioning)
        return f"p({', '.join(self.target)}{given})"


def read_conditional(
    layout: TokenLayout,
    target_keys: Iterable[str],
    conditioning_keys: Iterable[str] | None,
) -> Conditional:
    """Check the keys of a call; ``conditioning_keys`` default to all others."""
    target = layout.select(target_keys).names
    if conditioning_keys is None:
        conditioning_keys = [n for n in layout.names if n not in target]
    conditioning = layout.select(conditioning_keys).names
    if not target:
        raise ValueError(
            f"target_keys is empty. Name at least one of {list(layout.names)}."
        )
    both = [name for name in target if name in conditioning]
    if both:
        raise ValueError(
            f"The keys {both} are both target and conditioning. Name each "
            "only once."
        )
    return Conditional(target, conditioning)
