"""Training over rounds on both sides: from the same beginning, compared."""

import sys

import pytest

from tfmpe.migrate.legacy_names import is_below
from tfmpe.migrate.run.program import run_program
from tfmpe.migrate.run.shadow import run_in_shadow

BOTTOM_UP = """
import optax
from flax import nnx
from sfmpe.bottom_up import train_bottom_up
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.sfmpe import SFMPE
class Normal:
    def __init__(self, means):
        self.means = means
    def sample(self, sample_shape=(), seed=None):
        return {
            name: mean + jax.random.normal(seed, (*sample_shape, *mean.shape))
            for name, mean in self.means.items()
        }
def prior(n):
    return Normal({"mu": jnp.zeros((1, 1)), "theta": jnp.zeros((n, 1))})
def local(parents, n):
    return Normal({"theta": jnp.zeros((20, n, 1)) + parents["mu"]})
def simulate(key, theta):
    print("simulated")
    noise = np.random.normal(size=(20, 1, 2, 1))
    return {"obs": theta["theta"][:, :, None] + noise}
class Field(nnx.Module):
    def __init__(self):
        self.weights = nnx.Param(jnp.zeros(2))
    def __call__(self, *, theta, context, **_):
        a, b = self.weights[...]
        return a * theta + b * context.mean(1, keepdims=True)
np.random.seed(5)
rngs = nnx.Rngs(7)
field = Field()
estim = SFMPE(StructuredCNF(field, rngs=rngs), rngs=rngs)
train_bottom_up(
    jax.random.key(3), estim, prior, local, simulate, ["mu"], ["theta"], 3,
    n_rounds=1, n_simulations=20, n_epochs=2,
    y_observed={"obs": jnp.ones((1, 3, 2, 1))},
    independence={"local": ["obs"]}, optimiser=optax.adam(0.01), batch_size=4,
)
print(np.round(field.weights[...], 4), np.random.normal())
"""


@pytest.mark.slow
def test_bottom_up_training_is_made_again_as_a_whole(legacy, script, capsys):
    legacy()
    program = script(BOTTOM_UP)
    assert run_program(program) == 0
    alone = capsys.readouterr().out
    for name in [n for n in sys.modules if is_below(n, "sfmpe")]:
        del sys.modules[name]
    report = run_in_shadow(program)
    # The script has the legacy weights and global random numbers, and its
    # simulator prints once.
    assert capsys.readouterr().out == alone
    (row,) = (
        row
        for row in report.calls
        if row.function.endswith("train_bottom_up")
    )
    assert (row.tally.compared, row.tally.different) == (1, 0), report.differences
    assert report.not_compared == ()
