"""A flow from noise to values, given by its vector field."""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe.estimators._chunks import map_chunks
from tfmpe.estimators._conditionals import Conditional, read_conditional
from tfmpe.estimators._divergence import (
    estimated_divergence,
    exact_divergence,
)
from tfmpe.estimators._ode import (
    Ode,
    explaining,
    read_direction,
    read_ode,
)
from tfmpe.estimators._vector_field import (
    SplitField,
    check_field,
    given,
    merge_field,
    split_field,
)
from tfmpe.preprocessing import PAD_VALUE
from tfmpe.preprocessing._detached import DetachedView, detach
from tfmpe.preprocessing._static import static_int

SAMPLING_STEPS = 4
DENSITY_STEPS = 8


class ContinuousFlow:
    """Draws and densities of a continuous normalising flow on Tokens.

    Parameters
    ----------
    vector_field : VectorField
        Its velocities; see :class:`VectorField`. One that has ``encode`` and
        ``velocity`` reads the conditioning tokens once per solution.

    Notes
    -----
    Solves ``d theta / d time = vector_field(theta, conditioning, time)``
    from standard normal noise at time 0 to values at time 1. All rows and
    draws are one batched equation. What is called again with a field of the
    same architecture, an equal layout and equal shapes is compiled once.

    Source: Chen et al., 2018 (neural ODEs); Lipman et al., 2023 (flow
    matching). Legacy: ``StructuredCNF``.

    Examples
    --------
    A field that moves every value by 3:

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": jnp.zeros((8, 1, 1)), "obs": jnp.ones((8, 5, 1))}, {}
    ... )
    >>> def field(target, conditioning, time):
    ...     return 3 * jnp.ones_like(target.data)
    >>> flow = ContinuousFlow(field)
    >>> draws = flow.sample(
    ...     tokens, ["mu"], ["obs"], key=jax.random.key(0), n_samples=100
    ... )
    >>> draws.shape
    (100, 8, 1, 1)
    >>> mu = tokens.decode_keys(draws, ["mu"])["mu"]
    >>> print(f"{mu.mean():.1f}")
    3.0
    >>> print(flow.log_prob(tokens.with_values(mu=mu[0]), ["mu"]).shape)
    (8,)
    """

    def __init__(self, vector_field: Any) -> None:
        self.vector_field = check_field(vector_field)

    def sample(
        self,
        tokens: Any,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: Any = None,
        n_samples: SupportsIndex = 1,
        theta_0: Any = None,
        direction: str = "forward",
        solver: Any = None,
        n_steps: SupportsIndex | None = None,
        rtol: SupportsFloat | None = None,
        atol: SupportsFloat | None = None,
        max_steps: SupportsIndex = 4096,
        batch_size: SupportsIndex | None = None,
    ) -> Any:
        """Draw target values for every sample of the tokens.

        Parameters
        ----------
        tokens : Tokens or TokenView, sample axes (*sample,)
            Holds the conditioning values; those of the target are not read,
            unless ``direction`` is ``'backward'``.
        target_keys : sequence of str
            What to draw, in the order wanted.
        conditioning_keys : sequence of str, optional
            What is given; by default all other keys.
        key : key array
            Draw ``i`` follows from ``jax.random.fold_in(key, i)`` alone,
            whatever ``n_samples`` and ``batch_size`` are.
        n_samples : int
            Draws for every sample.
        theta_0 : array, shape (n_samples, *sample, n_target_tokens, width)
            Where to begin, instead of ``key``.
        direction : {'forward', 'backward'}
            From noise to values, or from values to noise. Backward begins,
            without ``theta_0``, at the target values in ``tokens``.
        solver : str or diffrax.AbstractSolver, optional
            ``'euler'``, ``'midpoint'``, ``'rk4'``, ``'bosh3'``, ``'tsit5'``,
            ``'dopri5'``, ``'dopri8'``, or a solver of diffrax. By default
            ``'rk4'`` for fixed and ``'dopri5'`` for adapted steps.
        n_steps : int, optional
            Number of equal steps; 4 by default.
        rtol, atol : float, optional
            Tolerances, relative and in units of the values. With one of
            them steps are adapted to keep it in every row and draw.
        max_steps : int
            Most steps of an adaptive solution.
        batch_size : int, optional
            Draws, over all samples, that are in memory at a time; all by
            default. The result is the same.

        Returns
        -------
        Array, shape (n_samples, *sample, n_target_tokens, width)
            Padding holds -1e8. ``tokens.decode_keys(draws, target_keys)``
            or ``view.decode(draws)`` gives the tree of arrays.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError
            If a key is both target and conditioning, ``theta_0`` has
            another shape, or an option is not valid.
        TypeError
            If neither ``key`` nor ``theta_0`` is given, or a number is not
            whole.
        RuntimeError
            If adapted steps come to more than ``max_steps``.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``.
        """
        problem = self._problem(tokens, target_keys, conditioning_keys)
        start, stop = read_direction(direction)
        n_samples = positive(n_samples, "n_samples")
        shape = (n_samples, *problem.target.data.shape)
        if theta_0 is None and direction == "backward":
            theta_0 = jnp.broadcast_to(problem.target.data, shape)
        if theta_0 is None and key is None:
            raise TypeError(
                "sample needs a PRNG key: pass key=jax.random.key(0), or the "
                "noise to begin with as theta_0."
            )
        if theta_0 is not None and jnp.shape(theta_0) != shape:
            raise ValueError(
                f"theta_0 has shape {jnp.shape(theta_0)}, expected {shape} "
                "(n_samples, sample axes, target tokens, width)."
            )
        ode = read_ode(solver, n_steps, rtol, atol, max_steps, SAMPLING_STEPS)
        with explaining(ode):
            draws = _sample(
                problem.field.static,
                (problem.field.parameters, problem.field.rest),
                problem.target,
                problem.conditioning,
                key if theta_0 is None else None,
                theta_0,
                n_samples=n_samples,
                times=(start, stop),
                ode=ode,
                batch_size=_batch_size(batch_size),
            )
        return draws.reshape(shape)

    def log_prob(
        self,
        tokens: Any,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None = None,
        *,
        values: Any = None,
        exact: bool | None = None,
        n_probes: SupportsIndex | None = None,
        probes: Any = None,
        key: Any = None,
        solver: Any = None,
        n_steps: SupportsIndex | None = None,
        rtol: SupportsFloat | None = None,
        atol: SupportsFloat | None = None,
        max_steps: SupportsIndex = 4096,
        batch_size: SupportsIndex | None = None,
    ) -> Any:
        """Return the log density of target values given the conditioning.

        Parameters
        ----------
        tokens : Tokens or TokenView, sample axes (*sample,)
            Holds conditioning and target values.
        target_keys, conditioning_keys
            As of :meth:`sample`.
        values : array, shape (n, *sample, n_target_tokens, width), optional
            Target values instead of those in ``tokens``, such as draws.
        exact : bool, optional
            Whether the divergence is exact, at a cost of one derivative per
            target value; True unless probes are asked for.
        n_probes : int, optional
            Estimate it with so many random directions (Rademacher) per
            value, drawn with ``key``.
        probes : array, shape (n_probes, *shape of the values), optional
            The directions themselves.
        key : key array, optional
            For ``n_probes``.
        solver, n_steps, rtol, atol, max_steps, batch_size
            As of :meth:`sample`; 8 steps by default.

        Returns
        -------
        Array, shape (*sample,), or (n, *sample) with ``values``
            In nats. Padding contributes nothing.

        Raises
        ------
        UnknownKeyError, ValueError, RuntimeError
            As :meth:`sample`.
        TypeError
            If ``n_probes`` comes without ``key``, or a number is not whole.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``. Time runs from 1 to 0
        and the field sees that time; the legacy ``log_prob`` hands its
        field negative times (L18).
        """
        problem = self._problem(tokens, target_keys, conditioning_keys)
        sample_shape = problem.target.data.shape
        if values is not None and jnp.shape(values)[1:] != sample_shape:
            raise ValueError(
                f"values have shape {jnp.shape(values)}, expected (n, "
                f"{', '.join(map(str, sample_shape))}) (draws, sample axes, "
                "target tokens, width)."
            )
        full = problem.target.data[None] if values is None else values
        probes = _read_probes(
            exact,
            n_probes,
            probes,
            key,
            sample_shape if values is None else jnp.shape(values),
            _float(jnp.result_type(full)),
        )
        ode = read_ode(solver, n_steps, rtol, atol, max_steps, DENSITY_STEPS)
        with explaining(ode):
            density = _log_prob(
                problem.field.static,
                (problem.field.parameters, problem.field.rest),
                problem.target,
                problem.conditioning,
                full,
                probes,
                ode=ode,
                batch_size=_batch_size(batch_size),
            )
        density = density.reshape(jnp.shape(full)[:-2])
        return density[0] if values is None else density

    def _problem(
        self,
        tokens: Any,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None,
    ) -> "_Problem":
        keys = read_conditional(tokens.layout, target_keys, conditioning_keys)
        return _Problem(
            split_field(self.vector_field), *detach_both(tokens, keys)
        )


