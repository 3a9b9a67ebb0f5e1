"""Models from NumPyro: the layout is read from the model itself."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tfmpe._base.arrays import AnyArray, PRNGKey
from tfmpe._base.extras import import_extra
from tfmpe.models.model import Model
from tfmpe.preprocessing.layout.layout import checked_names

from .density import check_order, densities, simulators
from .edges import find_edges
from .graph import Graph
from .groups import find_dimensions
from .inputs import find_inputs, outputs_given, without_zeros
from .model import NumpyroModel
from .order import find_order, with_positions
from .probes import Probes
from .reasons import explain
from .rules import decide, independence
from .run import Run
from .sites import check_indices, outputs_of, read_sites
from .supports import bijectors_of


def from_numpyro(
    model: Callable[..., Any],
    *args: Any,
    observed: Iterable[str] | None = None,
    **kwargs: Any,
) -> Model:
    """Return a NumPyro model with its layout, rules, inputs and density.

    Parameters
    ----------
    model
        A model of NumPyro, written with ``jax.numpy``.
    *args, **kwargs
        Its arguments: sizes, indices of groups, covariates, times. Observed
        values are not needed; pass None for them.
    observed
        Names of the sites that will be given; by default the sites that have
        values in the arguments.

    Returns
    -------
    Model
        Keys are the sample sites, in the order of the model; an array has the
        shape ``(n, *batch_shape, *event_shape)`` in the terms of NumPyro, so a
        site without a plate has shape ``(n,)``. Sites without a log density are
        simulated, and the model then has no density.

    Raises
    ------
    ImportError
        If NumPyro is not installed.
    ValueError
        If a site cannot be simulated or inferred: the message names the site
        and the remedy.
    TypeError
        If the model does not accept its arguments or fails with them, or
        ``observed`` are not names.

    Notes
    -----
    The independence rules leave open the pairs that the posterior needs: two
    tokens attend to each other if, given all other tokens, one depends on the
    other, or a third depends on both. Dependence is found by following data
    through the program, and by putting NaN, random tangents and redrawn values
    in place of some tokens; :meth:`Model.explain` prints each rule with its
    reason. Takes seconds, and does not work under ``jit``.

    Examples
    --------
    >>> import numpyro
    >>> from numpyro.distributions import Normal
    >>> def schools(n):
    ...     mu = numpyro.sample("mu", Normal(0, 5))
    ...     with numpyro.plate("school", n):
    ...         theta = numpyro.sample("theta", Normal(mu, 1))
    ...         numpyro.sample("obs", Normal(theta, 1))
    >>> model = from_numpyro(schools, 8, observed=["obs"])
    >>> model.layout.independence.local
    ('theta', 'obs')
    """
    import_extra("numpyro", "numpyro", "from_numpyro needs numpyro")

    if isinstance(observed, Mapping):
        names = [*observed]
        raise TypeError(
            f"observed has values of {names}, expected names of sites. Pass "
            f"observed={names}, and the values to the method sample of an "
            "estimator."
        )
    if observed is not None:
        observed = checked_names(observed)
    run = Run(model, args, kwargs)
    sites, draws = read_sites(run, observed)
    targets = [name for name, site in sites.items() if not site.observed]
    bijectors = bijectors_of({name: sites[name].support for name in targets})
    outputs = outputs_of(run, sites)
    check_indices(outputs, draws)
    probes = Probes(outputs_of(without_zeros(run), sites), sites, draws)
    shapes = {name: site.event_shape for name, site in sites.items()}
    graph = Graph(shapes, find_edges(shapes, probes))
    check_order(sites, graph)
    dimensions = find_dimensions(
        graph, {name: site.dims for name, site in sites.items()}
    )
    decisions = decide(graph, dimensions)
    inputs = find_inputs(run, sites, draws, graph, dimensions)
    positions = find_order(
        outputs_given(run, sites), sites, draws, graph, decisions, inputs
    )
    functional = with_positions(inputs.values, positions, shapes)
    prior, simulator = simulators(run, sites)

    def functional_inputs(
        key: PRNGKey, parameters: Mapping[str, AnyArray]
    ) -> dict[str, AnyArray]:
        return dict(functional)

    return NumpyroModel(
        prior,
        simulator,
        functional_inputs if functional else None,
        independence(decisions),
        target_keys=targets,
        batch_ndims={n: len(site.batch_shape) for n, site in sites.items()},
        dims=dimensions.dims,
        groups={n: each for n, each in dimensions.groups.items() if each},
        positions={n: p for n, p in positions.items() if n not in functional},
        bijectors=bijectors,
        exchangeable=[n for n in sites if n not in positions],
        log_density_fn=densities(outputs, sites),
        reasons=explain(
            sites, decisions, dimensions, inputs, positions, probes.missed
        ),
        supports={name: site.support for name, site in sites.items()},
    )
