"""Posteriors of global parameters from any number of groups."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tfmpe import Tokens
from tfmpe.nn import GroupPosterior, TransformerConfig
from tfmpe.preprocessing.tokens.views import detach

RULES = {
    "local": ["obs"],
    "cross_local": [("obs", "obs", "site")],
}
CONFIG = TransformerConfig(4, n_heads=1, n_decoder_layers=1)
GLOBAL = ["mu", "tau"]


def simulations(obs, sizes=None, dims=("site", "visit"), groups=None):
    """Return Tokens of two wide global keys and given observations."""
    rng = np.random.default_rng(0)
    n = len(obs)
    data = {
        "mu": rng.normal(size=(n, 1, 1)),
        "tau": rng.normal(size=(n, 1, 2)),
        "obs": np.asarray(obs)[..., None],
    }
    return Tokens.from_pytree(
        data,
        RULES,
        dims={"obs": dims} if groups is None else None,
        event_shapes=None if sizes is None else {"obs": sizes},
        groups=groups,
    )


def network(tokens):
    """Return a network with random parameters."""
    found = GroupPosterior.for_tokens(
        tokens, GLOBAL, ["obs"], CONFIG, rngs=nnx.Rngs(0)
    )
    found.out.kernel = nnx.Param(jnp.ones_like(found.out.kernel) / 10)
    return found


def parts(tokens):
    """Return the global keys and the observations."""
    return detach(tokens, GLOBAL), detach(tokens, ["obs"])


@nnx.jit
def encode(field, given, key=None):
    return field.encode(given, key)


whiten = nnx.jit(GroupPosterior.whiten)
restore = nnx.jit(GroupPosterior.restore)
velocity = nnx.jit(GroupPosterior.velocity)
log_det = nnx.jit(GroupPosterior.log_det)
OBS = np.random.default_rng(1).normal(size=(2, 3, 2))


def test_the_precision_is_a_sum_over_groups():
    tokens = simulations(OBS)
    field = network(tokens)
    # Contributions also know one over the number of groups.
    known = field.contribution.context.kernel
    field.contribution.context.kernel = nnx.Param(known[...].at[-1].set(0))
    _, given = parts(tokens)
    _, many = parts(simulations(np.tile(OBS, (1, 20, 1))))
    few, more = (encode(field, each).root for each in (given, many))
    few, more = (
        np.einsum("nij,nkj->nik", root, root) - np.eye(3)
        for root in (few, more)
    )
    np.testing.assert_allclose(more, 20 * few, rtol=1e-4, atol=1e-4)


def test_padded_groups_say_nothing():
    tokens = simulations(OBS)
    field = network(tokens)
    padded = np.full((2, 5, 3), np.nan)
    padded[:, :3, :2] = OBS
    sizes = np.array([[3, 2]] * 2)
    found = encode(field, parts(simulations(padded, sizes))[1])
    wanted = encode(field, parts(tokens)[1])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_ragged_groups_and_their_order():
    field = network(simulations(OBS))
    order = np.array([3, 0, 5, 1, 4, 2])
    ids = np.repeat(np.arange(3), 2)[order]
    shuffled = simulations(
        OBS.reshape(2, 6)[:, order], groups={"obs": {"site": ids}}
    )
    found = encode(field, parts(shuffled)[1])
    wanted = encode(field, parts(simulations(OBS))[1])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_units_are_undone_and_change_densities_by_their_determinant():
    tokens = simulations(OBS)
    field = network(tokens)
    target, given = parts(tokens)
    encoded = encode(field, given)
    white = whiten(field, target, encoded)
    back = restore(field, replace(target, data=white), encoded)
    real = np.asarray(target.value_mask)[0]
    np.testing.assert_allclose(
        back[:, real], target.data[:, real], rtol=1e-4, atol=1e-5
    )

    def flat(values):
        data = jnp.asarray(target.data).at[0, [0, 1, 1], [0, 0, 1]].set(values)
        moved = field.whiten(replace(target, data=data), encoded)
        return moved[0, [0, 1, 1], [0, 0, 1]]

    jacobian = jax.jit(jax.jacobian(flat))(jnp.zeros(3))
    _, wanted = np.linalg.slogdet(jacobian)
    assert np.asarray(log_det(field, encoded))[0] == pytest.approx(
        wanted, rel=1e-4
    )


def test_an_untrained_network_leads_from_normal_to_normal():
    tokens = simulations(OBS)
    field = GroupPosterior.for_tokens(
        tokens, GLOBAL, ["obs"], CONFIG, rngs=nnx.Rngs(0)
    )
    target, given = parts(tokens)
    real = np.asarray(target.value_mask)[0]
    for time, factor in ((0.0, -1), (0.5, 0), (1.0, 1)):
        found = nnx.jit(field)(target, given, jnp.full(2, time))
        wanted = factor * np.where(real, target.data, 0)
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_flow_of_many_groups_is_nearly_that_of_a_normal_distribution():
    few, many = (simulations(np.tile(OBS, (1, n, 1))) for n in (1, 100))
    field = network(few)
    changes = []
    for tokens in (few, many):
        target, given = parts(tokens)
        encoded = encode(field, given)
        # The same averages, so that only the number of groups differs.
        context = encoded.context.at[:, :-1].set(0)
        encoded = encoded._replace(context=context)
        moved = replace(target, data=np.zeros_like(target.data))
        changes.append(velocity(field, moved, given, encoded, np.zeros(2)))
    first, last = (np.abs(np.asarray(each)).max() for each in changes)
    assert 0 < last < 0.2 * first


def test_some_groups_are_left_out_with_a_key():
    tokens = simulations(np.tile(OBS, (50, 1, 1)))
    field = network(tokens)
    given = parts(tokens)[1]
    whole = log_det(field, encode(field, given))
    encoded = encode(field, given, jax.random.key(0))
    kept = np.isclose(log_det(field, encoded), whole)
    assert 0.75 < kept.mean() < 1
    n_groups = 1 / np.asarray(encoded.context[:, -1])
    np.testing.assert_allclose(n_groups[kept], 3, rtol=1e-5)
    assert set(np.rint(n_groups[~kept])) <= {1, 2}


def test_one_group_is_refused():
    tokens = simulations(OBS)
    open_tokens = Tokens.from_pytree(tokens.decode(), {})
    with pytest.raises(ValueError, match=r"all tokens of \['obs'\] into one"):
        network(open_tokens)
    with pytest.raises(ValueError, match=r"Add \['mu'\] to .* or add 'local'"):
        GroupPosterior.for_tokens(
            tokens, ["tau"], ["obs"], CONFIG, rngs=nnx.Rngs(0)
        )