class _Problem(NamedTuple):
    field: SplitField
    target: DetachedView
    conditioning: DetachedView


def detach_both(
    tokens: Any, keys: Conditional
) -> tuple[DetachedView, DetachedView]:
    """Return detached views of target and conditioning keys."""
    return detach(tokens, keys.target), detach(tokens, keys.conditioning)


def flatten_samples(tree: Any, n_axes: int) -> Any:
    """Make one axis of the leading axes of every leaf."""
    return jax.tree.map(
        lambda leaf: leaf.reshape(
            (math.prod(leaf.shape[:n_axes]), *leaf.shape[n_axes:])
        ),
        tree,
    )


def cleared(values: Any, real: Any) -> Any:
    """Return values with 0 in place of padding."""
    return jnp.where(real, values, 0)


@partial(
    jax.jit,
    static_argnums=(0,),
    static_argnames=("n_samples", "times", "ode", "batch_size"),
)
def _sample(
    static: Any,
    arrays: Any,
    target: DetachedView,
    conditioning: DetachedView,
    key: Any,
    theta_0: Any,
    *,
    n_samples: int,
    times: tuple[float, float],
    ode: Ode,
    batch_size: int | None,
) -> Any:
    """Return the end of every path, ``(n_samples, rows, tokens, width)``."""
    field = merge_field(static, *arrays)
    n_axes = len(target.sample_shape)
    shape = target.data.shape
    if theta_0 is None:
        keys = jax.vmap(jax.random.fold_in, (None, 0))(
            key, jnp.arange(n_samples)
        )
        dtype = _float(target.data.dtype)
        theta_0 = jax.vmap(lambda k: jax.random.normal(k, shape, dtype))(keys)
    target, conditioning = flatten_samples((target, conditioning), n_axes)
    theta_0 = theta_0.reshape((n_samples, *target.data.shape))

    def end(target: Any, velocity: Any, theta_0: Any) -> Any:
        real = target.value_mask
        flat = flatten_samples(cleared(theta_0, real), 2)

        def derivative(time: Any, theta: Any) -> Any:
            theta = theta.reshape(theta_0.shape)
            return flatten_samples(
                jax.vmap(partial(_masked, velocity, target, real, time))(theta),
                2,
            )

        sizes = _sizes(real, theta_0)
        theta = ode.solve(derivative, flat, *times, sizes)
        theta = theta.reshape(theta_0.shape)
        return jnp.where(real, theta, PAD_VALUE)

    return _by_draws(field, target, conditioning, theta_0, end, batch_size)


