"""Supports of sites: bijectors to all real numbers, and far values."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from tfmpe._base.arrays import AnyArray
from tfmpe._base.errors import raise_faults

from .sites import Site

_BOUNDS = ("lower_bound", "upper_bound")
_FAR = 8.0


def bijectors_of(
    sites: Mapping[str, Site], again: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the transforms of NumPyro for bounded sites that are inferred.

    ``again`` has the supports of the sites in another run, which shows bounds
    that depend on other sites.
    """
    faults: list[str] = []
    found = {}
    for name, site in sites.items():
        if site.observed or not site.is_float:
            continue
        support = _scalar(site.support, again[name])
        transform = None if support is None else _transform(support)
        if support is None:
            faults.append(
                f"the bounds of {name!r} depend on other sites or differ "
                "between its elements. Sample it between fixed bounds, then "
                "shift and scale it with numpyro.deterministic"
            )
        elif transform is None:
            faults.append(
                f"the support of {name!r} is {support}, whose elements depend "
                "on one another. Sample real numbers, and transform them with "
                "numpyro.distributions.biject_to and numpyro.deterministic"
            )
        elif not _is_identity(support):
            found[name] = transform
    raise_faults(ValueError, "This model is not supported", faults)
    return found


def spread_out(
    support: Any, values: AnyArray
) -> AnyArray:
    """Return values in a support that lie far from the given ones."""
    values = jnp.asarray(values)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return values
    transform = _transform(support)
    if transform is None:
        return values
    far = transform(_FAR * transform.inv(values))
    return jnp.where(jnp.isfinite(far), far, values)


def _base(support: Any) -> Any:
    """Return the constraint on one number, if a constraint has such a part."""
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    return support


def _scalar(support: Any, again: Any) -> Any:
    """Return a support with scalar bounds; None if they are not constant."""
    support, again = _base(support), _base(again)
    if support is None:
        return _real()
    bounds = []
    for name in _BOUNDS:
        if not hasattr(support, name):
            continue
        values = np.unique(np.asarray(getattr(support, name), float))
        others = np.unique(np.asarray(getattr(again, name, np.nan), float))
        if not np.array_equal(values, others) or values.size != 1:
            return None
        bounds.append(float(values[0]))
    is_array = any(np.ndim(getattr(support, name, 0)) for name in _BOUNDS)
    return type(support)(*bounds) if is_array else support


def _transform(support: Any) -> Any:
    """Return the transform of each number to a support, if there is one."""
    from numpyro.distributions import biject_to

    support = _base(support)
    try:
        transform = biject_to(_real() if support is None else support)
    except NotImplementedError:
        return None
    if transform.domain.event_dim or transform.codomain.event_dim:
        return None
    return transform


def _real() -> Any:
    from numpyro.distributions import constraints

    return constraints.real


def _is_identity(support: Any) -> bool:
    return support is _real()
