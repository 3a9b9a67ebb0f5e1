"""Draws and densities in original units, from a flow of standardized values."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Num, Shaped

from tfmpe._base.arrays import on_host, to_rank
from tfmpe._base.errors import nearest
from tfmpe._base.programs import compiled
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._flow.continuous import ContinuousFlow
from tfmpe.estimators._types import AnyArray, AnyTokens
from tfmpe.preprocessing import Standardizer, Tokens
from tfmpe.preprocessing.tokens.finite import check_known


@runtime_checkable
class Solvable(Protocol):
    """Draws and densities in standardized units.

    The methods are those of :class:`ContinuousFlow`.
    """

    @property
    def sample(self) -> Callable[..., Float[Array, "..."]]:
        """Return draws."""
        ...

    @property
    def log_prob(self) -> Callable[..., Float[Array, "..."]]:
        """Return log densities."""
        ...


def draw_tokens(
    flow: Solvable,
    standardizer: Standardizer | None,
    tokens: AnyTokens,
    keys: Conditional,
    **options: Any,
) -> Tokens:
    """Return draws as Tokens; see :meth:`FlowMatchingEstimator.sample`."""
    check_options("sample", options, ContinuousFlow.sample)
    draws = flow.sample(
        _standardized(tokens, standardizer, keys), *keys, **options
    )
    view = tokens.select_tokens(keys.target)
    if standardizer is not None:
        draws = standardizer.inverse(draws, like=view)
    sample_shape = draws.shape[:-2]
    return Tokens(
        draws,
        view.layout,
        _repeat(view.functional_inputs, sample_shape, 2),
        _repeat(view.padding, sample_shape, 1),
    )


def log_density(
    flow: Solvable,
    standardizer: Standardizer | None,
    tokens: AnyTokens,
    keys: Conditional,
    values: Num[AnyArray, "n *sample tokens width"] | None,
    **options: Any,
) -> Float[Array, "*draws"]:
    """Return log densities; see :meth:`FlowMatchingEstimator.log_prob`."""
    check_options("log_prob", options, ContinuousFlow.log_prob)
    if standardizer is None:
        return flow.log_prob(tokens, *keys, values=values, **options)
    view = tokens.select_tokens(keys.target)
    if values is None:
        check_known(view, "Target values")
    own = view.data if values is None else values
    # NaN marks values outside the support of a bijector.
    with jax.debug_nans(False):
        standard = standardizer.forward(own, like=view)
        change = standardizer.log_det(own, like=view)
    standard, outside = _inside(
        own, standard, view.value_mask, one_draw=values is None
    )
    density = flow.log_prob(
        _standardized(tokens, standardizer, keys),
        *keys,
        values=standard,
        **options,
    )
    return _in_own_units(density, change, outside, one_draw=values is None)


def check_options(
    caller: str, options: Iterable[str], *methods: Callable[..., Any]
) -> None:
    """Raise a TypeError if no method has one of the keyword arguments."""
    known = [
        name
        for method in methods
        for name, each in inspect.signature(method).parameters.items()
        if each.kind is each.KEYWORD_ONLY and name != "direction"
    ]
    for name in options:
        if name not in known:
            raise TypeError(
                f"{caller} does not accept {name}=. "
                + (nearest(name, known) or f"Expected some of {known}.")
            )


def _standardized(
    tokens: AnyTokens, standardizer: Standardizer | None, keys: Conditional
) -> AnyTokens:
    """Return tokens with standardized conditioning keys."""
    if standardizer is None:
        return tokens
    given = tokens.select_tokens(keys.conditioning)
    return standardizer.forward(given).parent


@compiled()
def _inside(
    own: Num[AnyArray, "*draws tokens width"],
    standard: Num[AnyArray, "*draws tokens width"],
    real: Bool[AnyArray, "*sample tokens width"],
    *,
    one_draw: bool,
) -> tuple[Num[Array, "*out tokens width"], Bool[Array, "*draws"]]:
    """Return values with 0 outside the support, and which draws changed.

    With ``one_draw`` the values get a leading axis of length 1.
    """
    outside = jnp.isfinite(own) & ~jnp.isfinite(standard)
    outside &= to_rank(real, outside.ndim)
    values = jnp.where(outside, 0, standard)
    return values[None] if one_draw else values, outside.any((-2, -1))


@compiled()
def _in_own_units(
    density: Float[Array, "*out"],
    change: Float[Array, "*draws"],
    outside: Bool[Array, "*draws"],
    *,
    one_draw: bool,
) -> Float[Array, "*draws"]:
    """Return the log density of values in original units."""
    density = density[0] if one_draw else density
    density = density + jnp.where(outside, 0, change)
    return jnp.where(outside, -jnp.inf, density)


def _repeat(
    array: Shaped[AnyArray, "..."] | None,
    sample_shape: tuple[int, ...],
    n_axes: int,
) -> Shaped[AnyArray, "..."] | None:
    """Repeat the array for every draw."""
    if array is None:
        return None
    # NumPy broadcasts without a copy.
    xp = np if on_host([array]) else jnp
    return xp.broadcast_to(array, (*sample_shape, *array.shape[-n_axes:]))