@partial(jax.jit, static_argnums=(0,), static_argnames=("ode", "batch_size"))
def _log_prob(
    static: Any,
    arrays: Any,
    target: DetachedView,
    conditioning: DetachedView,
    values: Any,
    probes: Any,
    *,
    ode: Ode,
    batch_size: int | None,
) -> Any:
    """Return log densities, ``(n_draws, rows)``."""
    field = merge_field(static, *arrays)
    n_axes = len(target.sample_shape)
    values = jnp.asarray(values)
    values = values.astype(_float(values.dtype))
    target, conditioning = flatten_samples((target, conditioning), n_axes)
    values = values.reshape((len(values), *target.data.shape))
    if probes is not None:
        # Draws first, then rows, as the values that they belong to.
        probes = probes.reshape((len(probes), *values.shape))
        probes = jnp.moveaxis(probes, 0, 2)
    filled = np.arange(target.width) < np.repeat(
        [entry.width for entry in target.layout.keys],
        [entry.n_tokens for entry in target.layout.keys],
    ).reshape((-1, 1))

    def density(target: Any, velocity: Any, given: Any) -> Any:
        theta, probes = given
        real = target.value_mask
        rows = jnp.broadcast_to(real, theta.shape)
        flat = flatten_samples(cleared(theta, real), 2)
        if probes is not None:
            probes = flatten_samples(cleared(probes, rows[:, :, None]), 2)

        def derivative(time: Any, state: Any) -> Any:
            def move(flat: Any) -> Any:
                each = partial(_masked, velocity, target, real, time)
                return flatten_samples(
                    jax.vmap(each)(flat.reshape(theta.shape)), 2
                )

            if probes is None:
                return exact_divergence(move, state[0], filled)
            return estimated_divergence(move, state[0], probes)

        start = jnp.zeros(flat.shape[0], flat.dtype)
        # The change of the density is one more value.
        sizes = _sizes(real, theta) + 1
        base, change = ode.solve(derivative, (flat, start), 1.0, 0.0, sizes)
        # Backwards in time the integral comes with a minus sign.
        normal = jax.scipy.stats.norm.logpdf(base)
        real = flatten_samples(rows, 2)
        total = cleared(normal, real).sum((1, 2)) + change
        return total.reshape(theta.shape[:2])

    return _by_draws(
        field, target, conditioning, (values, probes), density, batch_size
    )


