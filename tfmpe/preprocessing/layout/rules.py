"""Checks of rules against keys and their shapes."""

from .dimensions import dimension_size, find_dimension, matched_dims
from .independence import CrossLocal
from .layout import KeyLayout, TokenLayout


def check_match(a: KeyLayout, b: KeyLayout, rule: CrossLocal) -> None:
    """Check that a cross_local rule fits the shapes of its keys."""
    dims = matched_dims(rule)
    if dims is None:
        if a.n_tokens != b.n_tokens:
            raise ValueError(
                "Cannot apply cross_local independence: without dimensions "
                "the keys must have the same number of tokens, but "
                f"{a.name!r} has {a.n_tokens} and {b.name!r} has {b.n_tokens}. "
                "Name the pair of dimensions to match."
            )
        return
    try:
        size_a, size_b = map(dimension_size, (a, b), dims)
    except ValueError as error:
        raise ValueError(
            f"Cannot apply cross_local independence: {error}"
        ) from None
    # Without an axis, the size of a group index is only the largest id + 1.
    smaller, dim = (a, dims[0]) if size_a < size_b else (b, dims[1])
    more = not isinstance(find_dimension(smaller, dim), int)
    if size_a != size_b and not more:
        raise ValueError(
            f"Cannot apply cross_local independence: dimension {dims[0]!r} of "
            f"{a.name!r} has size {size_a} but dimension {dims[1]!r} of "
            f"{b.name!r} has size {size_b}"
        )


def check_rules(layout: TokenLayout) -> None:
    """Check every rule of a layout against its keys and their shapes."""
    layout.independence.require_keys(layout.names)
    for rule in layout.independence.matching:
        check_match(layout[rule.a], layout[rule.b], rule)
