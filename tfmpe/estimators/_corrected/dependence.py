"""Independence of the results of a function from its argument."""

from collections.abc import Callable, Mapping
from typing import Any

import jax


def unaffected(
    function: Callable[[Any], Mapping[str, Any]], argument: Any
) -> set[str]:
    """Return the names of results in which the argument does not appear.

    Read from the operations that JAX records, so values do not matter. An
    operation with an affected input counts as affected as a whole.
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(argument)
    affected = set(closed.jaxpr.invars)
    for operation in closed.jaxpr.eqns:
        # Literals cannot be hashed, and depend on nothing.
        names = [v for v in operation.invars if not hasattr(v, "val")]
        if not affected.isdisjoint(names):
            affected.update(operation.outvars)
    results = zip(sorted(shapes), closed.jaxpr.outvars, strict=True)
    return {
        name
        for name, result in results
        if hasattr(result, "val") or result not in affected
    }
