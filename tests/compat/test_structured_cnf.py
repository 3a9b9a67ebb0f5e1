"""Calls with nine arguments: values, transforms, compilations, errors."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from compat.values import normal
from refusals import refused
from tfmpe.compat._flow.fields import split_legacy
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.migrate import oracle
from tfmpe.migrate.oracle.flow import sampler

pytestmark = pytest.mark.usefixtures("quiet")

FIELD = oracle.FIELDS["closed_form_v1"]

# Tolerance for two adaptive solutions with tolerances of 1e-5.
CLOSE = 1e-4

KEY = jax.random.key(5)
FIRST, SECOND = (
    jax.random.normal(jax.random.fold_in(KEY, count), (5, 3, 1))
    for count in range(2)
)


def _cnf(field=FIELD, **options):
    """Return a flow whose base draws are first FIRST, then SECOND."""
    return StructuredCNF(field, nnx.Rngs(5), **options)


@functools.cache
def _oracle(direction):
    """Return a function that maps draws along the flow, one solve per draw."""
    arguments = _ARGUMENTS.copy()
    shape = arguments.pop("theta_shape")
    return sampler(FIELD, shape, direction, **arguments)


_ARGUMENTS = {}


@pytest.fixture(autouse=True)
def _remember(arguments):
    # Equal at every call, so that the oracle is compiled once.
    _ARGUMENTS.update(arguments)


def _is_right(found, theta_0=FIRST, direction="forward"):
    np.testing.assert_allclose(found, _oracle(direction)(theta_0), atol=CLOSE)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_draws_are_those_of_one_solve_per_sample(direction, arguments):
    found = _cnf().sample(
        **arguments, sample_size=5, theta_0=FIRST, direction=direction
    )
    assert found.dtype == jnp.float32
    assert found.shape == (5, 3, 1)
    _is_right(found, direction=direction)


def test_arguments_go_by_position(arguments):
    found = _cnf().sample(*arguments.values(), 5, SECOND, "forward")
    _is_right(found, SECOND)


def test_base_draws_come_from_the_random_numbers(arguments):
    """They are equal bit for bit and take one key per call."""
    cnf = _cnf()
    for theta_0 in (FIRST, SECOND):
        found = cnf.sample(**arguments, sample_size=5)
        wanted = _cnf().sample(**arguments, sample_size=5, theta_0=theta_0)
        np.testing.assert_array_equal(found, wanted)


def test_sides_may_differ_in_width(arguments, traced):
    """The field receives each side in its own width, one draw at a time."""

    def narrow(*, context, **given):
        return FIELD(context=context[..., :1], **given)

    field, seen = traced(narrow)
    more = normal(1, 4, 1)
    arguments["context"] = jnp.concatenate([arguments["context"], more], -1)
    _is_right(_cnf(field).sample(**arguments, sample_size=5))
    assert seen
    for given in seen:
        assert given == {
            "theta": (1, 3, 1),
            "theta_label": (1, 3),
            "theta_index": (1, 3, 2),
            "theta_mask": (1, 1, 3, 3),
            "time": (1, 1, 1),
            "context": (1, 4, 2),
            "context_label": (1, 4),
            "context_index": (1, 4, 2),
            "context_mask": (1, 1, 4, 4),
            "cross_mask": (1, 1, 3, 4),
        }


def test_masks_and_indices_may_be_missing(arguments):
    """The field receives None; here it replaces None by the known values."""
    missing = [n for n in arguments if n.endswith(("mask", "index"))]
    given = {name: arguments[name] for name in missing}

    def field(**rest):
        assert all(rest.pop(name) is None for name in missing)
        return FIELD(**rest, **given)

    found = _cnf(field).sample(
        **{**arguments, **dict.fromkeys(missing)}, sample_size=5
    )
    _is_right(found)


class Net(nnx.Module):
    """A network with one weight that counts its traces."""

    traced = 0

    def __init__(self, scale=1.0):
        self.scale = nnx.Param(jnp.asarray(scale))

    def __call__(self, **given):
        Net.traced += 1
        return self.scale * FIELD(**given)

    def method(self, **given):
        return self(**given)


@pytest.mark.parametrize("kind", ["function", "module", "method"])
def test_a_second_call_compiles_nothing(kind, arguments, traced):
    """Other values of labels, masks and weights compile nothing either."""
    function, seen = traced(FIELD)

    def cnf(scale):
        net = Net(scale)
        return _cnf({"function": function, "method": net.method}.get(kind, net))

    def n_traced():
        return len(seen) if kind == "function" else Net.traced

    before = n_traced()
    cnf(0.0).sample(**arguments, sample_size=5, theta_0=SECOND)
    after = n_traced()
    assert after > before
    other = {**arguments, "theta_label": arguments["theta_label"] + 1}
    for name in ("theta_mask", "cross_mask", "context_index"):
        other[name] = 1 - other[name]
    changed = cnf(1.0).sample(**other, sample_size=5)
    found = cnf(1.0).sample(**arguments, sample_size=5)
    assert n_traced() == after
    _is_right(found)
    assert np.abs(found - changed).max() > 0.1


def _hidden(net):
    def default(net=net, **given):
        return net(**given)

    class Wrapper:
        def __init__(self):
            self.net = net

        def __call__(self, **given):
            return self.net(**given)

    return {
        "closure": lambda **given: net(**given),
        "partial": functools.partial(lambda n, **given: n(**given), net),
        "default": default,
        "object": Wrapper(),
        "jit": jax.jit(lambda **given: net(**given)),
    }


@pytest.mark.parametrize("way", _hidden(None))
def test_weights_in_hiding_are_never_out_of_date(way):
    """A program with old weights as constants is not reused."""
    field = _hidden(Net())[way]
    assert split_legacy(field).static != split_legacy(field).static
    without = _hidden(None)[way]
    assert split_legacy(without).static == split_legacy(without).static


def test_hidden_weights_count(arguments):
    net = Net(0.0)
    cnf = _cnf(lambda **given: net(**given))
    cnf.sample(**arguments, sample_size=5, theta_0=SECOND)
    nnx.update(net, nnx.state(Net(1.0), nnx.Param))
    _is_right(cnf.sample(**arguments, sample_size=5))


def test_a_field_of_another_library(arguments):
    class Tree(eqx.Module):
        scale: jax.Array

        def __call__(self, **given):
            return self.scale * FIELD(**given)

    cnf = _cnf(Tree(jnp.ones(())))
    _is_right(cnf.sample(**arguments, sample_size=5))


def test_dropout_follows_the_mode(arguments):
    """All times and draws have one mask; evaluation has none (L33)."""

    class Noisy(nnx.Module):
        def __init__(self):
            self.dropout = nnx.Dropout(0.5, rngs=nnx.Rngs(0))

        def __call__(self, *, theta, **_):
            return self.dropout(jnp.ones_like(theta))

    net = Noisy()
    given = {**arguments, "sample_size": 4, "theta_0": jnp.zeros((4, 3, 1))}
    found = np.asarray(_cnf(net).sample(**given))
    assert set(np.unique(found.round(4))) == {0.0, 2.0}
    np.testing.assert_array_equal(found, np.broadcast_to(found[:1], (4, 3, 1)))
    again = _cnf(net).sample(**given)
    np.testing.assert_array_equal(again, found)
    net.eval()
    np.testing.assert_allclose(_cnf(net).sample(**given), 1.0, atol=1e-6)


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap])
def test_under_a_transform(transform, arguments):
    """The count does not change: the object is outside the transform."""
    cnf = _cnf()
    context = arguments["context"]

    def draw(context):
        given = {**arguments, "context": context.reshape((1, 4, 1))}
        return cnf.sample(**given, sample_size=5)

    if transform is jax.vmap:
        contexts = jnp.concatenate([context + 1, context])
        # Every row has the same noise.
        _is_right(jax.vmap(draw)(contexts)[1])
    else:
        _is_right(jax.jit(draw)(context))
    _is_right(draw(context))
    _is_right(draw(context), SECOND)


def test_counts_go_through_nnx_jit(arguments):
    """The object is an argument there, so the count is updated."""
    cnf = _cnf()
    draw = nnx.jit(lambda cnf: cnf.sample(**arguments, sample_size=5))
    _is_right(draw(cnf))
    _is_right(draw(cnf), SECOND)


def test_it_is_a_module(arguments):
    """It splits and merges with its weights, random numbers and settings."""
    cnf = _cnf(Net(), fix=["L18"])
    again = nnx.merge(*nnx.split(cnf))
    assert again.fix == {"L18"}
    assert len(jax.tree.leaves(nnx.state(again, nnx.Param))) == 1
    _is_right(again.sample(**arguments, sample_size=5))


def test_vector_field_passes_the_ten_arguments_on(arguments):
    given = {k: v for k, v in arguments.items() if k != "theta_shape"}
    given |= {"theta": jnp.ones((1, 3, 1)), "time": jnp.zeros((1, 1, 1))}
    seen = _cnf(lambda **seen: seen).vector_field(**given)
    assert seen.keys() == given.keys()
    assert all(seen[name] is given[name] for name in given)


@pytest.mark.parametrize("fix", [(), ("L18",)])
def test_densities(fix, arguments):
    """By default they equal the oracle's; with the fix they are correct."""
    theta = normal(4, 3, 1, seed=3)
    given = {k: v for k, v in arguments.items() if k != "theta_shape"}
    found = _cnf(fix=fix).log_prob(theta, **given, n_epsilon=3)
    assert found.shape == (4,)
    key = jax.random.fold_in(KEY, 0)
    field = FIELD
    if fix:

        def field(*, time, **given):
            return FIELD(time=-time, **given)

    wanted = oracle.log_prob(field, theta, **given, n_epsilon=3, key=key)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_a_right_density_follows_the_draws(arguments):
    """The divergence of the field is known, so densities are exact."""
    field = oracle.FIELDS["skew_v1"]
    given = {k: v for k, v in arguments.items() if k != "theta_shape"}
    cnf = _cnf(field, fix=["L18"])
    theta_0 = jnp.ones((4, 3, 1))
    theta = cnf.sample(**arguments, sample_size=4, theta_0=theta_0)
    wanted = jax.scipy.stats.norm.logpdf(theta_0).sum((1, 2))
    found = cnf.log_prob(theta, **given, n_epsilon=1)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


WRONG_START = (
    "theta_0 has shape (3, 1), expected (1, 3, 1): the number of draws, then "
    "theta_shape."
)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"theta_0": FIRST[0]}, AssertionError, WRONG_START),
        (
            {"theta_0": FIRST[0], "direction": "x"},
            AssertionError,
            WRONG_START,
        ),
        (
            {"direction": "sideways"},
            ValueError,
            "Unknown direction: sideways. Expected 'forward' (noise to "
            "values) or 'backward' (values to noise).",
        ),
        (
            {"theta_shape": [3, 1]},
            TypeError,
            "theta_shape is [3, 1], expected a tuple of ints such as (2, 1).",
        ),
        (
            {"context": jnp.zeros((2, 4, 1))},
            TypeError,
            "context has shape (2, 4, 1), expected (1, tokens, width): one "
            "observation at a time. For several, use jax.vmap over "
            "context[:, None], or ContinuousFlow on Tokens.",
        ),
    ],
)
def test_errors(change, kind, text, arguments):
    with refused(kind, text) as raised:
        _cnf().sample(**{**arguments, **change})
    assert type(raised.value) is kind
