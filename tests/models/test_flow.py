"""Flow of data through jax programs against changes of single elements."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.scipy.special import xlogy

from tfmpe.models._numpyro.flow import follow

W = jnp.array([[1.0, 0.0, 0.0], [2.0, 3.0, 0.0], [0.0, 1.0, 1.0]])
ROWS = jnp.array([2, 0, 0])
KEY = jax.random.key(0)


def loop(x):
    """Halve all elements until all are small."""
    return lax.while_loop(lambda y: jnp.any(y > 0.5), lambda y: y / 2, x)


def later_loop(x):
    """Count in a loop whose condition does not change its other results."""
    return lax.while_loop(
        lambda state: jnp.any(state[0] > 0.8),
        lambda state: (state[0] - 1, state[1] + 1),
        (x, jnp.zeros(3)),
    )[1]


def scalar_loop(x):
    """Take as many steps as the first element says."""
    return lax.while_loop(
        lambda state: state[0] > 0,
        lambda state: (state[0] - 1, state[1] + x),
        (x[0] * 3, x),
    )[1]


def recursion(x):
    """Add up earlier elements in a scan."""
    return lax.scan(lambda c, y: (c + y, c), 0.0, x)[1]


def steps(x):
    """Use the number of the step as an index."""
    return lax.fori_loop(0, 2, lambda i, y: y.at[i].set(y[i + 1] * x[0]), x)


def mask(*rows):
    """Return which elements (columns) each result (row) may depend on."""
    return np.array([[mark == "#" for mark in row] for row in rows])


OWN, ALL = mask("#..", ".#.", "..#"), mask("###", "###", "###")
PROGRAMS = {
    "elementwise": (lambda x: jnp.exp(x) * 2 + 1, OWN),
    "mean": (lambda x: x - x.mean(), ALL),
    "cumsum": (jnp.cumsum, mask("#..", "##.", "###")),
    "gather": (lambda x: x[ROWS], mask("..#", "#..", "#..")),
    "comparison": (lambda x: jnp.where(x > 0.5, 1.0, 2.0), OWN),
    "integers": (lambda x: jnp.floor(x * 9).astype(int) % 2, OWN),
    "known branch": (
        lambda x: jnp.where(ROWS == 0, x, x[::-1]),
        mask("..#", ".#.", "..#"),
    ),
    "unknown branch": (
        lambda x: jnp.where(x[0] > 0.5, x, x[::-1]),
        mask("#.#", "##.", "#.#"),
    ),
    "unknown index": (lambda x: x[(x * 2.9).astype(int)], ALL),
    "product": (lambda x: W @ x, mask("#..", "##.", ".##")),
    "known zeros": (
        lambda x: W[1] * x * jnp.array([1.0, 0.0, 1.0]),
        mask("#..", "...", "..."),
    ),
    "sort": (jnp.sort, ALL),
    "scatter": (
        lambda x: jnp.zeros(3).at[ROWS].add(x),
        mask(".##", "...", "#.."),
    ),
    "known scatter": (
        lambda x: x.at[1].apply(jnp.exp).at[2].set(x[0]),
        mask("#..", ".#.", "#.."),
    ),
    "reduction": (
        lambda x: lax.reduce(x[:, None] + W, 1.0, lambda a, b: a * b + b, [0]),
        ALL,
    ),
    "reduction of rows": (
        lambda x: lax.reduce(
            jnp.stack([x, x], 1), 1.0, lambda a, b: a * b + b, [1]
        ),
        OWN,
    ),
    "reduction of known values": (
        lambda x: x * lax.reduce(W + 1, 1.0, lambda a, b: a * b + b, [0]),
        OWN,
    ),
    "slices": (
        lambda x: jnp.concatenate([x[1:], x[:1]]),
        mask(".#.", "..#", "#.."),
    ),
    "stack": (lambda x: jnp.stack([x, 1 - x], -1).sum(-1), OWN),
    "special": (lambda x: xlogy(x, x) + jax.nn.relu(x - 2), OWN),
    "matrices": (
        lambda x: jnp.linalg.cholesky(x[:, None, None] * jnp.eye(2))[:, 0, 0],
        OWN,
    ),
    "loop of a batch": (loop, ALL),
    "count in a loop": (later_loop, ALL),
    "Poisson draws": (lambda x: jax.random.poisson(KEY, x), OWN),
    "binomial draws": (lambda x: jax.random.binomial(KEY, 9, x / 9), OWN),
    "loop": (scalar_loop, mask("#..", "##.", "#.#")),
    "recursion": (recursion, mask("...", "#..", "##.")),
    "steps": (steps, mask("##.", "#.#", "..#")),
    "branches": (
        lambda x: lax.cond(x[1] > 0.5, lambda y: y, lambda y: y[::-1], x),
        mask("###", ".#.", "###"),
    ),
    "batch of branches": (
        jax.vmap(lambda y: lax.cond(y > 0, jnp.sin, jnp.cos, y)),
        OWN,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_flow_reaches_what_a_result_may_depend_on(name):
    program, expected = PROGRAMS[name]
    jaxpr = jax.make_jaxpr(program)(jnp.array([0.3, 0.7, 0.9]))
    flow = jax.jit(jax.vmap(lambda marks: follow(jaxpr, [marks])[0]))
    found = np.asarray(flow(np.eye(3, dtype=bool))).T
    assert np.array_equal(found, expected), found


def test_what_is_unknown_and_unmarked_decides_nothing():
    jaxpr = jax.make_jaxpr(lambda x, y: jnp.where(y > 0, x, 0.0))(1.0, 1.0)
    assert follow(jaxpr, [np.array(True), None])[0]
    assert not follow(jaxpr, [None, None])[0]


def test_a_program_without_a_rule_mixes_everything():
    def callback(x):
        shape = jax.ShapeDtypeStruct((3,), jnp.float32)
        return jax.pure_callback(lambda y: y, shape, x)

    jaxpr = jax.make_jaxpr(callback)(jnp.zeros(3))
    assert follow(jaxpr, [np.array([True, False, False])])[0].all()


@pytest.mark.skipif(
    "axis" not in inspect.signature(lax.top_k).parameters,
    reason="lax.top_k has no axis in this release of jax",
)
def test_the_largest_elements_depend_on_all_along_their_axis():
    def program(x):
        return lax.top_k(jnp.stack([x, x], 1), 3, axis=0)[0][:, 0]

    jaxpr = jax.make_jaxpr(program)(jnp.zeros(3))
    assert follow(jaxpr, [np.array([False, True, False])])[0].all()


def test_rows_of_a_batch_of_loops_stay_apart():
    def one(y):
        return lax.while_loop(
            lambda state: state[0] > 0,
            lambda state: (state[0] - 1, state[1] + 1),
            (y, 0.0),
        )[1]

    jaxpr = jax.make_jaxpr(jax.vmap(one))(jnp.array([0.3, 0.7, 2.9]))
    flow = jax.jit(jax.vmap(lambda marks: follow(jaxpr, [marks])[0]))
    assert np.array_equal(flow(np.eye(3, dtype=bool)), np.eye(3))
