"""ODE solvers: every method, tolerances per row."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from refusals import refused
from tfmpe.estimators import SOLVERS
from tfmpe.estimators._flow.ode import read_ode

ALL = [*SOLVERS, diffrax.Heun()]
# Tolerance for twenty steps with rate 1/2, by the order of the method.
FIRST, SECOND, THIRD, HIGHER = 3e-2, 1e-3, 1e-5, 1e-6
ERRORS = {"euler": FIRST, "midpoint": SECOND, ALL[-1]: SECOND, "bosh3": THIRD}


def ode(solver=None, n_steps=None, rtol=None, atol=None, max_steps=4096):
    return read_ode(solver, n_steps, rtol, atol, max_steps, ("rk4", 4))


def solve(ode, rates, initial, start=0.0, stop=1.0, sizes=None):
    """Solve ``dx / dt = rate x + t``, with one rate per row."""
    initial = jnp.asarray(initial, jnp.float32)
    rates = jnp.asarray(rates, jnp.float32)[:, None]
    if sizes is None:
        sizes = jnp.full(len(initial), initial.shape[1])

    @jax.jit
    def run(initial):
        return ode.solve(
            lambda time, state: rates * state + jnp.where(state != 0, time, 0),
            initial,
            start,
            stop,
            sizes,
        )

    return run(initial)


def exact(rates, initial, start=0.0, stop=1.0):
    k = np.asarray(rates)[:, None]
    grown = np.exp(k * (stop - start))
    ramp = grown * (start / k + 1 / k**2) - (stop / k + 1 / k**2)
    return grown * initial + ramp


@pytest.mark.parametrize("solver", ALL, ids=str)
def test_every_method(solver):
    initial = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = solve(ode(solver, n_steps=20), [-0.5, 0.3], initial)
    expected = exact([-0.5, 0.3], initial)
    error = ERRORS.get(solver, HIGHER)
    np.testing.assert_allclose(found, expected, rtol=error)


@pytest.mark.parametrize(
    "options",
    [{"n_steps": 20}, pytest.param({"rtol": 1e-6}, marks=pytest.mark.slow)],
)
def test_backwards_in_time(options):
    initial = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = solve(ode(**options), [-0.5, 0.3], initial, 1.0, 0.0)
    expected = exact([-0.5, 0.3], initial, 1.0, 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_four_steps_are_of_fourth_order():
    initial = np.array([[1.0]])
    errors = [
        abs(solve(ode(n_steps=n), [-4.0], initial) - exact([-4.0], initial))
        for n in (4, 8)
    ]
    assert ode() == ode("rk4", n_steps=4)
    assert 10 < errors[0].item() / errors[1].item() < 40


def test_tolerance_holds_in_every_row():
    """A stiff row among many easy ones is as accurate as if solved alone."""
    rates = np.full(400, -0.1)
    rates[7] = -30.0
    initial = np.full((400, 1), 1.0)
    adaptive = ode(rtol=1e-5)
    among = solve(adaptive, rates, initial)
    alone = solve(adaptive, rates[7:8], initial[7:8])
    np.testing.assert_allclose(among[7], alone[0], atol=1e-7)
    # The accumulated error of all steps.
    np.testing.assert_allclose(among, exact(rates, initial), atol=1e-4)


def test_padding_does_not_loosen_the_tolerance():
    """A value with 99 padding values takes the same steps as without."""
    initial = np.zeros((1, 100))
    initial[0, 0] = 1.0
    adaptive = ode("bosh3", rtol=1e-3)
    padded = solve(adaptive, [-10.0], initial, sizes=jnp.ones(1))
    alone = solve(adaptive, [-10.0], initial[:, :1])
    np.testing.assert_allclose(padded[0, 0], alone[0, 0], atol=1e-7)
    loose = solve(adaptive, [-10.0], initial)
    assert abs(loose[0, 0] - alone[0, 0]) > 1e-5


def test_rows_of_padding_alone():
    found = solve(ode(rtol=1e-3), [-1.0, -1.0], np.zeros((2, 3)), sizes=0)
    np.testing.assert_array_equal(found, 0)


@pytest.mark.slow
def test_gradient_through_adapted_steps():
    def end(initial):
        return solve(ode(rtol=1e-5), [-0.5], initial).sum()

    gradient = jax.grad(end)(jnp.ones((1, 2)))
    np.testing.assert_allclose(gradient, np.exp(-0.5), atol=1e-4)


def test_equal_options_compile_once():
    assert ode(diffrax.Tsit5()) == ode(diffrax.Tsit5())
    assert hash(ode(diffrax.Tsit5())) == hash(ode(diffrax.Tsit5()))
    assert ode(n_steps=np.int64(3)) == ode(n_steps=3)
    assert ode(rtol=jnp.float32(0.5)) == ode(atol=0.5)
    assert ode(rtol=0.5, atol=0.25) != ode(rtol=0.25, atol=0.5)


def test_too_few_steps():
    few = ode(rtol=1e-6, max_steps=3)
    ends = solve(few, [-30.0], [[1.0]])
    assert np.isnan(ends).all()
    with pytest.raises(RuntimeError) as caught:
        few.check(ends)
    assert str(caught.value) == (
        "The ODE solver needs more than max_steps=3 steps to meet rtol=1e-06 "
        "and atol=1e-06. Allow more steps or larger tolerances, or check that "
        "the vector field is finite and does not jump."
    )
    assert np.isnan(jax.jit(few.check)(ends)).all()
    enough = ode(rtol=1e-6)
    ends = solve(enough, [-30.0], [[1.0]])
    assert enough.check(ends) is ends


@pytest.mark.parametrize("options", [{"n_steps": 3}, {"rtol": 1e-3}])
def test_nothing_compiled_calls_back(options):
    """Compiled callbacks could not be cached on disk."""

    def ends(initial):
        return ode(**options).solve(
            lambda time, state: -state, initial, 0.0, 1.0, jnp.ones(1)
        )

    text = jax.jit(ends).lower(jnp.ones((1, 1))).as_text()
    assert "callback" not in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n_steps": 8, "rtol": 1e-3},
            "n_steps=8 requests fixed steps, but rtol=0.001 and atol=None "
            "request adaptive steps. Pass n_steps or tolerances.",
        ),
        (
            {"solver": "rk5"},
            "Unknown solver 'rk5'; expected one of ['euler', 'midpoint', "
            "'rk4', 'bosh3', 'tsit5', 'dopri5', 'dopri8'] or a solver of "
            "diffrax.",
        ),
        (
            {"solver": "euler", "atol": 0.1},
            "The solver 'euler' does not estimate its error, so rtol=None and "
            "atol=0.1 cannot be met. Pass n_steps, or another solver such as "
            "'dopri5'.",
        ),
        (
            {"solver": 4},
            "solver is 4, expected one of ['euler', 'midpoint', 'rk4', "
            "'bosh3', 'tsit5', 'dopri5', 'dopri8'] or a solver of diffrax.",
        ),
        ({"n_steps": 0}, "n_steps is 0, expected at least 1."),
        (
            {"n_steps": 2.5},
            "n_steps must be an integer, not 2.5 of type float.",
        ),
        (
            {"rtol": 1e-3, "atol": 0.0},
            "atol is 0.0, expected a finite number above 0.",
        ),
        (
            {"rtol": float("inf")},
            "rtol is inf, expected a finite number above 0.",
        ),
        ({"max_steps": -1}, "max_steps is -1, expected at least 1."),
    ],
)
def test_errors(options, message):
    with refused((TypeError, ValueError, KeyError), message):
        ode(**options)
