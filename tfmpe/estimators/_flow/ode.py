"""Solver of the differential equation of a flow."""

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeAlias

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from tfmpe._base.static import positive
from tfmpe.estimators._arguments import real_number
from tfmpe.estimators._types import Arrays

Solver: TypeAlias = str | diffrax.AbstractSolver[Any]
"""A name in ``SOLVERS``, or a solver of diffrax."""

Derivative = Callable[[Any, Arrays], Arrays]
"""A function of time and state."""

_DIRECTIONS = {"forward": (0.0, 1.0), "backward": (1.0, 0.0)}


class RungeKutta4(diffrax.AbstractERK):
    """The classical Runge-Kutta method: order 4, four evaluations per step.

    It has no error estimate, so it is only for fixed steps.
    """

    tableau: ClassVar[Any] = diffrax.ButcherTableau(
        c=np.array([1 / 2, 1 / 2, 1.0]),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        b_error=np.zeros(4),
        a_lower=(
            np.array([1 / 2]),
            np.array([0.0, 1 / 2]),
            np.array([0.0, 0.0, 1.0]),
        ),
    )
    interpolation_cls: ClassVar[Any] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation.from_k
    )

    def order(self, terms: object) -> int:
        """Return the order of the method."""
        del terms
        return 4


SOLVERS: dict[str, Callable[[], diffrax.AbstractSolver[Any]]] = {
    "euler": diffrax.Euler,
    "midpoint": diffrax.Midpoint,
    "rk4": RungeKutta4,
    "bosh3": diffrax.Bosh3,
    "tsit5": diffrax.Tsit5,
    "dopri5": diffrax.Dopri5,
    "dopri8": diffrax.Dopri8,
}
"""Solvers by name; other solvers of diffrax can be passed as objects."""

_WITHOUT_ERROR = ("euler", "rk4")


