"""Conditional distributions: target and conditioning keys."""

from collections.abc import Iterable
from typing import Any, NamedTuple

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


def remembered_by(estimator: Any) -> Conditional | None:
    """Return the keys that an estimator was trained for, if it knows them."""
    target = getattr(estimator, "target_keys", None)
    given = getattr(estimator, "conditioning_keys", None)
    return None if target is None else Conditional(target, given or ())


def read_conditional(
    layout: TokenLayout,
    target_keys: Iterable[str] | None,
    conditioning_keys: Iterable[str] | None,
    remembered: Conditional | None = None,
) -> Conditional:
    """Return the checked keys of a call.

    Keys default to the remembered ones; if only ``target_keys`` are given, all
    other keys are conditioning keys.
    """
    if target_keys is None:
        if remembered is None:
            raise TypeError(
                "target_keys is missing. Name the keys to infer: only an "
                "estimator that was trained for one set of keys remembers them."
            )
        target_keys = remembered.target
        if conditioning_keys is None:
            conditioning_keys = remembered.conditioning
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
