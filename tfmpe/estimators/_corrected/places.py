"""Places of global values, and of the local values of every group."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from tfmpe.estimators._types import AnyArray
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.masks.token_groups import token_groups


class Places(NamedTuple):
    """Positions of global (shared) and local values in flattened target tokens.

    Local values have one row per group, filled up with -1. The groups of tokens
    are those of the whole layout; global tokens have the number after the last.
    """

    group_of_token: Int[np.ndarray, " tokens"]
    shared: Int[np.ndarray, " values"]
    own: Int[np.ndarray, "groups values"]

    @property
    def n_own(self) -> Int[np.ndarray, " groups"]:
        """Number of local values of every group."""
        return (self.own >= 0).sum(1)

    @property
    def n_shared(self) -> Int[np.ndarray, " one"]:
        """Number of global values."""
        return np.array([len(self.shared)])

    def split(
        self, flat: Float[AnyArray, "n size"]
    ) -> tuple[Float[AnyArray, "n 1 shared"], Float[AnyArray, "n groups own"]]:
        """Return the global and local values of flattened target tokens."""
        return flat[:, None, self.shared], flat[:, np.maximum(self.own, 0)]

    def joined(
        self,
        globals_: Float[AnyArray, "n shared"],
        own: Float[AnyArray, "n groups own"],
        size: int,
    ) -> Float[Array, "n size"]:
        """Return flattened target tokens from global and local values."""
        used = self.own >= 0
        flat = jnp.zeros((len(globals_), size), jnp.float32)
        flat = flat.at[:, self.shared].set(globals_)
        return flat.at[:, self.own[used]].set(own[:, used])


def places(
    layout: TokenLayout, target: tuple[str, ...], shared: tuple[str, ...]
) -> Places:
    """Return the places for target keys, some of which all groups share."""
    groups = token_groups(layout, shared)
    n_groups = int(groups.max(initial=-1)) + 1
    groups = np.where(groups < 0, n_groups, groups)
    view = layout.select(target)
    # Columns that no key fills are as wide as the whole layout.
    filled = filled_columns(view.keys, layout.width)
    tokens = [groups[layout[name].block] for name in view.names]
    owner = np.repeat(np.concatenate(tokens), layout.width)
    at = np.flatnonzero(filled)
    owner = owner[at]
    most = np.bincount(owner, minlength=n_groups + 1)[:n_groups].max(initial=1)
    own = np.full((n_groups, max(most, 1)), -1)
    for group in range(n_groups):
        found = at[owner == group]
        own[group, : len(found)] = found
    return Places(groups, at[owner == n_groups], own)