class Ode(NamedTuple):
    """An ODE solver and its accuracy; a static argument of ``jit``.

    It makes ``n_steps`` equal steps; if None, adaptive steps with the
    tolerances, at most ``max_steps`` of them.
    """

    solver: Solver
    n_steps: int | None
    rtol: float
    atol: float
    max_steps: int

    def solve(
        self,
        derivative: Derivative,
        initial: Arrays,
        start: float,
        stop: float,
        sizes: ArrayLike,
    ) -> Arrays:
        """Integrate ``d state / d time = derivative(time, state)``.

        The rows of the arrays are independent equations. ``sizes`` is the
        number of values in every row without padding, whose derivative is 0.

        The state at ``stop`` is NaN if more than ``max_steps`` are needed. All
        rows share the same steps. Adaptive steps meet the tolerance in every
        row, because the row with the largest error sets their size.
        """
        solver = self.solver
        if isinstance(solver, str):
            solver = SOLVERS[solver]()
        if self.n_steps is not None:
            # Time counted in steps is exact, so rounding adds or drops no step.
            length = (stop - start) / self.n_steps

            def by_step(number: Float[Array, ""], state: Arrays) -> Arrays:
                moved = derivative(start + length * number, state)
                return jax.tree.map(lambda leaf: length * leaf, moved)

            return _end(
                by_step,
                solver,
                (0.0, float(self.n_steps), 1.0),
                initial,
                stepsize_controller=diffrax.ConstantStepSize(),
                max_steps=self.n_steps,
            )
        controller = diffrax.PIDController(
            rtol=self.rtol,
            atol=self.atol,
            norm=jax.tree_util.Partial(_worst_row, sizes),
        )
        return _end(
            derivative,
            solver,
            (start, stop, None),
            initial,
            stepsize_controller=controller,
            max_steps=self.max_steps,
        )

    def check(self, result: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Return the result; raise an error if it needs too many steps.

        Traced results are NaN instead.
        """
        adapted = self.n_steps is None and not isinstance(result, Tracer)
        if adapted and np.isnan(np.asarray(result)).any():
            raise RuntimeError(
                f"The ODE solver needs more than max_steps={self.max_steps} "
                f"steps to meet rtol={self.rtol:g} and atol={self.atol:g}. "
                "Allow more steps or larger tolerances, or check that the "
                "vector field is finite and does not jump."
            )
        return result


def _end(
    derivative: Derivative,
    solver: diffrax.AbstractSolver[Any],
    times: tuple[float, float, float | None],
    initial: Arrays,
    **options: Any,
) -> Arrays:
    """Return the state at the end; ``times`` are start, stop, first step.

    The state is NaN if the solve fails: to raise an error, compiled code would
    have to call Python, and could not be cached on disk.
    """
    # Unwrapped, because its own jit would keep every derivative in memory.
    solution = inspect.unwrap(diffrax.diffeqsolve)(
        diffrax.ODETerm(lambda time, state, _: derivative(time, state)),
        solver,
        *times,
        initial,
        throw=False,
        **options,
    )
    ended = solution.result == diffrax.RESULTS.successful
    return jax.tree.map(
        lambda saved: jnp.where(ended, saved[-1], jnp.nan), solution.ys
    )


def _worst_row(sizes: ArrayLike, error: Arrays) -> Float[Array, ""]:
    """Return the largest root mean square of any row of a state."""
    squares = sum(
        jnp.square(leaf).sum(tuple(range(1, leaf.ndim)))
        for leaf in jax.tree.leaves(error)
    )
    largest = jnp.max(squares / jnp.maximum(sizes, 1), initial=0)
    # The derivative of the square root at 0 is infinite.
    positive = largest > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, largest, 1)), 0)


def read_ode(
    solver: object,
    n_steps: object,
    rtol: object,
    atol: object,
    max_steps: object,
    default: tuple[str, int],
) -> Ode:
    """Check the options of an ODE solver.

    With a tolerance the steps are adaptive; otherwise there are ``n_steps``
    steps of equal length.
    """
    adaptive = rtol is not None or atol is not None
    if adaptive and n_steps is not None:
        raise ValueError(
            f"n_steps={n_steps} requests fixed steps, but rtol={rtol} and "
            f"atol={atol} request adaptive steps. Pass n_steps or tolerances."
        )
    if solver is None:
        solver = "dopri5" if adaptive else default[0]
    if isinstance(solver, str):
        if solver not in SOLVERS:
            raise ValueError(
                f"Unknown solver {solver!r}; expected one of {list(SOLVERS)} "
                "or a solver of diffrax."
            )
        if adaptive and solver in _WITHOUT_ERROR:
            raise ValueError(
                f"The solver {solver!r} does not estimate its error, so "
                f"rtol={rtol} and atol={atol} cannot be met. Pass n_steps, "
                "or another solver such as 'dopri5'."
            )
    elif not isinstance(solver, diffrax.AbstractSolver):
        raise TypeError(
            f"solver is {solver!r}, expected one of {list(SOLVERS)} or a "
            "solver of diffrax."
        )
    # A single tolerance serves as both: standardized values have scale 1.
    tolerances = [
        _tolerance(value, name)
        for name, value in (("rtol", rtol), ("atol", atol))
        if value is not None
    ] or [1.0]
    fixed = default[1] if n_steps is None else n_steps
    return Ode(
        solver,
        None if adaptive else positive(fixed, "n_steps"),
        tolerances[0],
        tolerances[-1],
        positive(max_steps, "max_steps"),
    )


def _tolerance(value: object, name: str) -> float:
    number = real_number(value, name)
    if not 0 < number < math.inf:
        raise ValueError(
            f"{name} is {number}, expected a finite number above 0."
        )
    return number


def read_direction(direction: str) -> tuple[float, float]:
    """Return the times of the start and the end."""
    if direction not in _DIRECTIONS:
        raise ValueError(
            f"Unknown direction: {direction}. Expected 'forward' (noise to "
            "values) or 'backward' (values to noise)."
        )
    return _DIRECTIONS[direction]
