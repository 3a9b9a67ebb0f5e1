"""Flows and estimators of plain arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from compat.values import normal
from tfmpe.compat.cnf import CNF
from tfmpe.compat.defects import DroppedAxisWarning, ReturnTimesWarning
from tfmpe.compat.fmpe import FMPE
from tfmpe.compat.nn.mlp import VectorFieldModel

pytestmark = pytest.mark.usefixtures("quiet")

# Tolerance for adaptive solutions with tolerances of 1e-5.
CLOSE = 1e-4
CONTEXT = jnp.ones((1, 2))


class Swing(VectorFieldModel):
    """Velocities 2 t + context: values move by 1 plus the context."""

    seen = 0

    def __call__(self, theta, time, context):
        type(self).seen += 1
        return jnp.ones_like(theta) * 2 * time + context.mean()


class Scale(VectorFieldModel):
    """Velocities theta w, a field with one weight."""

    def __init__(self, w=0.5):
        self.w = nnx.Param(jnp.asarray(w))

    def __call__(self, theta, time, context):
        return theta * self.w[...]


class Counted(Scale):
    """A field whose state also has a key, a count and flags."""

    def __init__(self):
        super().__init__()
        self.rngs = nnx.Rngs(0)
        self.seen = nnx.Variable(jnp.array([True, False]))
        self.labels = nnx.Variable(jnp.array([-1, 1], jnp.int8))

    def __call__(self, theta, time, context):
        drawn = jax.random.uniform(self.rngs.dropout())
        kept = (drawn > 0) & self.seen[0] & (self.labels[0] < 0)
        return jnp.where(kept, super().__call__(theta, time, context), 0)


def test_draws_and_densities_have_gradients():
    cnf, theta, scale = CNF(Counted(), nnx.Rngs(0)), normal(4, 3), np.exp(0.5)

    def total(cnf, theta):
        return cnf.sample(CONTEXT, (3,), 4, theta).sum()

    by_theta = jax.jit(jax.grad(lambda theta: total(cnf, theta)))(theta)
    np.testing.assert_allclose(by_theta, jnp.full((4, 3), scale), atol=CLOSE)
    (by_weight,) = jax.tree.leaves(nnx.grad(total)(cnf, theta))
    np.testing.assert_allclose(by_weight, scale * theta.sum(), atol=1e-3)
    score = jax.grad(lambda theta: cnf.log_prob(theta, CONTEXT).sum())(theta)
    np.testing.assert_allclose(score, -theta / scale**2, atol=CLOSE)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_draws_of_any_shape(shape):
    cnf = CNF(Swing(), nnx.Rngs(0))
    theta_0 = normal(4, *shape)
    ends = cnf.sample(CONTEXT, shape, 4, theta_0)
    np.testing.assert_allclose(ends, theta_0 + 2, atol=CLOSE)
    back = cnf.sample(CONTEXT, shape, 4, ends, "backward")
    np.testing.assert_allclose(back, theta_0, atol=CLOSE)


def test_states_in_between():
    """States are in the order of the given times; the first is the start."""
    cnf, theta_0 = CNF(Swing(), nnx.Rngs(0)), normal(4, 3)
    times = jnp.array([0.0, 0.25, 1.0])
    states = cnf.sample(CONTEXT, (3,), 4, theta_0, "forward", times)
    moved = (times**2 + times)[None, :, None]
    np.testing.assert_allclose(states, theta_0[:, None] + moved, atol=CLOSE)
    back = cnf.sample(CONTEXT, (3,), 4, states[:, -1], "backward", times)
    np.testing.assert_allclose(back, states[:, ::-1], atol=CLOSE)


def test_times_that_do_not_begin_at_the_end_are_warned_of(monkeypatch):
    """Such times cause a warning (L35)."""
    monkeypatch.delenv("TFMPE_COMPAT")
    cnf, theta_0 = CNF(Swing(), nnx.Rngs(0)), normal(1, 3)
    times = jnp.array([0.5, 1.0])
    with pytest.warns(ReturnTimesWarning, match=r"^L35: .*at 0\.5"):
        cnf.sample(CONTEXT, (3,), 1, theta_0, return_times=times)
    cnf.sample(CONTEXT, (3,), 1, theta_0, "backward", times)


def test_a_second_call_compiles_nothing():
    cnf = CNF(Swing(), nnx.Rngs(0))
    cnf.sample(CONTEXT, (3,), 4)
    cnf.sample(CONTEXT, (3,), 4, direction="backward")
    seen = Swing.seen
    cnf.sample(CONTEXT + 1, (3,), 4)
    cnf.sample(CONTEXT - 1, (3,), 4, direction="backward")
    assert Swing.seen == seen


@pytest.mark.parametrize("fix", [(), ("L28",)])
def test_l28_densities(fix):
    """They are those of the draws if the time is right or has no effect."""
    theta = normal(4, 3)
    scaled = CNF(Scale(), nnx.Rngs(0), fix=fix).log_prob(theta, CONTEXT, 400)
    base = jax.scipy.stats.norm.logpdf(theta * np.exp(-0.5)).sum(1) - 1.5
    np.testing.assert_allclose(scaled, base, atol=0.2)

    swung = CNF(Swing(), nnx.Rngs(0), fix=fix).log_prob(theta, CONTEXT)
    move = 2 if fix else 0  # 2 t + 1 from 1 to 0, with -t by default
    wanted = jax.scipy.stats.norm.logpdf(theta - move).sum(1)
    np.testing.assert_allclose(swung, wanted, atol=1e-3)


def test_one_observation_at_a_time():
    cnf = CNF(Swing(), nnx.Rngs(0))
    with pytest.raises(TypeError, match=r"shape \(4, 2\), expected \(1, "):
        cnf.sample(jnp.ones((4, 2)), (3,))


def test_draws_repeat_until_the_count_moves():
    """FMPE does not change the count (L19), but flows and densities do."""
    flow = CNF(Scale(), nnx.Rngs(0))
    estimator = FMPE(flow, nnx.Rngs(1))
    first = estimator.sample_posterior(CONTEXT, (3,), 4)
    again = estimator.sample_posterior(CONTEXT, (3,), 4)
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(flow.sample(CONTEXT, (3,), 4), first)
    estimator.log_prob_posterior_samples(first, CONTEXT)
    assert int(flow.rngs.default.count[...]) == 2
    fixed = FMPE(flow, nnx.Rngs(1), fix=["L19"])
    one, other = (fixed.sample_posterior(CONTEXT, (3,), 4) for _ in range(2))
    assert jnp.abs(one - other).max() > 0.01


def test_vmap_over_observations():
    estimator = FMPE(CNF(Swing(), nnx.Rngs(0)), nnx.Rngs(1))
    contexts, starts = normal(5, 2), normal(5, 3)

    def draw(context, start):
        return estimator.sample_posterior(
            context[None], (3,), 1, theta_0=start[None]
        )[0]

    found = jax.vmap(draw)(contexts, starts)
    wanted = starts + 1 + contexts.mean(1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=CLOSE)
    back = estimator.sample_base_dist(found, contexts, (3,))
    np.testing.assert_allclose(back, starts, atol=CLOSE)


def test_l30_the_dropped_axis_is_warned_of(monkeypatch):
    monkeypatch.delenv("TFMPE_COMPAT")
    flow = CNF(Swing(), nnx.Rngs(0))
    theta, contexts = normal(4, 2, 3), normal(4, 2)
    with pytest.warns(DroppedAxisWarning, match="^L30: with theta_shape"):
        ends = FMPE(flow, nnx.Rngs(1)).sample_base_dist(theta, contexts, (2, 3))
    assert ends.shape == (4, 1, 3)
    fixed = FMPE(flow, nnx.Rngs(1), fix=["L30"])
    whole = fixed.sample_base_dist(theta, contexts, (2, 3))
    assert whole.shape == (4, 2, 3)
    np.testing.assert_array_equal(whole[:, :1], ends)
    wanted = theta - 1 - contexts.mean(1)[:, None, None]
    np.testing.assert_allclose(whole, wanted, atol=CLOSE)


def test_training_lowers_the_loss_and_leaves_training_mode():
    flow = CNF(Scale(2.0), nnx.Rngs(0))
    estimator = FMPE(flow, nnx.Rngs(1))
    data = {"data": {"theta": 0.1 * normal(40, 2), "y": normal(40, 3)}}
    losses, val_losses = estimator.fit(
        data, data, optimizer=optax.adam(0.1), n_iter=30, batch_size=20
    )
    assert losses.shape == val_losses.shape == (30,)
    assert val_losses[-1] < 0.7 * val_losses[0]
    assert int(estimator.rngs.default.count[...]) == 1
