"""A flow from noise to values, given by its vector field."""

from collections.abc import Iterable
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from tfmpe._base.arrays import moves_arrays
from tfmpe._base.narrowing import check_fits
from tfmpe.estimators._conditionals import Conditional, read_conditional
from tfmpe.estimators._flow.ode import read_direction, read_ode
from tfmpe.estimators._flow.probes import read_probes
from tfmpe.estimators._flow.solution import (
    float_dtype,
    solve_density,
    solve_draws,
)
from tfmpe.estimators._flow.vector_field import (
    SplitField,
    check_field,
    split_field,
)
from tfmpe.estimators._numbers import positive
from tfmpe.preprocessing.tokens.decode import token_array
from tfmpe.preprocessing.tokens.known import check_inputs, check_known
from tfmpe.preprocessing.tokens.tokens import Tokens
from tfmpe.preprocessing.tokens.views import detach

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

    @moves_arrays
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
            If a key is both target and conditioning, a conditioning value
            or functional input is not finite, ``theta_0`` has another shape,
            or an option is not valid.
        TypeError
            If neither ``key`` nor ``theta_0`` is given, or a number is not
            whole.
        RuntimeError
            If adapted steps come to more than ``max_steps``.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``; there draws are NaN where
        adapted steps come to more than ``max_steps``.
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
        theta_0 = _read_draws(theta_0, "theta_0", problem.target)
        if theta_0 is not None and jnp.shape(theta_0) != shape:
            raise ValueError(
                f"theta_0 has shape {jnp.shape(theta_0)}, expected {shape} "
                "(n_samples, sample axes, target tokens, width)."
            )
        ode = read_ode(solver, n_steps, rtol, atol, max_steps, SAMPLING_STEPS)
        if 0 in shape:
            return jnp.zeros(shape, float_dtype(problem.target.data.dtype))
        draws = solve_draws(
            (problem.field.parameters, problem.field.rest),
            problem.target,
            problem.conditioning,
            key if theta_0 is None else None,
            theta_0,
            static=problem.field.static,
            n_samples=n_samples,
            times=(start, stop),
            ode=ode,
            batch_size=_batch_size(batch_size),
        )
        return ode.check(draws).reshape(shape)

    @moves_arrays
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
        values = _read_draws(values, "values", problem.target)
        if values is not None and jnp.shape(values)[1:] != sample_shape:
            raise ValueError(
                f"values have shape {jnp.shape(values)}, expected (n, "
                f"{', '.join(map(str, sample_shape))}) (draws, sample axes, "
                "target tokens, width)."
            )
        if values is None:
            check_known(problem.target, "Values whose density is asked for")
        full = problem.target.data[None] if values is None else values
        probes = read_probes(
            exact,
            n_probes,
            probes,
            key,
            sample_shape if values is None else jnp.shape(values),
            float_dtype(jnp.result_type(full)),
        )
        ode = read_ode(solver, n_steps, rtol, atol, max_steps, DENSITY_STEPS)
        if 0 in jnp.shape(full)[:-2]:
            lead = jnp.shape(full)[:-2]
            none = jnp.zeros(lead, float_dtype(jnp.result_type(full)))
            return none[0] if values is None else none
        density = solve_density(
            (problem.field.parameters, problem.field.rest),
            problem.target,
            problem.conditioning,
            full,
            probes,
            static=problem.field.static,
            ode=ode,
            batch_size=_batch_size(batch_size),
        )
        density = ode.check(density).reshape(jnp.shape(full)[:-2])
        return density[0] if values is None else density

    def _problem(
        self,
        tokens: Any,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None,
    ) -> "_Problem":
        keys = read_conditional(tokens.layout, target_keys, conditioning_keys)
        target, conditioning = detach_both(tokens, keys)
        check_known(conditioning, "Conditioning values")
        check_inputs(target)
        return _Problem(split_field(self.vector_field), target, conditioning)


class _Problem(NamedTuple):
    field: SplitField
    target: Tokens
    conditioning: Tokens


def detach_both(tokens: Any, keys: Conditional) -> tuple[Tokens, Tokens]:
    """Return detached Tokens of target and conditioning keys."""
    return detach(tokens, keys.target), detach(tokens, keys.conditioning)


def _batch_size(value: Any) -> int | None:
    return None if value is None else positive(value, "batch_size")


def _read_draws(given: Any, what: str, view: Tokens) -> Any:
    """Return an array of draws of some tokens, all real ones finite.

    Traced ones are not looked at.
    """
    if given is None:
        return None
    array = token_array(given, what)
    check_fits(array, jax.dtypes.canonicalize_dtype(array.dtype), what)
    parts = (array, view.padding)
    fits = jnp.shape(array)[1:] == view.data.shape
    if not fits or any(isinstance(part, Tracer) for part in parts):
        return array
    wrong = ~np.isfinite(np.asarray(array)) & np.asarray(view.value_mask)
    if n := int(wrong.sum()):
        raise ValueError(
            f"{what} has {n} of {wrong.size} values that are NaN or infinite."
        )
    return array
