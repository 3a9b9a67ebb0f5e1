"""Integer values, made continuous for a density or a flow."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Num

from tfmpe._base.arrays import to_rank
from tfmpe._base.callers import warn_at_caller
from tfmpe._base.errors import raise_faults, unknown_key
from tfmpe.estimators._training.errors import DiscreteValuesWarning
from tfmpe.estimators._types import AnyArray, AnyTokens, PRNGKey
from tfmpe.preprocessing import TokenLayout, Tokens
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.standardise.given import wrap

T = TypeVar("T", Tokens, AnyTokens)
_SPREAD = 2**32 - 3  # For fold_in: the key of noise.


@dataclass(frozen=True)
class DiscreteKeys:
    """Keys with integer values.

    Training adds uniform noise from 0 to 1 to them, so that a density has no
    spikes to follow. Its value at the center of a unit interval then
    approximates a probability. Source: Uria et al., 2013.
    """

    names: tuple[str, ...]

    def check_integers(self, tokens: AnyTokens, names: Iterable[str]) -> None:
        """Raise if discrete keys among ``names`` have other values."""
        faults = []
        for name in names:
            if name not in self.names:
                continue
            values = _values(tokens, name)
            # NaN is refused where values are used.
            other = np.isfinite(values) & (values != np.round(values))
            if other.any():
                faults.append(
                    f"{other.sum()} of {values.size} values of {name!r} are not"
                )
        raise_faults(
            ValueError, "Values of discrete keys must be integers", faults
        )

    def spread(self, tokens: Tokens, key: PRNGKey) -> Tokens:
        """Return training data with noise; rows of all batches share it."""
        if not self.names:
            return tokens
        key = jax.random.fold_in(key, _SPREAD)
        self._check(tokens)
        noise = jax.random.uniform(key, tokens.data.shape, tokens.data.dtype)
        return tokens.with_data(
            self._changed(
                tokens.layout, tokens.data, lambda v: jnp.add(v, noise)
            )
        )

    def centered(self, tokens: T) -> T:
        """Return tokens with values in the middle of their unit intervals."""
        if not self.names:
            return tokens
        return wrap(self.centered_values(tokens.layout, tokens.data), tokens)

    def centered_values(
        self, layout: TokenLayout, values: Num[AnyArray, "*draws tokens width"]
    ) -> Num[AnyArray, "*draws tokens width"]:
        """Return values in the middle of their unit intervals."""
        return self._changed(layout, values, lambda v: jnp.floor(v) + 0.5)

    def rounded(self, draws: Tokens) -> Tokens:
        """Return draws rounded down to integers."""
        if not self.names:
            return draws
        return draws.with_data(
            self._changed(draws.layout, draws.data, jnp.floor)
        )

    def warn_others(self, tokens: Tokens, targets: Iterable[str]) -> None:
        """Warn if other target keys have integer values only."""
        others = [name for name in targets if name not in self.names]
        found = [
            name
            for name in others
            if _all_integers(values := _values(tokens, name))
            and values.min() < values.max()
        ]
        if found:
            warn_at_caller(
                DiscreteValuesWarning(
                    f"All values of the target keys {found} are integers. A "
                    "continuous density becomes a spike at each of them, so "
                    "its values mean little there, and draws lie between "
                    f"integers. Build the estimator with discrete={found}."
                )
            )

    def _changed(
        self,
        layout: TokenLayout,
        values: Num[AnyArray, "*draws tokens width"],
        change: Callable[[AnyArray], Array],
    ) -> Num[AnyArray, "*draws tokens width"]:
        own = [name for name in self.names if name in layout.names]
        if not own:
            return values
        chosen = np.zeros((layout.n_tokens, layout.width), bool)
        for name in own:
            chosen[layout[name].block] = True
        chosen &= filled_columns(layout.keys, layout.width)
        return jnp.where(to_rank(chosen, values.ndim), change(values), values)

    def _check(self, tokens: Tokens) -> None:
        if not jnp.issubdtype(tokens.data.dtype, jnp.floating):
            raise TypeError(
                f"Tokens have the dtype {tokens.data.dtype}, but training adds "
                f"noise to the discrete keys {list(self.names)}. Convert their "
                "values to floats."
            )
        for name in self.names:
            if name not in tokens.layout.names:
                raise unknown_key(
                    name, tokens.layout.names, "It was named in discrete=."
                )
        self.check_integers(tokens, self.names)


def _values(tokens: AnyTokens, name: str) -> np.ndarray:
    """Return the values of a key, without padding; none if traced."""
    if any(isinstance(x, Tracer) for x in (tokens.data, tokens.padding)):
        return np.empty(0)
    key = tokens.layout[name]
    data, filled = jax.device_get((tokens.data, tokens.padding_mask))
    return data[..., key.block, : key.width][filled[..., key.block]]


def _all_integers(values: np.ndarray) -> bool:
    return values.size > 0 and bool(np.all(values == np.round(values)))
