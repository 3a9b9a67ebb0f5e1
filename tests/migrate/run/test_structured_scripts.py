"""The calls of the real scripts on structured flows, on both sides."""

import jax
import pytest

from tfmpe.migrate.run.shadow import run_in_shadow

SCRIPT = """\
import jax
import jax.numpy as jnp
import optax
from flax import nnx
from sfmpe.bottom_up import train_bottom_up
from sfmpe.nn.transformer.transformer import Transformer
from sfmpe.sfmpe import SFMPE
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.util.dataloader import _flatten_index, decode_theta
from sfmpe.util.dataloader import flatten_structured

class Normal:
    def __init__(self, means):
        self.means = means
    def sample(self, sample_shape=(), seed=None):
        keys = jax.random.split(seed, len(self.means))
        return {
            name: mean + jax.random.normal(key, (*sample_shape, *mean.shape))
            for key, (name, mean) in zip(keys, self.means.items())
        }

def prior(n):
    return Normal({"mu": jnp.zeros((1, 1)), "theta": jnp.zeros((n, 1))})

def local(parents, n):
    return Normal({"theta": jnp.zeros((len(parents["mu"]), n, 1))})

def simulate(key, theta, index):
    means = theta["theta"][..., None, :] + index["obs"]
    return {"obs": means + jax.random.normal(key, means.shape)}

def times(n):
    return Normal({name: jnp.zeros(shape) for name, shape in
                   dict(mu=(1, 1), theta=(n, 1), obs=(n, 2, 1)).items()})

CONFIG = dict(latent_dim=8, label_dim=2, index_out_dim=4, n_encoder=1,
              n_decoder=1, n_heads=2, n_ff=1, dropout=0.1,
              activation=nnx.gelu)
RULES = {"local": ["obs", "theta"],
         "cross": [("mu", "obs"), ("obs", "mu")],
         "cross_local": [("theta", "obs", (0, 0))]}
k = jax.random.split(jax.random.key(0), 6)
rngs = nnx.Rngs(3)
net = Transformer(CONFIG, value_dim=1, n_labels=3, index_dim=1, rngs=rngs)
flow = StructuredCNF(net, rngs=rngs)
estim = SFMPE(flow, rngs=rngs)
truth = prior(3).sample((1,), seed=k[0])
index = times(3).sample((1,), seed=k[1])
y = simulate(k[2], truth, index)
labels, slices, masks = train_bottom_up(
    k[3], estim, prior, local, simulate, ["mu"], ["theta"], 3, 2, 20, 2, y,
    RULES, optimiser=optax.adam(1e-3), batch_size=4, f_in=times,
    f_in_args=(1,), f_in_args_global=(3,), f_in_target=index)
flat, _ = flatten_structured(
    {"theta": truth, "y": y}, independence=RULES, index=index)
context = flat["data"]["y"]
spots = {side: _flatten_index({n: index[n] for n in names}, -1e8, 1)
         for side, names in dict(theta=["mu", "theta"], y=["obs"]).items()}
draws = estim.sample_posterior(context, labels, slices, masks=masks,
                               index=flat["index"], n_samples=3)
encoded = estim.sample_posterior_encoded(
    context, labels, slices, masks=masks, index=spots, n_samples=3)
decode_theta(encoded, slices, (3,))
estim.log_prob_posterior_samples(
    encoded, context, labels, masks=masks, index=spots)

def draw(y, theta_0):
    return estim.sample_posterior_encoded(
        y[None], labels, slices, masks=masks, index=spots, n_samples=1,
        theta_0=theta_0[None])

many = jnp.broadcast_to(context, (2, *context.shape[1:]))
jax.vmap(draw)(many, jax.random.normal(k[4], (2, *encoded.shape[1:])))
"""


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Let jax compute in this precision."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", request.param == "float64")
    yield request.param
    jax.config.update("jax_enable_x64", before)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("precision")
def test_every_call_is_compared_and_equal(legacy, script):
    legacy()
    report = run_in_shadow(script(SCRIPT, prelude=""))
    assert report.script_exit_code == 0
    assert report.not_compared == ()
    assert sum(row.tally.different for row in report.calls) == 0, report.differences
    compared = {
        (row.function.rpartition(".")[2], row.mode): row.tally.compared
        for row in report.calls
    }
    assert compared == {
        ("Transformer", "eager"): 1,
        ("StructuredCNF", "eager"): 1,
        ("SFMPE", "eager"): 1,
        ("train_bottom_up", "eager"): 1,
        ("flatten_structured", "eager"): 1,
        ("_flatten_index", "eager"): 2,
        ("sample_posterior", "eager"): 1,
        ("sample_posterior_encoded", "eager"): 1,
        ("sample_posterior_encoded", "traced"): 2,
        ("decode_theta", "eager"): 1,
        ("log_prob_posterior_samples", "eager"): 1,
    }
