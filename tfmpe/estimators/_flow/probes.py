"""Random directions for the divergence of a vector field."""

from typing import SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from tfmpe.estimators._arguments import positive
from tfmpe.estimators._types import AnyArray, PRNGKey


def read_probes(
    exact: bool | None,
    n_probes: SupportsIndex | None,
    probes: Num[AnyArray, "*probes"] | None,
    key: PRNGKey | None,
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> Num[AnyArray, "..."] | None:
    """Return random directions, or None for an exact divergence."""
    if exact and (n_probes is not None or probes is not None):
        raise ValueError(
            "exact=True needs no probes: omit n_probes and probes, or pass "
            "exact=False."
        )
    if probes is not None:
        found = jnp.shape(probes)
        if found[1:] != shape or not found[0]:
            raise ValueError(
                f"probes have shape {found}, expected (n_probes, "
                f"{', '.join(map(str, shape))})."
            )
        return probes
    if n_probes is None:
        if exact is False:
            raise ValueError(
                "exact=False needs a number of probes: pass n_probes=10."
            )
        return None
    if key is None:
        raise TypeError(
            f"n_probes={n_probes} needs a PRNG key: pass key=jax.random.key(0)."
        )
    n_probes = positive(n_probes, "n_probes")
    return jax.random.rademacher(key, (n_probes, *shape), dtype)
