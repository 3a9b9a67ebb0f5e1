"""Simulators and log densities of a NumPyro model, for many simulations."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tfmpe._base.arrays import AnyArray, PRNGKey

from .graph import Graph
from .run import Run
from .sites import Site

Arrays = Mapping[str, AnyArray]


def check_order(sites: Mapping[str, Site], graph: Graph) -> None:
    """Raise if a site that is inferred depends on an observed one."""
    for child, parent in graph.edges:
        if sites[parent].observed and not sites[child].observed:
            raise ValueError(
                f"{child!r} depends on the observed site {parent!r}, but "
                "parameters are simulated before observations. Pass the "
                f"values of {parent!r} as an argument of the model, or write "
                f"the model so that {parent!r} depends on {child!r}."
            )


def simulators(
    run: Run, sites: Mapping[str, Site]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the prior of inferred sites, and the simulator of all others."""

    def prior(key: PRNGKey, n: int) -> dict[str, Array]:
        draws = run.draw(key, n)
        return {n: draws[n] for n, site in sites.items() if not site.observed}

    def simulator(
        key: PRNGKey, parameters: Arrays, *_: Any
    ) -> dict[str, Array]:
        n = len(next(iter(parameters.values())))
        draws = run.draw(key, n, parameters)
        return {
            name: jnp.asarray(draws[name], float)
            for name, site in sites.items()
            if site.observed
        }

    return prior, simulator


def densities(
    outputs: Callable[..., dict[str, Array]], sites: Mapping[str, Site]
) -> Callable[..., dict[str, Array]] | None:
    """Return a function for log factors; None if a site has no density."""
    if not all(site.has_density for site in sites.values()):
        return None

    @jax.jit
    def of_rows(values: Arrays) -> dict[str, Array]:
        key = jax.random.key(0)
        return jax.vmap(lambda each: outputs(each, key))(values)

    def factors(
        parameters: Arrays, observed: Arrays, *_: Any
    ) -> dict[str, Array]:
        values = {
            name: jnp.asarray(value, sites[name].dtype)
            for name, value in {**parameters, **observed}.items()
        }
        return of_rows(values)

    return factors
