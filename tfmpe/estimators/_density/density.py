"""Fields with a density: their loss, draws and densities."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from tfmpe._base.programs import compiled
from tfmpe.estimators._arguments import positive
from tfmpe.estimators._conditionals import read_conditional
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

    The methods are those of :class:`ContinuousFlow`, whose options for solvers
    have no meaning here.
    """

    def __init__(self, field: DensityField) -> None:
        self.field = field

    def sample(
        self,
        tokens: AnyTokens,
        *keys: Any,
        key: PRNGKey,
        n_samples: Any = 1,
        **unused: Any,
    ) -> Float[Array, "draws *sample tokens width"]:
        """Return draws for every sample."""
        del unused
        n = positive(n_samples, "n_samples")
        return self._call(_drawn, tokens, keys, key, n=n)

    def log_prob(
        self,
        tokens: AnyTokens,
        *keys: Any,
        values: Num[AnyArray, "draws *sample tokens width"] | None = None,
        **unused: Any,
    ) -> Float[Array, "*draws"]:
        """Return log densities of the target values, or of ``values``."""
        del unused
        return self._call(_log_prob, tokens, keys, values)

    def _call(
        self,
        program: Callable[..., Any],
        tokens: AnyTokens,
        keys: Any,
        *more: Any,
        **static: Hashable,
    ) -> Any:
        """Call a compiled function of both sides of the tokens."""
        names = read_conditional(tokens.layout, *keys)
        split = split_field(self.field)
        return program(
            (split.parameters, split.rest),
            detach(tokens, names.target),
            detach(tokens, names.conditioning),
            *more,
            static=split.static,
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
    static: Hashable,
) -> Float[Array, "draws *sample tokens width"]:
    field = merge_field(static, *arrays)
    keys = jax.random.split(key, n)
    return jax.vmap(lambda key: field.draw(target, conditioning, key))(keys)


@compiled()
def _log_prob(
    arrays: tuple[Arrays, Any],
    target: Tokens,
    conditioning: Tokens,
    values: Num[AnyArray, "draws *sample tokens width"] | None,
    *,
    static: Hashable,
) -> Float[Array, "*draws"]:
    field = merge_field(static, *arrays)
    if values is None:
        return field.log_prob(target, conditioning)
    return jax.vmap(
        lambda data: field.log_prob(replace(target, data=data), conditioning)
    )(values)
