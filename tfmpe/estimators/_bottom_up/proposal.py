"""Parameters of one unit, taken at random from draws of the full model."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Num

from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._bottom_up.plates import Plates
from tfmpe.estimators._types import AnyArray, ArrayTree, PRNGKey
from tfmpe.preprocessing import Standardizer, Tokens


class UnitProposal(NamedTuple):
    """A prior function for one unit, near the parameters of some draws.

    Attributes
    ----------
    draws
        Parameters of all units, sample axes (n,).
    plates
        Plates of the full model.
    standardizer
        Adds the noise in standardized units, so that bounds hold.
    spread
        Standard deviation of the noise, divided by that of the draws.
    """

    draws: Tokens
    plates: Plates
    standardizer: Standardizer
    spread: float

    def __call__(self, key: PRNGKey, n: int) -> ArrayTree:
        """Return parameters of a random unit of ``n`` random draws."""
        row_key, noise_key, unit_key = jax.random.split(key, 3)
        draws = self.draws
        rows = jax.random.randint(row_key, (n,), 0, len(draws.data))
        values = self._moved(noise_key, jnp.asarray(draws.data), rows)
        chosen = Tokens(values, draws.layout)
        keys = jax.random.split(unit_key, len(self.plates.sizes))
        units = {
            plate: np.asarray(jax.random.randint(key, (n,), 0, size))
            for key, (plate, size) in zip(
                keys, self.plates.sizes.items(), strict=True
            )
        }
        leaves = flatten_tree(chosen.decode(), "draws")
        return unflatten_tree(
            leaves,
            [
                _of_units(leaf.value, self.plates.grown(leaf.name), units)
                for leaf in leaves
            ],
        )

    def _moved(
        self,
        key: PRNGKey,
        draws: Num[Array, "draws tokens width"],
        rows: Int[Array, " n"],
    ) -> Num[Array, "n tokens width"]:
        """Return some draws with noise, except where it would leave bounds."""
        forward, inverse = (
            partial(each, like=self.draws)
            for each in (self.standardizer.forward, self.standardizer.inverse)
        )
        standard = forward(draws)
        noise = jax.random.normal(key, (len(rows), *draws.shape[1:]))
        noise = self.spread * standard.std(0, keepdims=True) * noise
        values = inverse(standard[rows] + noise)
        # Rounded to a bound, a value has no image.
        inside = jnp.isfinite(forward(values)).all((1, 2), keepdims=True)
        return jnp.where(inside, values, draws[rows])


def _of_units(
    array: Num[AnyArray, "n ..."],
    axes: Mapping[str, int],
    units: Mapping[str, np.ndarray],
) -> Num[Array, "n ..."]:
    """Return the values of one unit per row; plates keep size 1."""
    for plate, axis in axes.items():
        shape = [1] * array.ndim
        shape[0] = -1
        rows = units[plate].reshape(shape)
        array = jnp.take_along_axis(jnp.asarray(array), rows, 1 + axis)
    return jnp.asarray(array)
