"""Fields with a density: their loss, draws and densities."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from math import prod
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from tfmpe._base.programs import compiled
from tfmpe._base.static import positive
from tfmpe.estimators._conditionals import read_conditional
from tfmpe.estimators._flow.chunks import at_a_time, map_chunks
from tfmpe.estimators._flow.vector_field import (
    DensityField,
    merge_field,
    split_field,
)
from tfmpe.estimators._types import AnyArray, AnyTokens, Arrays, PRNGKey
from tfmpe.preprocessing import Tokens
from tfmpe.preprocessing.tokens.views import detach


def density_loss(
    field: DensityField,
    target: AnyTokens,
    conditioning: AnyTokens,
    weights: Num[AnyArray, " rows"],
    key: PRNGKey,
    **unused: Any,
) -> tuple[Float[Array, ""], Num[Array, ""]]:
    """Return the total negative log density, and the number of rows."""
    del key, unused
    density = field.log_prob(detach(target), detach(conditioning))
    weights = jnp.asarray(weights, density.dtype)
    return -(weights * density).sum(), weights.sum()


class KnownDensity:
    """Draws and densities of a field, in standardized units.

    The methods are those of :class:`ContinuousFlow`, whose solver options are
    ignored here.
    """

    def __init__(self, field: DensityField) -> None:
        self.field = field

    def sample(
        self,
        tokens: AnyTokens,
        *keys: Any,
        key: PRNGKey,
        n_samples: SupportsIndex = 1,
        batch_size: SupportsIndex | None = None,
        **unused: Any,
    ) -> Float[Array, "draws *sample tokens width"]:
        """Return draws for every sample."""
        del unused
        n = positive(n_samples, "n_samples")
        return self._call(_drawn, tokens, keys, batch_size, key, n=n)

    def log_prob(
        self,
        tokens: AnyTokens,
        *keys: Any,
        values: Num[AnyArray, "draws *sample tokens width"] | None = None,
        batch_size: SupportsIndex | None = None,
        **unused: Any,
    ) -> Float[Array, "*draws"]:
        """Return log densities of the target values, or of ``values``."""
        del unused
        return self._call(_log_prob, tokens, keys, batch_size, values)

    def _call(
        self,
        program: Callable[..., Any],
        tokens: AnyTokens,
        keys: Any,
        batch_size: SupportsIndex | None,
        *more: Any,
        **static: Hashable,
    ) -> Any:
        """Call a compiled function of the target and conditioning tokens.

        Draws are computed for all rows together: at most ``batch_size`` over
        all rows at a time, but at least one for each row.
        """
        names = read_conditional(tokens.layout, *keys)
        split = split_field(self.field)
        target = detach(tokens, names.target)
        n_rows = max(1, prod(target.sample_shape))
        return program(
            (split.parameters, split.rest),
            target,
            detach(tokens, names.conditioning),
            *more,
            static=split.static,
            n_draws=max(1, at_a_time(batch_size, target.n_tokens) // n_rows),
            **static,
        )


@compiled()
def _drawn(
    arrays: tuple[Arrays, Any],
    target: Tokens,
    conditioning: Tokens,
    key: PRNGKey,
    *,
    n: int,
    n_draws: int,
    static: Hashable,
) -> Float[Array, "draws *sample tokens width"]:
    field = merge_field(static, *arrays)
    draw = jax.vmap(lambda key: field.draw(target, conditioning, key))
    return map_chunks(draw, jax.random.split(key, n), n_draws)


@compiled()
def _log_prob(
    arrays: tuple[Arrays, Any],
    target: Tokens,
    conditioning: Tokens,
    values: Num[AnyArray, "draws *sample tokens width"] | None,
    *,
    n_draws: int,
    static: Hashable,
) -> Float[Array, "*draws"]:
    field = merge_field(static, *arrays)
    if values is None:
        return field.log_prob(target, conditioning)
    density = jax.vmap(
        lambda data: field.log_prob(replace(target, data=data), conditioning)
    )
    return map_chunks(density, values, n_draws)
