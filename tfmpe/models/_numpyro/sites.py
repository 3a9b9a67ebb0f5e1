"""Sites of a NumPyro model: names, shapes, plates, and what is unsupported."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import checkify
from jaxtyping import Array

from tfmpe._base.arrays import AnyArray, PRNGKey
from tfmpe._base.errors import nearest, raise_faults
from tfmpe._base.trees import SEPARATOR

from .run import DATA, Run, name_of
from .supports import bounds_of, fixed


class Site(NamedTuple):
    """A sample site, which is observed or inferred.

    The event shape is that of its tokens, NumPyro's batch shape; the batch
    shape is that of the values of one token, NumPyro's event shape. The names
    of event axes are those of their plates. ``data`` are its observed values
    among the arguments of the model.
    """

    name: str
    dtype: Any
    event_shape: tuple[int, ...]
    batch_shape: tuple[int, ...]
    dims: tuple[str, ...]
    observed: bool
    has_density: bool
    support: Any
    data: AnyArray | None

    @property
    def is_float(self) -> bool:
        """Whether its values are real numbers."""
        return bool(jnp.issubdtype(self.dtype, jnp.floating))


class Reading(NamedTuple):
    """Sites in the order of the model, and their values in three runs."""

    sites: dict[str, Site]
    draws: dict[str, AnyArray]


def run_of(draws: Mapping[str, AnyArray], i: int) -> dict[str, np.ndarray]:
    """Return the values of one of several runs."""
    return {name: np.asarray(values[i]) for name, values in draws.items()}


def read_sites(run: Run, observed: Iterable[str] | None) -> Reading:
    """Return the sites of a model; errors list every fault."""
    sites: dict[str, Site] = {}

    def once(key: PRNGKey) -> Any:
        # Everything else that is read (not values, bounds or factors) does not
        # depend on the values.
        messages = run.messages(key)
        _check_kinds(messages)
        found = {n: m for n, m in messages.items() if m["type"] == "sample"}
        if not found:
            raise ValueError(
                f"{name_of(run.model)} has no numpyro.sample sites. Pass a "
                "NumPyro model."
            )
        sites.update(_sites(found, observed))
        fns = {name: each["fn"] for name, each in found.items()}
        return (
            {name: each["value"] for name, each in found.items()},
            {name: bounds_of(fn.support) for name, fn in fns.items()},
            {name: _factor_of(fn) for name, fn in fns.items()},
        )

    @jax.jit
    def draw(keys: Any, more: Any) -> Any:
        return jax.vmap(once)(keys), jax.vmap(lambda k: once(k)[1:])(more)

    try:
        (values, *_), (bounds, factors) = draw(
            jax.random.split(jax.random.key(0), 3),
            jax.random.split(jax.random.key(1), _N_JUDGED),
        )
    except NotImplementedError as error:
        reason = str(error).rstrip(".")
        raise ValueError(
            f"The model cannot be simulated at or after {run.last!r}: {reason}."
            if reason
            else f"{run.last!r} cannot be simulated: its distribution has no "
            "method sample. Give it a distribution from which values can be "
            "drawn."
        ) from error
    except _CONCRETE as error:
        raise _not_traceable(run) from error
    except (TypeError, IndexError) as error:
        raise TypeError(
            f"The model fails after the site {run.last!r}: "
            f"{str(error).rstrip('.')}. Its "
            f"arguments are {_shown(run.arguments)}. Pass indices and "
            "covariates as arrays, with an entry for each element of their "
            "plate."
        ) from error
    if all((np.asarray(each) == each[0]).all() for each in values.values()):
        raise ValueError(
            "All runs of the model draw the same values. Pass the model "
            "itself, without numpyro.handlers.seed or given values."
        )
    weighted = [name for name, each in factors.items() if np.any(each)]
    _raise_unsupported([_FACTOR.format(repr(name)) for name in weighted])
    return Reading(
        {
            name: site._replace(support=fixed(site.support, bounds[name]))
            for name, site in sites.items()
        },
        {name: np.asarray(values[name]) for name in sites},
    )


def _sites(
    found: Mapping[str, Any], observed: Iterable[str] | None
) -> dict[str, Site]:
    names = _observed(found, observed)
    faults: list[str] = []
    sites = {n: _site(n, m, n in names, faults) for n, m in found.items()}
    sizes: dict[str, int] = {}
    for name, site in sites.items():
        # Plates of one name may have several sizes; dimensions may not.
        pairs = zip(site.dims, site.event_shape, strict=True)
        dims = [
            dim if sizes.setdefault(dim, size) == size else f"{name}_{dim}"
            for dim, size in pairs
        ]
        sites[name] = site._replace(dims=tuple(dims))
    if len(names) == len(sites):
        faults.append(
            f"all sites, {list(sites)}, are observed, so nothing is to be "
            "inferred. Leave some out of observed="
        )
    _raise_unsupported(faults)
    return sites


_FACTOR = (
    "{} is a factor, which changes the density but cannot be simulated. Write "
    "it as a distribution of a sample site"
)
_CENSORED = "numpyro.distributions.censored"  # Not in old releases
_N_JUDGED = 200  # Runs that show whether bounds vary

_CONCRETE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)


def _shown(arguments: Mapping[str, Any]) -> str:
    """Return the names, types and shapes of arguments."""
    return ", ".join(
        f"{name} ({type(each).__name__}"
        + (f" {each.shape})" if hasattr(each, "shape") else ")")
        for name, each in arguments.items()
    )


def _not_traceable(run: Run) -> ValueError:
    """Return an error that names sites whose values Python code reads."""
    key = jax.random.key(0)
    values = {name: each["value"] for name, each in run.trace(key).items()}
    bad = []
    for name, value in values.items():
        try:
            # Under vmap, unlike jit, all other values are numbers.
            jax.vmap(
                lambda v, n=name: [
                    each["value"]
                    for each in run.trace(key, {**values, n: v}).values()
                ]
            )(jnp.asarray(value)[None])
        except _CONCRETE:
            bad.append(name)
    return ValueError(
        f"The model uses values of {bad or 'random numbers'} as Python or "
        "NumPy numbers, so that its shapes or branches may differ between "
        "simulations. Use jax.numpy, such as jnp.where for a branch, and "
        "constant shapes."
    )


def _check_kinds(messages: Mapping[str, Any]) -> None:
    from numpyro.distributions.distribution import Unit

    faults = []
    for name, message in messages.items():
        kind = message["type"]
        if kind in ("param", "mutable"):
            faults.append(
                f"{name!r} is a {kind} site, a value without a distribution. "
                "Pass it as an argument of the model, or give it a prior"
            )
        elif kind == "sample" and isinstance(_layers(message["fn"])[-1], Unit):
            faults.append(_FACTOR.format(repr(name)))
    _raise_unsupported(faults)


def _raise_unsupported(faults: list[str]) -> None:
    raise_faults(ValueError, "This model is not supported", faults)


def _layers(fn: Any) -> list[Any]:
    """Return a distribution and those that it wraps, the outermost first."""
    base = getattr(fn, "base_dist", None)
    return [fn] if base is None else [fn, *_layers(base)]


def _factor_of(fn: Any) -> Any:
    """Return the factor that a Delta distribution adds; 0 for others."""
    from numpyro.distributions import Delta

    base = _layers(fn)[-1]
    return jnp.asarray(base.log_density if isinstance(base, Delta) else 0.0)


def _observed(
    found: Mapping[str, Any], observed: Iterable[str] | None
) -> frozenset[str]:
    """Return the names of the observed sites."""
    given = [n for n, m in found.items() if DATA in m["infer"]]
    names = [*given] if observed is None else [*observed]
    faults = [
        f"{name!r} is not among the sample sites {list(found)}. "
        f"{nearest(name, found)}".rstrip()
        for name in names
        if name not in found
    ]
    if not names:
        faults.append(
            "there is none. Name the sites that will be given, such as "
            f"observed=[{next(reversed([*found]), 'obs')!r}]"
        )
    left = [n for n in given if n not in names]
    if left:
        faults.append(
            f"the model is given values of {left}, but observed={names} does "
            "not name them. Name them too, or pass None instead of the values"
        )
    raise_faults(ValueError, "Observed sites", faults)
    return frozenset(names)


def _site(
    name: str, message: Mapping[str, Any], observed: bool, faults: list[str]
) -> Site:
    from numpyro.distributions import MaskedDistribution

    fn, value = message["fn"], message["value"]
    n_axes = jnp.ndim(value) - fn.event_dim
    event_shape = tuple(jnp.shape(value)[:n_axes])
    dims = [f"{name}_{axis}" for axis in range(n_axes)]
    for frame in message["cond_indep_stack"]:
        if -n_axes <= frame.dim:
            dims[frame.dim] = frame.name
    if SEPARATOR in name:
        faults.append(
            f"{name!r} contains {SEPARATOR!r}, which joins nested keys. Rename "
            "it, or pass divider='_' to numpyro.handlers.scope"
        )
    if any(isinstance(each, MaskedDistribution) for each in _layers(fn)):
        faults.append(
            f"{name!r} is masked. Leave masked elements out of the model: "
            "write the others in long format, with an index of their group"
        )
    if any(type(each).__module__ == _CENSORED for each in _layers(fn)):
        faults.append(
            f"{name!r} has a censored density, but its simulations are not "
            "censored. Write a NumPyro Distribution whose method sample "
            "censors what it draws"
        )
    if message["scale"] is not None:
        faults.append(
            f"{name!r} has a scaled density, from handlers.scale or a plate "
            "with subsample_size, so its simulations do not follow it. "
            "Use the full plate, without a scale"
        )
    if 0 in jnp.shape(value):
        faults.append(f"{name!r} is empty: its shape is {jnp.shape(value)}")
    data = message["infer"].get(DATA)
    if data is not None and jnp.shape(data) != jnp.shape(value):
        faults.append(
            f"{name!r} is given values of shape {jnp.shape(data)}, but its "
            f"simulations have shape {jnp.shape(value)}. Put it in a plate "
            "for each axis of the values"
        )
    site = Site(
        name,
        jnp.asarray(value).dtype,
        event_shape,
        tuple(jnp.shape(value)[n_axes:]),
        tuple(dims),
        observed,
        _has_density(fn, value),
        fn.support,
        data,
    )
    if not observed and not site.is_float:
        faults.append(
            f"{name!r} is discrete ({site.dtype}) and not observed. Sum it "
            "out of the density, as NumPyro's MixtureSameFamily does, or "
            "observe it"
        )
    return site


def _has_density(fn: Any, value: Any) -> bool:
    from numpyro.distributions import Delta

    # Its log density is 0 at its only value, which is not a density.
    if isinstance(_layers(fn)[-1], Delta):
        return False
    try:
        jax.eval_shape(fn.log_prob, value)
    except NotImplementedError:
        return False
    return True


def outputs_of(
    run: Run, sites: Mapping[str, Site]
) -> Callable[..., dict[str, Array]]:
    """Return a function of the values of all sites, and of a key.

    It returns the log density of each token, or where there is none, what the
    simulator draws with this key.
    """

    def outputs(values: Mapping[str, Any], key: PRNGKey) -> dict[str, Array]:
        trace = run.trace(key, values)
        return {
            name: _output(trace[name]["fn"], values[name], site, key)
            for name, site in sites.items()
        }

    return outputs


def _output(fn: Any, value: Any, site: Site, key: PRNGKey) -> Array:
    if site.has_density:
        return jnp.broadcast_to(fn.log_prob(value), site.event_shape)
    drawn = fn.sample(key, ())
    shape = (*site.event_shape, *site.batch_shape)
    return jnp.broadcast_to(drawn, shape).astype(float)


def check_indices(
    outputs: Callable[..., dict[str, Array]], draws: Mapping[str, AnyArray]
) -> None:
    """Raise if an index is out of bounds, which JAX would not report."""
    checked = checkify.checkify(outputs, errors=checkify.index_checks)
    error, _ = jax.jit(checked)(run_of(draws, 0), jax.random.key(0))
    found = error.get()
    if found:
        raise ValueError(
            f"The model selects an element that does not exist: {found.strip()}"
            " Indices count from 0; check those among the arguments."
        )
