"""Supports of sites: bijectors to all real numbers, and far values."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import AnyArray
from tfmpe._base.errors import raise_faults

_BOUNDS = ("lower_bound", "upper_bound")
_FAR = 8.0

VARIES = "bounds that vary"
"""In place of a support whose bounds are not constants."""


def bijectors_of(supports: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transforms of NumPyro for sites that are bounded."""
    faults: list[str] = []
    found = {}
    for name, support in supports.items():
        transform = None if support is VARIES else _transform(support)
        if support is VARIES:
            faults.append(
                f"the bounds of {name!r} depend on other sites or differ "
                "between its elements. Sample it between fixed bounds, then "
                "shift and scale it with numpyro.deterministic"
            )
        elif transform is None:
            faults.append(
                f"the support of {name!r} is {support}, whose elements depend "
                "on one another. Sample independent numbers, and transform "
                "them with numpyro.deterministic: for a Dirichlet, divide "
                "Gamma draws by their sum; for a TransformedDistribution, "
                "numpyro.infer.reparam.TransformReparam does it"
            )
        elif support is not _real():
            found[name] = transform
    raise_faults(ValueError, "This model is not supported", faults)
    return found


def spread_out(support: Any, values: AnyArray) -> AnyArray:
    """Return values in a support that lie far from the given ones."""
    values = jnp.asarray(values)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return values
    transform = None if support is VARIES else _transform(support)
    if transform is None:
        return values
    far = transform(_FAR * transform.inv(values))
    return jnp.where(jnp.isfinite(far), far, values)


def _base(support: Any) -> Any:
    """Return the constraint on one number, if a constraint has such a part."""
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    return support


def bounds_of(support: Any) -> dict[str, Any]:
    """Return the bounds of a support, which may be traced."""
    support = _base(support)
    return {
        name: jnp.asarray(getattr(support, name), float)
        for name in _BOUNDS
        if hasattr(support, name)
    }


def fixed(support: Any, bounds: Mapping[str, AnyArray]) -> Any:
    """Return a support with constant bounds, or ``VARIES`` if they vary."""
    support = _base(support)
    if support is None:
        return _real()
    values = [np.unique(each) for each in bounds.values()]
    if any(each.size != 1 for each in values):
        return VARIES
    given = [getattr(support, name) for name in bounds]
    if all(isinstance(each, (int, float)) for each in given):
        return support
    return type(support)(*(float(each[0]) for each in values))


def _transform(support: Any) -> Any:
    """Return the transform of each number to a support, if there is one."""
    from numpyro.distributions import biject_to

    try:
        transform = biject_to(support)
    except NotImplementedError:
        return None
    if transform.domain.event_dim or transform.codomain.event_dim:
        return None
    return transform


def _real() -> Any:
    from numpyro.distributions import constraints

    return constraints.real
