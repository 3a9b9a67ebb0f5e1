"""Continuous flows from noise to values, defined by a vector field."""

from collections.abc import Iterable
from typing import SupportsFloat, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Num

from tfmpe._base.arrays import moves_arrays, readable
from tfmpe._base.keys import takes_key
from tfmpe._base.narrowing import check_fits
from tfmpe._base.static import positive
from tfmpe.estimators._conditionals import read_conditional
from tfmpe.estimators._flow.chunks import at_a_time
from tfmpe.estimators._flow.divergence import read_probes
from tfmpe.estimators._flow.ode import Solver, read_direction, read_ode
from tfmpe.estimators._flow.solution import (
    draw_noise,
    float_dtype,
    solve_density,
    solve_draws,
)
from tfmpe.estimators._flow.solve_with_progress import solved
from tfmpe.estimators._flow.vector_field import (
    Field,
    SplitField,
    check_field,
    split_field,
)
from tfmpe.estimators._types import AnyArray, AnyTokens, PRNGKey
from tfmpe.preprocessing import Tokens
from tfmpe.preprocessing.tokens.decode import token_array
from tfmpe.preprocessing.tokens.finite import check_inputs, check_known
from tfmpe.preprocessing.tokens.views import detach

# Default solvers and steps; see docs/benchmarks/solvers.md for errors.
_SAMPLING = ("midpoint", 4)
_DENSITY = ("rk4", 8)


