"""Twins of networks, flows and estimators: pairing, state, comparison."""

from pathlib import Path

import pytest

from migrate.plain import forget
from tfmpe.migrate.records.files import read_record
from tfmpe.migrate.run.shadow import run_in_shadow

LAYER = """
from flax import nnx
from sfmpe.cnf import CNF
from sfmpe.nn.transformer.encoder import FFLayer
rngs = nnx.Rngs(7)
x = jax.random.normal(jax.random.key(1), (4, 2))
"""
CALL = "layer = FFLayer(2, 0.5, nnx.relu, rngs)\nlayer(x)\n"


def _rows(report):
    return {
        (row.function.removeprefix("sfmpe."), row.mode): row.tally
        for row in report.calls
    }


def _different(report):
    rows = _rows(report).items()
    return {n.rpartition("encoder.")[2] for (n, _), t in rows if t.different}


@pytest.mark.parametrize(
    ("change", "name", "path", "layer"),
    [
        ("weights", "FFLayer", "linear/bias", None),
        ("layer", "FFLayer.__call__", "output", "dropout"),
        ("count", "FFLayer.__call__", "default/count", "dropout"),
    ],
)
def test_what_differs_in_a_network_is_found_and_in_which_layer(
    legacy, script, change, name, path, layer
):
    legacy(change)
    report = run_in_shadow(script(LAYER + CALL))
    assert _different(report) == {name}
    assert any(path in found.difference.path for found in report.differences)
    assert {found.layer for found in report.differences} == {layer}


def test_a_network_is_compared_under_jit(legacy, script):
    legacy()
    under_jit = "layer.eval()\njax.jit(layer)(x)"
    report = run_in_shadow(script(LAYER + CALL + under_jit))
    assert (report.not_compared, report.differences) == ((), ())
    name = "nn.transformer.encoder.FFLayer.__call__"
    assert _rows(report)[name, "traced"].identical == 1


OWN = """
class Own(CNF):
    pass
class Numbers:
    def base_dist(self):
        return jax.random.key(0)
class Module(nnx.Module):
    def __init__(self):
        self.rate = nnx.Param(jnp.ones(()))
    def __call__(self, theta, time, context):
        return self.rate[...] * theta
"""


TWINS = {
    "Module(), rngs": "",
    "lambda **given: own(**given), rngs": "the function <lambda> uses 'own'",
    "Module(), Numbers()": "its random numbers come from an object that cannot "
    "be copied: it is not an nnx.Rngs",
    "Module(), class": "its class Own is defined by the script",
}


@pytest.mark.parametrize(("made_of", "why"), TWINS.items())
def test_what_has_no_twin_is_said_and_why(legacy, script, made_of, why):
    legacy()
    flow = f"CNF({made_of})" if "class" not in made_of else "Own(Module())"
    text = f"own = Module()\n{flow}.sample(x[:1], (2,))"
    report = run_in_shadow(script(LAYER + OWN + text))
    assert report.script_exit_code == 0
    assert all(found.difference.tolerated for found in report.differences)
    reasons = {left.why for left in report.not_compared}
    assert len(reasons) == bool(why), reasons
    assert all(reason.startswith(why) for reason in reasons)


TRAINED = """
import optax
from flax import nnx
from sfmpe.cnf import CNF
from sfmpe.fmpe import FMPE
from sfmpe.nn.mlp import MLPVectorField
np.random.seed(5)
rngs = nnx.Rngs(7)
network = MLPVectorField(2, 3, 8, 1, 0.1, nnx.relu, rngs=rngs)
theta = jax.random.normal(jax.random.key(1), (40, 2))
y = theta @ jnp.ones((2, 3)) + jax.random.normal(jax.random.key(2), (40, 3))
network(theta, theta[:, :1], y)
flow = CNF(MLPVectorField(2, 3, 8, 1, 0.1, nnx.relu))
draws = [flow.sample(y[:1], (2,), sample_size=3) for _ in range(2)]
"""
FIT = """
estim = FMPE(CNF(network, rngs=rngs), rngs=rngs)
data = {"data": {"theta": theta, "y": y}}
rows = lambda part: jax.tree.map(lambda leaf: leaf[part], data)
losses = estim.fit(rows(slice(0, 32)), rows(slice(32, 40)),
                   optax.adam(0.01), n_iter=3, batch_size=8)
draws = estim.sample_posterior(y[:1], theta_shape=(2,), n_samples=4)
estim.log_prob_posterior_samples(draws, y[:1])
one = lambda y, t: estim.sample_posterior(
    y[None], theta_shape=(2,), n_samples=1, theta_0=t[None])
jax.vmap(one)(y[:3], theta[:3])
print(losses[0][-1], draws, rngs.default.count[...], np.random.normal())
"""


@pytest.mark.slow
@pytest.mark.nightly("trainings")
def test_a_script_that_trains_has_no_difference(copied, script, shadowed):
    copied()
    program = script(TRAINED + FIT)
    report = shadowed(program)
    assert not _different(report), report.differences
    assert _rows(report)["fmpe.FMPE.fit", "eager"].compared == 1
    assert _rows(report)["fmpe.FMPE.sample_posterior", "traced"].compared == 3
    forget("sfmpe")
    report = run_in_shadow(program, training=False)
    assert ("fmpe.FMPE.fit", "eager") not in _rows(report)
    assert any("--no-training" in left.why for left in report.not_compared)


TRIPLED = """
_call = MLP.__call__
MLP.__call__ = lambda self, x: 3.0 * _call(self, x)
"""
SAMPLED = """
estim.sample_posterior(y[:1], theta_shape=(2,), n_samples=4)
jax.vmap(lambda y, t: estim.sample_posterior(
    y[None], theta_shape=(2,), n_samples=1, theta_0=t[None]))(y[:3], theta[:3])
"""


@pytest.mark.nightly("trainings")
def test_the_layer_is_named_where_draws_of_a_flow_differ(copied, script, run):
    copied("nn/mlp", TRIPLED)
    script(TRAINED + FIT[: FIT.index("data =")] + SAMPLED)
    found = run("run", "--shadow", "--json", "s.json", "fit.py")
    report = read_record(Path("s.json"))
    found_in = report.differences
    layers = {f.function.rpartition(".")[2]: f.layer for f in found_in}
    assert layers == {
        "__call__": "mlp",
        "sample": "vfm/mlp",
        "sample_posterior": "model/vfm/mlp",
    }
    assert "  first layer that differs: vfm/mlp" in found.stderr
