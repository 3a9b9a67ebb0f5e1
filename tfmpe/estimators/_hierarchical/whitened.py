"""A flow in units that depend on the conditioning: loss, draws, densities."""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from tfmpe._base.programs import compiled
from tfmpe.estimators._conditionals import read_conditional
from tfmpe.estimators._flow.continuous import ContinuousFlow
from tfmpe.estimators._flow.vector_field import merge_field, split_field
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.estimators._types import AnyArray, AnyTokens, Arrays, PRNGKey
from tfmpe.preprocessing import Tokens
from tfmpe.preprocessing.tokens.views import detach


@runtime_checkable
class WhiteningField(Protocol):
    """A vector field in units that it computes from the conditioning.

    :class:`tfmpe.nn.GroupPosterior` is one.
    """

    @property
    def global_keys(self) -> tuple[str, ...]:
        """The keys whose values the field infers."""
        ...

    def encode(
        self, conditioning: AnyTokens, key: PRNGKey | None = None, /
    ) -> Any:
        """Return what other methods need; with ``key``, leave out groups."""
        ...

    def velocity(
        self,
        target: AnyTokens,
        conditioning: AnyTokens,
        encoded: Any,
        time: Float[Array, "*sample"],
        /,
    ) -> Num[Array, "*sample tokens width"]:
        """Return velocities in these units; see :class:`VectorField`."""
        ...

    def whiten(
        self, target: AnyTokens, encoded: Any, /
    ) -> Float[Array, "*sample tokens width"]:
        """Return target values in these units, approximately normal."""
        ...

    def restore(
        self, target: AnyTokens, encoded: Any, /
    ) -> Float[Array, "*sample tokens width"]:
        """Return the inverse of :meth:`whiten`."""
        ...

    def log_det(self, encoded: Any, /) -> Float[Array, "*sample"]:
        """Return the log determinant of :meth:`whiten`."""
        ...


def whitened_loss(
    field: WhiteningField,
    target: AnyTokens,
    conditioning: AnyTokens,
    weights: Num[AnyArray, " rows"],
    key: PRNGKey,
    *,
    sigma_min: float,
    n_noise: int,
    noise: None = None,
) -> tuple[Float[Array, ""], Num[Array, ""]]:
    """Return the loss of the normal approximation plus that of the flow.

    The first is the negative log likelihood, without its constant, of the
    normal distribution that defines the units. See :func:`flow_matching_loss`
    for arguments and results.
    """
    del noise
    part_key, flow_key = jax.random.split(key)
    target, conditioning = detach(target), detach(conditioning)
    encoded = field.encode(conditioning, part_key)
    white = field.whiten(target, encoded)
    misfit = 0.5 * (white**2).sum((-2, -1)) - field.log_det(encoded)

    def velocity(
        target: AnyTokens, given: AnyTokens, time: Float[Array, " rows"]
    ) -> Num[Array, "rows tokens width"]:
        return field.velocity(target, given, encoded, time)

    # The flow must not make its own task easier by changing the units.
    frozen = replace(target, data=jax.lax.stop_gradient(white))
    total, n_values = flow_matching_loss(
        velocity,
        frozen,
        conditioning,
        weights,
        flow_key,
        sigma_min=sigma_min,
        n_noise=n_noise,
    )
    return total + (jnp.asarray(weights, misfit.dtype) * misfit).sum(), n_values


class WhitenedFlow(ContinuousFlow):
    """Draws and densities in standardized units, from a whitening field."""

    def sample(
        self, tokens: AnyTokens, *keys: Any, **options: Any
    ) -> Float[Array, "draws *sample tokens width"]:
        """Return draws; see :meth:`ContinuousFlow.sample`."""
        white = super().sample(tokens, *keys, **options)
        return self._moved(tokens, keys, white, back=True)[0]

    def log_prob(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        tokens: AnyTokens,
        *keys: Any,
        values: Num[AnyArray, "draws *sample tokens width"],
        **options: Any,
    ) -> Float[Array, " draws *sample"]:
        """Return log densities; see :meth:`ContinuousFlow.log_prob`."""
        white, change = self._moved(tokens, keys, values, back=False)
        density = super().log_prob(tokens, *keys, values=white, **options)
        return density + change[None]

    def _moved(
        self,
        tokens: AnyTokens,
        keys: tuple[Any, ...],
        values: Num[AnyArray, "draws *sample tokens width"],
        *,
        back: bool,
    ) -> tuple[Array, Array]:
        names = read_conditional(tokens.layout, *keys)
        split = split_field(self.vector_field)
        return _moved(
            (split.parameters, split.rest),
            detach(tokens, names.target),
            detach(tokens, names.conditioning),
            values,
            static=split.static,
            back=back,
        )


@compiled()
def _moved(
    arrays: tuple[Arrays, Any],
    target: Tokens,
    conditioning: Tokens,
    values: Num[AnyArray, "draws *sample tokens width"],
    *,
    static: Hashable,
    back: bool,
) -> tuple[Float[Array, "draws *sample tokens width"], Float[Array, "*sample"]]:
    """Return whitened or restored values, and the log determinant."""
    field = merge_field(static, *arrays)
    encoded = field.encode(conditioning)
    move = field.restore if back else field.whiten
    moved = jax.vmap(lambda each: move(replace(target, data=each), encoded))(
        values
    )
    return moved, field.log_det(encoded)
