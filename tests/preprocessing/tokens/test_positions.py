"""Token positions, generated as functional inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from comparisons import assert_same
from tfmpe import (
    TokenGenerator,
    Tokens,
    UnknownKeyError,
    concatenate_tokens,
    generate_static_dataset,
)
from tfmpe.preprocessing import TokenLayout

N = 2
PANEL = np.arange(12.0, dtype="f4").reshape(N, 2, 3, 1)
DATA = {"mu": np.zeros((N, 1, 1), "f4"), "obs": PANEL}


def positions_of(tokens, name="obs"):
    key = tokens.layout[name]
    return np.asarray(tokens.functional_inputs)[
        0, key.block, : key.n_inputs
    ].tolist()


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        (["obs"], [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]),
        ({"obs": [1]}, [[0], [1], [2], [0], [1], [2]]),
        ({"obs": ["time"]}, [[0], [1], [2], [0], [1], [2]]),
        ({"obs": [-2]}, [[0], [0], [0], [1], [1], [1]]),
        (
            {"obs": ["time", 0]},
            [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]],
        ),
    ],
)
def test_along_the_axes(positions, expected):
    """All axes are used in order, or the chosen ones."""
    tokens = Tokens.from_pytree(
        DATA, {}, dims={"obs": ["site", "time"]}, positions=positions
    )
    assert positions_of(tokens) == expected
    assert tokens.functional_inputs.dtype == jnp.float32
    assert tokens.layout["mu"].n_inputs is None


def test_are_functional_inputs():
    """The Tokens are bit-identical, with an equal layout."""
    times = {"obs": np.tile(np.arange(3, dtype="f4")[None, :, None], (2, 1, 1))}
    by_hand = Tokens.from_pytree(DATA, {}, times)
    made = Tokens.from_pytree(DATA, {}, positions={"obs": [1]})
    assert_same(made, by_hand)


def test_beside_other_inputs():
    """Other keys may have inputs; nesting, jit and vmap work."""
    data = {"site": {"obs": PANEL, "theta": PANEL[:, :, 0]}}

    def build(data):
        return Tokens.from_pytree(
            data,
            {},
            {"site": {"theta": jnp.full((2, 2), 7)}},
            positions={"site": {"obs": [1]}},
        )

    tokens = build(data)
    assert positions_of(tokens, "site/obs") == [[0], [1], [2]] * 2
    assert positions_of(tokens, "site/theta") == [[7, 7]] * 2
    assert_same(jax.jit(build)(data), tokens)


def test_of_a_ragged_key():
    """They count within each group in the given order, also when joined."""

    def build(ids):
        obs = np.arange(float(len(ids)))[None, :, None]
        return Tokens.from_pytree(
            {"obs": obs}, {}, groups={"obs": {"county": ids}}, positions=["obs"]
        )

    small, large = build([1, 0, 1]), build([0, 1, 2, 1, 1])
    assert positions_of(small) == [[0], [0], [1]]
    assert positions_of(large) == [[0], [0], [0], [1], [2]]
    joined = concatenate_tokens(small, large)
    real = np.asarray(joined.padding_mask)
    ids = joined.layout["obs"].groups[0].ids
    for row, each in enumerate((small, large)):
        inputs = np.asarray(joined.functional_inputs)[row, :, 0][real[row]]
        values = np.asarray(joined.data)[row, :, 0][real[row]].astype(int)
        assert inputs.tolist() == np.ravel(positions_of(each))[values].tolist()
        ranks = [
            list(ids[real[row]][:i]).count(g)
            for i, g in enumerate(ids[real[row]])
        ]
        assert inputs.tolist() == ranks


def test_of_dense_keys_that_are_joined():
    """Padding has no positions."""
    long = Tokens.from_pytree({"y": np.ones((1, 3, 1))}, {}, positions=["y"])
    short = Tokens.from_pytree({"y": np.ones((1, 2, 1))}, {}, positions=["y"])
    joined = concatenate_tokens(short, long)
    inputs = np.asarray(joined.functional_inputs)[..., 0]
    assert inputs[np.asarray(joined.padding_mask)].tolist() == [0, 1, 0, 1, 2]


def test_stay_through_views_values_and_files(tmp_path):
    """They are kept, like other functional inputs."""
    pytest.importorskip("safetensors")
    tokens = Tokens.from_pytree(DATA, {}, positions={"obs": [1]})
    expected = [[0], [1], [2]] * 2
    changed = tokens.with_values(obs=PANEL + 1)
    batch = jax.tree.map(lambda leaf: leaf[1:], tokens)
    tokens.save(tmp_path / "tokens.safetensors")
    read = Tokens.load(tmp_path / "tokens.safetensors")
    view = tokens.select_tokens(["obs"])
    for each in (changed, batch, read, view, view.to_tokens()):
        assert positions_of(each) == expected
    assert changed.layout is tokens.layout
    assert read.layout == tokens.layout
    np.testing.assert_array_equal(tokens.decode()["obs"], PANEL)


def test_of_simulations():
    """They are not passed to the simulator."""

    def prior(key, n):
        return {"mu": jax.random.normal(key, (n, 1, 1))}

    def simulator(key, parameters):
        return {"obs": parameters["mu"] + jnp.arange(3.0)[None, :, None]}

    options = {"positions": ["obs"], "batch_size": 2}
    dataset = generate_static_dataset(
        jax.random.key(0), prior, simulator, None, {}, 4, **options
    )
    generator = TokenGenerator(
        prior, simulator, None, {}, n_samples=4, seed=0, **options
    )
    for tokens in (dataset, generator[0]):
        assert positions_of(tokens) == [[0], [1], [2]]


def test_what_cannot_be_counted():
    """The error lists all faults, each with its key."""
    inputs = {"mu": np.zeros((1, 1))}
    with pytest.raises(ValueError, match="Cannot add") as caught:
        Tokens.from_pytree(
            {**DATA, "x": np.zeros((N, 1))},
            {},
            inputs,
            positions={"mu": [0], "obs": ["time"], "x": []},
        )
    assert str(caught.value) == (
        "Cannot add positions of tokens:\n"
        "  - 'mu' has functional inputs already; add its positions to them as "
        "a column\n"
        "  - 'obs' has no dimension 'time'; none of its dimensions has a name. "
        "Pass dims= or groups=\n"
        "  - 'x' has the event shape () and no axis to count along; leave it "
        "out"
    )


@pytest.mark.parametrize(
    ("positions", "error", "message"),
    [
        ("obs", TypeError, r"Write \['obs'\]"),
        ({"obs": "time"}, TypeError, r"Write {'obs': \['time'\]}"),
        ({"obs": 0}, TypeError, r"Write {'obs': \[0\]}"),
        (["abs"], UnknownKeyError, "Key 'abs' not found"),
        (["obs", "obs"], ValueError, "more than once"),
    ],
)
def test_other_forms_are_refused(positions, error, message):
    """Each error has the correct form."""
    with pytest.raises(error, match=message):
        Tokens.from_pytree(DATA, {}, positions=positions)


def test_no_tokens():
    """An axis of a layout may have size 0."""
    tokens = Tokens.from_pytree({"y": np.zeros((N, 0, 1))}, {}, positions=["y"])
    assert tokens.functional_inputs.shape == (N, 0, 1)
    assert isinstance(tokens.layout, TokenLayout)
