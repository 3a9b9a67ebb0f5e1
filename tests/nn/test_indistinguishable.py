"""Keys whose tokens a network treats as a set, and the warning."""

import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nn.networks import call, config, random_network
from tfmpe import Independence, Tokens, UnknownKeyError
from tfmpe.nn import ExchangeableWarning, Transformer
from tfmpe.preprocessing import TokenLayout

RNG = np.random.default_rng(0)
ONE, FIVE = np.zeros((4, 1, 1), "f4"), RNG.normal(size=(4, 5, 1)).astype("f4")
PANEL = RNG.normal(size=(4, 5, 3, 1)).astype("f4")
SERIES = {"mu": ONE, "y": FIVE}
SITES = {"mu": ONE, "theta": FIVE, "obs": PANEL}
SITE_RULE = {"cross_local": [("theta", "obs", (0, 0))]}
COUNTIES = {"obs": {"county": [0, 1, 0, 1, 1]}}


def build(tokens, **options):
    """Build a network without computing its parameters."""
    nnx.eval_shape(
        lambda: Transformer.for_tokens(
            tokens, config(), rngs=nnx.Rngs(0), **options
        )
    )


def sets_of(tokens, **options):
    """Return the keys that a warning names."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build(tokens, **options)
    assert len(caught) <= 1
    text = str(caught[0].message) if caught else ""
    return [name for name in tokens.layout.names if f"'{name}'" in text]


def test_the_warning_says_what_to_do():
    tokens = Tokens.from_pytree({**SITES, "y": FIVE}, SITE_RULE)
    with pytest.warns(ExchangeableWarning) as caught:
        Transformer.for_tokens(tokens, config(), rngs=nnx.Rngs(0))
    assert [str(each.message) for each in caught] == [
        "The network cannot distinguish the tokens of ['y']: neither rules nor "
        "functional inputs do, so permuting them changes nothing. If their "
        "order has a meaning, as in a time series, pass positions=['y'] to "
        "Tokens.from_pytree, or times or places as functional_inputs. If it "
        "has none, pass exchangeable=['y'] to Transformer.for_tokens."
    ]
    assert caught[0].filename == __file__


@pytest.mark.parametrize("positions", [None, ["y"]])
def test_the_order_of_a_series(positions):
    tokens = Tokens.from_pytree(SERIES, {}, positions=positions)
    exchangeable = [] if positions else ["y"]
    network = random_network(tokens, config(), exchangeable=exchangeable)
    reversed_too = tokens.with_values(y=FIVE[:, ::-1])
    given, other = (
        call(network, each, ("mu",), ("y",)) for each in (tokens, reversed_too)
    )
    close = np.allclose(given, other, atol=1e-4)
    assert close == (positions is None)


OBS_GROUPS = {"cross_local": [("obs", "obs", "county")]}
TIMES = "functional_inputs"
BOTH_WAYS = [("theta", "obs"), ("obs", "theta")]
WITHIN = {"cross_local": [("y", "y", (0, 0))]}


@pytest.mark.parametrize(
    ("data", "rules", "options", "expected"),
    [
        (SERIES, {}, {}, ["y"]),
        (SERIES, {"local": ["y"]}, {}, ["y"]),
        (SERIES, {"cross": [("mu", "y")]}, {}, ["y"]),
        # Each token sees only itself, and nothing else distinguishes them.
        (SERIES, {"cross_local": [("y", "y", None)]}, {}, ["y"]),
        (SERIES, WITHIN, {}, ["y"]),
        (SERIES, {}, {"positions": ["y"]}, []),
        (SERIES, {}, {TIMES: {"y": FIVE}}, []),
        # As in legacy models, only other keys have times.
        (SERIES, {}, {TIMES: {"y": np.zeros((5, 1))}}, ["y"]),
        (SERIES, {}, {TIMES: {"mu": np.zeros((1, 1))}}, ["y"]),
        ({"y": ONE}, {}, {}, []),
        (SITES, {}, {}, ["theta", "obs"]),
        (SITES, SITE_RULE, {}, []),
        # A later rule replaces an earlier one.
        (SITES, {**SITE_RULE, "cross": BOTH_WAYS}, {}, []),
        (
            {"theta": FIVE, "y": FIVE},
            {"cross_local": [("theta", "y", None)]},
            {},
            [],
        ),
        # Blocks of one site.
        ({"obs": PANEL}, {"cross_local": [("obs", "obs", (0, 0))]}, {}, []),
        (
            {"theta": FIVE[:, :2], "obs": FIVE},
            {"cross_local": [("theta", "obs", "county")]},
            {"dims": {"theta": ["county"]}, "groups": COUNTIES},
            [],
        ),
        ({"obs": FIVE}, OBS_GROUPS, {"groups": COUNTIES}, []),
    ],
)
def test_which_keys_are_sets(data, rules, options, expected):
    """Neither rules nor functional inputs distinguish their tokens.

    Dense masks show it for rules: exchanging two tokens changes no mask.
    """
    tokens = Tokens.from_pytree(data, rules, **options)
    assert sets_of(tokens) == expected
    assert sets_of(tokens, exchangeable=expected) == []
    layout = tokens.layout
    by_rules = [key.name for key in layout.keys if is_set(layout, key)]
    told_apart = set(by_rules) - set(expected)
    inputs = tokens.functional_inputs
    assert all(
        np.ptp(inputs[..., layout[name].block, :], axis=-2).any()
        for name in told_apart
    )
    assert set(expected) <= set(by_rules)


def is_set(layout, key):
    """Return whether no mask changes if two tokens are exchanged."""
    if key.n_tokens < 2:
        return False
    mask = Tokens(np.zeros((1, layout.n_tokens, 1)), layout).attention_mask()
    mask = np.asarray(mask)[0, 0]
    places = range(key.block.start, key.block.stop)
    for i, j in itertools.combinations(places, 2):
        order = np.arange(layout.n_tokens)
        order[[i, j]] = j, i
        if not np.array_equal(mask[np.ix_(order, order)], mask):
            return False
    return True


def test_a_layout_and_a_view():
    zeros = {"y": np.zeros((5, 1), "f4")}
    tokens = Tokens.from_pytree(SERIES, {}, zeros)
    assert sets_of(tokens) == ["y"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(tokens.layout)
    sites = Tokens.from_pytree(SITES, SITE_RULE)
    assert sets_of(sites.select_tokens(["mu", "obs"])) == ["obs"]


def test_padding_tells_nothing():
    times = np.zeros((4, 5, 1), "f4")
    times[:, 2:] = np.nan
    tokens = Tokens.from_pytree(
        SERIES, {}, {"y": times}, event_shapes={"y": np.array([2])}
    )
    assert sets_of(tokens) == ["y"]
    assert sets_of(jax.tree.map(lambda leaf: leaf[:0], tokens)) == []


def test_exchangeable_keys_must_exist():
    tokens = Tokens.from_pytree(SERIES, {})
    with pytest.raises(UnknownKeyError, match="Key 'z' not found"):
        build(tokens, exchangeable=["z"])
    with pytest.raises(TypeError, match=r"Write \['y'\]"):
        build(tokens, exchangeable="y")


def test_sizes_do_not_matter():
    """A network for many sites may be trained on one, so one is a set too."""
    one = jax.tree.map(lambda leaf: leaf[:, :1], SITES)
    assert sets_of(Tokens.from_pytree(one, SITE_RULE)) == []


def test_positions_compile_once():
    """They are values: new ones of the same shape cause no tracing."""
    traces = []

    @jax.jit
    def total(tokens):
        traces.append(1)
        return tokens.functional_inputs.sum() + tokens.data.sum()

    for scale in (1, 2):
        total(
            Tokens.from_pytree(
                {**SERIES, "y": scale * FIVE}, {}, positions=["y"]
            )
        )
    assert len(traces) == 1


def test_rules_that_say_nothing():
    assert sets_of(Tokens(np.zeros((1, 0, 0)), TokenLayout(()))) == []
    rules = Independence.parse({"local": []})
    assert sets_of(Tokens.from_pytree({"y": jnp.zeros((2, 3, 1))}, rules)) == [
        "y"
    ]
