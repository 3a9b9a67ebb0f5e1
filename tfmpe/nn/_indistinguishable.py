"""Warnings for keys whose tokens a network cannot distinguish."""

from collections.abc import Iterable

import jax

from tfmpe._base.callers import warn_at_caller
from tfmpe.nn._types import ViewOrLayout
from tfmpe.preprocessing.layout.dimensions import find_dimension
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.masks.relations import Dim, self_relations


class ExchangeableWarning(UserWarning):
    """A network ignores the order of the tokens of a key."""


def warn_of_sets(tokens: ViewOrLayout, exchangeable: Iterable[str]) -> None:
    """Warn of keys whose token order is ignored, except ``exchangeable``."""
    layout = tokens if isinstance(tokens, TokenLayout) else tokens.layout
    expected = layout.select(exchangeable).names
    found = [
        key.name
        for key in layout.keys
        if key.n_tokens > 1
        and key.name not in expected
        and not _rules_tell_apart(key, layout)
        and not _inputs_tell_apart(key, tokens)
    ]
    if not found:
        return
    warn_at_caller(
        ExchangeableWarning(
            f"The network cannot distinguish the tokens of {found}: neither "
            "rules nor functional inputs do, so permuting them changes "
            "nothing. If their order has a meaning, as in a time series, pass "
            f"positions={found} to Tokens.from_pytree, or times or places as "
            "functional_inputs. If it has none, pass "
            f"exchangeable={found} to Transformer.for_tokens."
        )
    )


def _rules_tell_apart(key: KeyLayout, layout: TokenLayout) -> bool:
    """Return whether tokens differ in what a rule lets them attend to.

    Only the dimensions that the rule matches count: sizes may change later.
    """
    for (query, other), relation in self_relations(layout.independence).items():
        if query != key.name:
            continue
        if other != query and relation:
            return True
        # Tokens that attend only to themselves do not differ.
        dims = {dim for match in relation for dim in match}
        if not all(_is_place(key, dim) for dim in dims):
            return True
    return False


def _is_place(key: KeyLayout, dim: Dim) -> bool:
    """Return whether every token has a different coordinate in a dimension."""
    if dim is None:
        return True
    return len(key.event_shape) == 1 and find_dimension(key, dim) == 0


def _inputs_tell_apart(key: KeyLayout, tokens: ViewOrLayout) -> bool:
    """Return whether functional inputs of tokens differ in any sample."""
    if not key.n_inputs or isinstance(tokens, TokenLayout):
        return bool(key.n_inputs)
    inputs, real = jax.device_get((tokens.functional_inputs, tokens.padding))
    inputs = inputs[..., key.block, : key.n_inputs]
    differ = (inputs != inputs[..., :1, :]).any(-1)
    if real is not None:
        differ = differ & real[..., key.block]
    return bool(differ.any()) or not inputs.size