def _sizes(real: Any, theta: Any) -> Any:
    """Return the number of real values of every draw and row."""
    counts = real.sum((1, 2), dtype=theta.dtype)
    return jnp.broadcast_to(counts, theta.shape[:2]).reshape(-1)


def _masked(
    velocity: Any, target: Any, real: Any, time: Any, theta: Any
) -> Any:
    times = jnp.broadcast_to(time, target.sample_shape)
    moved = velocity(target.with_data(theta), times)
    return cleared(moved, real).astype(theta.dtype)


def _by_draws(
    field: Any,
    target: DetachedView,
    conditioning: DetachedView,
    draws: Any,
    function: Any,
    batch_size: int | None,
) -> Any:
    """Go through rows and draws in chunks; encode each row once.

    ``function(target, velocity, draws)`` is given and returns arrays of
    shape ``(n_draws, n_rows, ...)``, as ``draws`` and the result are.
    """
    n_rows = target.sample_shape[0]
    at_a_time = None
    if batch_size is not None:
        at_a_time = max(1, batch_size // max(1, n_rows))

    def of_rows(rows: Any) -> Any:
        target, conditioning, draws = rows
        velocity = given(field, conditioning)
        result = map_chunks(
            partial(function, target, velocity), _swap(draws), at_a_time
        )
        return _swap(result)

    rows = (target, conditioning, _swap(draws))
    return _swap(map_chunks(of_rows, rows, batch_size))


def _swap(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), tree)


def _float(dtype: Any) -> Any:
    return dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.float32


def positive(value: Any, name: str) -> int:
    """Return a whole number above 0, or say what must be one."""
    number = static_int(value, name)
    if number < 1:
        raise ValueError(f"{name} is {number}, expected at least 1.")
    return number


def _batch_size(value: Any) -> int | None:
    return None if value is None else positive(value, "batch_size")


def _read_probes(
    exact: bool | None,
    n_probes: Any,
    probes: Any,
    key: Any,
    shape: tuple[int, ...],
    dtype: Any,
) -> Any:
    """Return random directions, or None for an exact divergence."""
    if exact and (n_probes is not None or probes is not None):
        raise ValueError(
            "exact=True needs no probes: leave out n_probes and probes, or "
            "pass exact=False."
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
