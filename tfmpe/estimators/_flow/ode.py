"""How the equation of a flow is solved."""

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from tfmpe._base.static import static_int
from tfmpe.estimators._arguments import real_number

DIRECTIONS = ("forward", "backward")


class RungeKutta4(diffrax.AbstractERK):
    """The classical Runge-Kutta method: order 4, four evaluations a step.

    Notes
    -----
    Without an error estimate, so for fixed steps only.
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

    def order(self, terms: Any) -> int:
        """Return the order of the method, 4."""
        del terms
        return 4


SOLVERS: dict[str, Callable[[], diffrax.AbstractSolver]] = {
    "euler": diffrax.Euler,
    "midpoint": diffrax.Midpoint,
    "rk4": RungeKutta4,
    "bosh3": diffrax.Bosh3,
    "tsit5": diffrax.Tsit5,
    "dopri5": diffrax.Dopri5,
    "dopri8": diffrax.Dopri8,
}
"""The methods that can be named; any other solver of diffrax can be given."""

_WITHOUT_ERROR = ("euler", "rk4")


class Ode(NamedTuple):
    """Which method solves the equation, and how finely: static, hashable.

    Attributes
    ----------
    solver : str or diffrax.AbstractSolver
        A name in ``SOLVERS``, or a solver of diffrax.
    n_steps : int or None
        Number of equal steps; None to adapt them.
    rtol, atol : float
        Tolerances of adapted steps, relative and in units of the values.
    max_steps : int
        Most steps of an adaptive solution.
    """

    solver: Any
    n_steps: int | None
    rtol: float
    atol: float
    max_steps: int

    def solve(
        self,
        derivative: Callable[[Any, Any], Any],
        initial: Any,
        start: float,
        stop: float,
        sizes: Any,
    ) -> Any:
        """Integrate ``d state / d time = derivative(time, state)``.

        Parameters
        ----------
        derivative : callable
            From time, a scalar, and state to the derivative of the state.
        initial : tree of arrays, each of shape (rows, ...)
            The state at ``start``; its rows are independent equations.
        start, stop : float
            Times, dimensionless.
        sizes : Array, shape (rows,)
            Number of values of the state that every row has; padding is
            not among them, and has a derivative of 0.

        Returns
        -------
        tree of arrays
            The state at ``stop``; NaN if steps were too many.

        Notes
        -----
        One solution for all rows. Adapted steps keep the tolerance in every
        row, since the largest error over the rows counts: as strict as a
        solution of its own for each, at the pace of the hardest.
        """
        solver = self.solver
        if isinstance(solver, str):
            solver = SOLVERS[solver]()
        if self.n_steps is not None:
            # Counted in steps, time is exact: no step is missed or added.
            length = (stop - start) / self.n_steps

            def by_step(number: Any, state: Any) -> Any:
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

    def check(self, result: Any) -> Any:
        """Return what was solved for, or say why it is not there.

        Raises
        ------
        RuntimeError
            If adapted steps were too many. Under a transformation, where
            values are not known, nothing is raised and they are NaN.
        """
        adapted = self.n_steps is None and not isinstance(result, Tracer)
        if adapted and np.isnan(np.asarray(result)).any():
            raise RuntimeError(
                f"The solution needs more than max_steps={self.max_steps} "
                f"steps to keep rtol={self.rtol:g} and atol={self.atol:g}. "
                "Allow more steps or larger tolerances; velocities that jump, "
                "or are not finite, need ever more."
            )
        return result


def _end(
    derivative: Callable[[Any, Any], Any],
    solver: diffrax.AbstractSolver,
    times: tuple[float, float, float | None],
    initial: Any,
    **options: Any,
) -> Any:
    """Return the state at the end; ``times`` are start, stop, first step.

    A solution that fails is NaN: to throw, compiled code would have to call
    back to Python, and could not be cached on disk.
    """
    # Unwrapped, as its own jit would keep every derivative it was ever given.
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


def _worst_row(sizes: Any, error: Any) -> Any:
    """Return the largest root mean square over the rows of a state."""
    squares = sum(
        jnp.square(leaf).sum(tuple(range(1, leaf.ndim)))
        for leaf in jax.tree.leaves(error)
    )
    largest = jnp.max(squares / jnp.maximum(sizes, 1), initial=0)
    # The slope of a square root at 0 is infinite.
    positive = largest > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, largest, 1)), 0)


def read_ode(
    solver: Any,
    n_steps: Any,
    rtol: Any,
    atol: Any,
    max_steps: Any,
    default_steps: int,
) -> Ode:
    """Check the options of a solution.

    Parameters
    ----------
    solver : str or diffrax.AbstractSolver or None
        None for fourth-order steps if they are fixed, else for 'dopri5'.
    n_steps, rtol, atol, max_steps
        As of :class:`Ode`. A tolerance makes the steps adaptive; without
        one ``n_steps``, by default ``default_steps``, are fixed.

    Raises
    ------
    ValueError
        If the solver is not known, a number is not positive, both fixed
        steps and tolerances are wanted, or the solver cannot adapt.
    TypeError
        If the solver is neither a name nor a solver of diffrax, or a number
        of steps is not whole.
    """
    adaptive = rtol is not None or atol is not None
    if adaptive and n_steps is not None:
        raise ValueError(
            f"n_steps={n_steps} asks for fixed steps, but rtol={rtol} and "
            f"atol={atol} for adapted ones. Give n_steps or tolerances."
        )
    if solver is None:
        solver = "dopri5" if adaptive else "rk4"
    if isinstance(solver, str):
        if solver not in SOLVERS:
            raise ValueError(
                f"Unknown solver {solver!r}; expected one of {list(SOLVERS)} "
                "or a solver of diffrax."
            )
        if adaptive and solver in _WITHOUT_ERROR:
            raise ValueError(
                f"The solver {solver!r} does not estimate its error, so "
                f"rtol={rtol} and atol={atol} cannot be kept. Give n_steps, "
                "or another solver such as 'dopri5'."
            )
    elif not isinstance(solver, diffrax.AbstractSolver):
        raise TypeError(
            f"solver is {solver!r}, expected one of {list(SOLVERS)} or a "
            "solver of diffrax."
        )
    steps = None if adaptive else default_steps if n_steps is None else n_steps
    # One tolerance given stands for both: the scale of standardized values
    # is 1.
    wanted = [
        real_number(value, name)
        for name, value in (("rtol", rtol), ("atol", atol))
        if value is not None
    ]
    relative, absolute = (wanted[0], wanted[-1]) if wanted else (1.0, 1.0)
    if steps is not None:
        steps = static_int(steps, "n_steps")
    max_steps = static_int(max_steps, "max_steps")
    for name, value in (
        ("n_steps", steps),
        ("rtol", relative),
        ("atol", absolute),
        ("max_steps", max_steps),
    ):
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} is {value}, expected more than 0.")
    return Ode(solver, steps, relative, absolute, max_steps)


def read_direction(direction: Any) -> tuple[float, float]:
    """Return the times between which to integrate.

    Raises
    ------
    ValueError
        If the direction is unknown.
    """
    if direction not in DIRECTIONS:
        raise ValueError(
            f"Unknown direction: {direction}. Expected 'forward' (noise to "
            "values) or 'backward' (values to noise)."
        )
    return (0.0, 1.0) if direction == "forward" else (1.0, 0.0)