class ContinuousFlow:
    """Draws and densities of a continuous normalizing flow on Tokens.

    Parameters
    ----------
    vector_field
        The velocities. An :class:`EncodingVectorField` encodes the conditioning
        tokens once, not at every step of the solver.

    Notes
    -----
    Solves ``d theta / d time = vector_field(theta, conditioning, time)``
    from standard normal noise at time 0 to values at time 1, for batches of
    rows and draws. Calls with fields of the same architecture, equal layouts
    and equal shapes share one compiled program.

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

    def __init__(self, vector_field: Field) -> None:
        self.vector_field = check_field(vector_field)

    @moves_arrays
    @takes_key
    def sample(
        self,
        tokens: AnyTokens,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: PRNGKey | None = None,
        n_samples: SupportsIndex = 1,
        theta_0: Num[AnyArray, "*shape"] | None = None,
        direction: str = "forward",
        solver: Solver | None = None,
        n_steps: SupportsIndex | None = None,
        rtol: SupportsFloat | None = None,
        atol: SupportsFloat | None = None,
        max_steps: SupportsIndex = 4096,
        batch_size: SupportsIndex | None = None,
        progress: bool = False,
    ) -> Float[Array, "draws *sample tokens width"]:
        """Draw target values for every sample of the tokens.

        Parameters
        ----------
        tokens : Tokens or TokenView, sample axes (*sample,)
            Source of the conditioning values; target values are only read if
            ``direction`` is ``'backward'``.
        target_keys
            The keys to draw, in the order of the result.
        conditioning_keys
            The given keys; by default all other keys.
        key
            PRNG key. Draw ``i`` depends only on ``jax.random.fold_in(key, i)``,
            whatever ``n_samples`` and ``batch_size`` are.
        n_samples
            Draws for every sample.
        theta_0 : array, shape (n_samples, *sample, n_target_tokens, width)
            Initial values, instead of ``key``.
        direction : {'forward', 'backward'}
            From noise to values, or from values to noise. Without ``theta_0``,
            ``'backward'`` starts at the target values in ``tokens``.
        solver
            ``'euler'``, ``'midpoint'``, ``'rk4'``, ``'bosh3'``, ``'tsit5'``,
            ``'dopri5'``, ``'dopri8'``, or a solver of diffrax. By default
            ``'midpoint'`` for fixed and ``'dopri5'`` for adaptive steps.
        n_steps
            Number of equal steps; 4 by default.
        rtol, atol
            Relative and absolute tolerances. Passing either makes the steps
            adaptive, so that every row and draw meets the tolerances.
        max_steps
            Largest number of adaptive steps.
        batch_size
            Number of draws, over all samples, to solve at a time; by default
            as many as fit into the caches of a CPU, or a bounded part of the
            memory of another device. It does not change the result.
        progress
            Show a progress bar of the draws (tqdm, extra ``data``), which are
            then solved by a loop in Python. Ignored under ``jit``, ``vmap``
            and ``grad``.

        Returns
        -------
        Array, shape (n_samples, *sample, n_target_tokens, width)
            Padding holds -1e8. ``tokens.decode_keys(draws, target_keys)``
            or ``view.decode(draws)`` returns the tree of arrays.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError
            If a key is both target and conditioning, a conditioning value
            or functional input is not finite, ``theta_0`` has the wrong
            shape, or an option is not valid.
        TypeError
            If neither ``key`` nor ``theta_0`` is given, or a number is not
            whole.
        RuntimeError
            If adaptive steps exceed ``max_steps``.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``; there draws are NaN where
        adaptive steps exceed ``max_steps``.
        """
        field, target, conditioning = self._problem(
            tokens, target_keys, conditioning_keys
        )
        times = read_direction(direction)
        n_samples = positive(n_samples, "n_samples")
        shape = (n_samples, *target.data.shape)
        if theta_0 is None and direction == "backward":
            theta_0 = jnp.broadcast_to(target.data, shape)
        if theta_0 is None and key is None:
            raise TypeError(
                "sample needs a PRNG key: pass key=jax.random.key(0), or the "
                "initial noise as theta_0."
            )
        theta_0 = _read_draws(theta_0, "theta_0", target)
        if theta_0 is not None and jnp.shape(theta_0) != shape:
            raise ValueError(
                f"theta_0 has shape {jnp.shape(theta_0)}, expected {shape}: "
                "n_samples, sample axes, target tokens, width."
            )
        ode = read_ode(solver, n_steps, rtol, atol, max_steps, _SAMPLING)
        if 0 in shape:
            return jnp.zeros(shape, float_dtype(target.data.dtype))
        if theta_0 is None:
            assert key is not None
            dtype = float_dtype(target.data.dtype)
            theta_0 = draw_noise(key, shape=shape, dtype=dtype)
        draws = solved(
            solve_draws,
            field,
            target,
            conditioning,
            theta_0,
            label="drawing" if progress else None,
            batch_size=at_a_time(batch_size, target.n_tokens),
            times=times,
            ode=ode,
        )
        return ode.check(draws).reshape(shape)

    @moves_arrays
    @takes_key
    def log_prob(
        self,
        tokens: AnyTokens,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None = None,
        *,
        values: Num[AnyArray, "*shape"] | None = None,
        exact: bool | None = None,
        n_probes: SupportsIndex | None = None,
        probes: Num[AnyArray, "*probes"] | None = None,
        key: PRNGKey | None = None,
        solver: Solver | None = None,
        n_steps: SupportsIndex | None = None,
        rtol: SupportsFloat | None = None,
        atol: SupportsFloat | None = None,
        max_steps: SupportsIndex = 4096,
        batch_size: SupportsIndex | None = None,
        progress: bool = False,
    ) -> Float[Array, "*draws"]:
        """Return the log density of target values given the conditioning.

        Parameters
        ----------
        tokens : Tokens or TokenView, sample axes (*sample,)
            Source of conditioning and target values.
        target_keys, conditioning_keys
            See :meth:`sample`.
        values : array, shape (n, *sample, n_target_tokens, width), optional
            Target values instead of those in ``tokens``, such as draws.
        exact
            Whether the divergence is exact, with one derivative per target
            value; True unless probes are requested.
        n_probes
            Number of random directions (Rademacher) per value, drawn with
            ``key``, that estimate the divergence.
        probes : array, shape (n_probes, *shape of the values), optional
            The directions themselves.
        key
            PRNG key for ``n_probes``.
        solver, n_steps, rtol, atol, max_steps, batch_size, progress
            See :meth:`sample`; 8 steps of ``'rk4'`` by default.

        Returns
        -------
        Array, shape (*sample,), or (n, *sample) with ``values``
            In nats. Padding contributes nothing.

        Raises
        ------
        UnknownKeyError, ValueError, RuntimeError
            See :meth:`sample`.
        TypeError
            If ``n_probes`` is given without ``key``, or a number is not whole.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``. Time runs from 1 to 0
        and the field gets that time; the legacy ``log_prob`` passes negative
        times to its field (L18).
        """
        field, target, conditioning = self._problem(
            tokens, target_keys, conditioning_keys
        )
        draws = _read_draws(values, "values", target)
        if draws is None:
            check_known(target, "Target values")
            draws = readable(target.data)[None]
        else:
            check_draws(draws, target)
        dtype = float_dtype(draws.dtype)
        probes = read_probes(
            exact,
            n_probes,
            probes,
            key,
            target.data.shape if values is None else draws.shape,
            dtype,
        )
        ode = read_ode(solver, n_steps, rtol, atol, max_steps, _DENSITY)
        # Each direction needs a derivative.
        n_directions = (
            target.n_tokens * target.width if probes is None else len(probes)
        )
        batch_size = at_a_time(batch_size, target.n_tokens * n_directions)
        shape = draws.shape[:-2]
        if values is None:
            shape = shape[1:]
        if 0 in shape:
            return jnp.zeros(shape, dtype)
        if probes is not None:
            # Axes in the order of the values: draws first, then rows.
            probes = probes.reshape((-1, *draws.shape))
            probes = jnp.moveaxis(probes, 0, -3)
        density = solved(
            solve_density,
            field,
            target,
            conditioning,
            (draws, probes),
            label="log_prob" if progress else None,
            batch_size=batch_size,
            ode=ode,
        )
        return ode.check(density).reshape(shape)

    def _problem(
        self,
        tokens: AnyTokens,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None,
    ) -> tuple[SplitField, Tokens, Tokens]:
        keys = read_conditional(tokens.layout, target_keys, conditioning_keys)
        target = detach(tokens, keys.target)
        conditioning = detach(tokens, keys.conditioning)
        check_known(conditioning, "Conditioning values")
        check_inputs(target)
        return split_field(self.vector_field), target, conditioning


def check_draws(values: Num[AnyArray, "*shape"], target: AnyTokens) -> None:
    """Raise unless values have the shape of draws of the target tokens."""
    expected = target.data.shape
    if jnp.ndim(values) == 0 or jnp.shape(values)[1:] != expected:
        raise ValueError(
            f"values have shape {jnp.shape(values)}, expected (n, "
            f"{', '.join(map(str, expected))}): draws, sample axes, target "
            "tokens, width."
        )


def _read_draws(
    given: Num[AnyArray, "*shape"] | None, what: str, view: Tokens
) -> Num[AnyArray, "*shape"] | None:
    """Return draws as an array, checked unless traced; padding is ignored."""
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
