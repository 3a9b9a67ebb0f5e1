"""Networks, flows and estimators: paired, carried over, compared."""

import pytest

from tfmpe.migrate.run.shadow import run_in_shadow

NETWORK = """
import optax
from flax import nnx
from sfmpe.cnf import CNF
from sfmpe.fmpe import FMPE
from sfmpe.nn.mlp import MLPVectorField
rngs = nnx.Rngs(7)
network = MLPVectorField(2, 3, 8, n_layers=1, dropout=0.1,
                         activation=nnx.relu, rngs=rngs)
theta = jax.random.normal(jax.random.key(1), (40, 2))
y = theta @ jnp.ones((2, 3)) + jax.random.normal(jax.random.key(2), (40, 3))
"""
CALL = "network(theta, theta[:, :1], y)\n"
ESTIMATOR = """
unnamed = MLPVectorField(2, 3, 8, 1, 0.1, nnx.relu)
second = CNF(unnamed)
estim = FMPE(CNF(network, rngs=rngs), rngs=rngs)
"""
FIT = """
data = {"data": {"theta": theta, "y": y}}
rows = lambda part: jax.tree.map(lambda leaf: leaf[part], data)
losses = estim.fit(rows(slice(0, 32)), rows(slice(32, 40)),
                   optax.adam(0.01), n_iter=3, batch_size=8)
print(losses[0][-1], rngs.default.count[...])
"""
DRAWS = """
draws = estim.sample_posterior(y[:1], theta_shape=(2,), n_samples=4)
estim.log_prob_posterior_samples(draws, y[:1])
one = lambda y, t: estim.sample_posterior(
    y[None], theta_shape=(2,), n_samples=1, theta_0=t[None])
jax.vmap(one)(y[:3], theta[:3])
second.sample(y[:1], (2,), sample_size=3)
second.log_prob(theta[:1], y[:1])
"""


def _rows(report):
    return {
        (row.function.removeprefix("sfmpe."), row.mode): row
        for row in report.calls
    }


def _different(report):
    return {name for (name, _), row in _rows(report).items() if row.tally.different}


@pytest.mark.slow
def test_a_script_of_all_of_them_has_no_difference(legacy, script, capsys):
    legacy()
    report = run_in_shadow(script(NETWORK + CALL + ESTIMATOR + FIT + DRAWS))
    assert report.script_exit_code == 0, capsys.readouterr().err
    # Draws under vmap may be within tolerance only.
    assert not _different(report), report.differences
    assert report.not_compared == ()
    compared = {name: row.tally.compared for name, row in _rows(report).items()}
    sample, vmapped = (
        compared.pop(("fmpe.FMPE.sample_posterior", mode))
        for mode in ("eager", "traced")
    )
    assert (sample, vmapped) == (1, 3)
    assert set(compared.values()) == {1}
    assert {name for name, _ in compared} == {
        "nn.mlp.MLPVectorField",
        "nn.mlp.MLPVectorField.__call__",
        "cnf.CNF",
        "cnf.CNF.sample",
        "cnf.CNF.log_prob",
        "fmpe.FMPE",
        "fmpe.FMPE.fit",
        "fmpe.FMPE.log_prob_posterior_samples",
    }
    first = _rows(report)["nn.mlp.MLPVectorField", "eager"]
    assert first.tally.identical == first.tally.compared


@pytest.mark.parametrize(
    ("defect", "names", "path"),
    [
        ("weights", {"MLPVectorField"}, "out_linear/bias"),
        ("network", {"MLPVectorField.__call__"}, "output"),
        ("count", {"MLPVectorField.__call__"}, "default/count"),
    ],
)
def test_a_planted_defect_of_the_network_is_found(
    legacy, script, defect, names, path
):
    legacy(defect)
    report = run_in_shadow(script(NETWORK + CALL))
    assert _different(report) == {f"nn.mlp.{name}" for name in names}
    assert any(path in f.difference.path for f in report.differences)


def test_draws_of_a_flow_that_differ_are_found(legacy, script):
    legacy("draws")
    text = "CNF(network, rngs).sample(y[:1], (2,))\n"
    report = run_in_shadow(script(NETWORK + text))
    assert _different(report) == {"cnf.CNF.sample"}


@pytest.mark.slow
def test_another_step_size_is_a_difference(legacy, script):
    legacy("step")
    report = run_in_shadow(script(NETWORK + ESTIMATOR + FIT))
    assert _different(report) == {"fmpe.FMPE.fit"}
    paths = {f.difference.path.partition(":")[0] for f in report.differences}
    assert any(path.startswith("state['FMPE") for path in paths), paths


@pytest.mark.slow
def test_a_wrong_batch_size_ends_alike(legacy, script):
    legacy()
    text = FIT.replace("batch_size=8", "batch_size=7")
    report = run_in_shadow(script(NETWORK + ESTIMATOR + text))
    assert report.script_exit_code == 1
    row = _rows(report)["fmpe.FMPE.fit", "eager"]
    assert (row.tally.compared, row.tally.identical) == (1, 1)


def test_training_is_left_out_when_told(legacy, script):
    legacy()
    report = run_in_shadow(script(NETWORK + ESTIMATOR + FIT), training=False)
    assert ("fmpe.FMPE.fit", "eager") not in _rows(report)
    assert any("--no-training" in entry.why for entry in report.not_compared)


@pytest.mark.parametrize("defect", [None, "names"])
def test_arguments_that_only_one_constructor_takes_are_a_difference(
    legacy, script, defect
):
    legacy(defect)
    text = NETWORK.replace("MLPVectorField(2, ", "MLPVectorField(width=2, ")
    text = text.replace("8, n_layers", "context_dim=3, latent_dim=8, n_layers")
    text = text.replace("width=2, 3, ", "width=2, ")
    report = run_in_shadow(script(text))
    row = _rows(report)["nn.mlp.MLPVectorField", "eager"]
    # Without the defect neither takes them.
    assert (row.tally.identical, row.tally.different) == (not defect, bool(defect))


OWN = """
class Own(FMPE):
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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CNF(Module(), rngs).sample(y[:1], (2,))", ""),
        (
            "own = Module()\n"
            "CNF(lambda **given: own(**given), rngs).sample(y[:1], (2,))",
            "the function <lambda> uses 'own'",
        ),
        (
            "CNF(Module(), Numbers()).sample(y[:1], (2,))",
            "it draws random numbers from an object that is not an nnx.Rngs",
        ),
        (
            "Own(CNF(network)).sample_posterior(y[:1], (2,), n_samples=1)",
            "its class Own is the script's own",
        ),
    ],
    ids=["module", "closure", "numbers", "class"],
)
def test_what_has_no_twin_is_said_and_why(legacy, script, text, why):
    legacy()
    report = run_in_shadow(script(NETWORK + OWN + text))
    assert report.script_exit_code == 0
    assert report.differences == ()
    reasons = {entry.why for entry in report.not_compared}
    assert len(reasons) == bool(why)
    assert all(reason.startswith(why) for reason in reasons)


def test_part_of_a_network_has_the_same_part_for_a_twin(legacy, script):
    legacy()
    text = "network.mlp(jnp.ones((2, 8)))\nnetwork(theta, theta[:, :1], y)\n"
    report = run_in_shadow(script(NETWORK + text))
    assert report.script_exit_code == 0
    assert report.not_compared == ()
    assert report.differences == ()
    compared = {name for name, _ in _rows(report)}
    assert "nn.transformer.encoder.MLP.__call__" in compared


def test_mode_and_weights_are_those_of_the_call(legacy, script):
    legacy()
    text = """
network.eval()
network(theta, theta[:, :1], y)
network.out_linear.bias[...] += 1.0
network.train()
network(theta, theta[:, :1], y)
"""
    report = run_in_shadow(script(NETWORK + text.replace(
        "network.out_linear.bias[...] += 1.0",
        "bias = network.out_linear.bias\n"
        "network.out_linear.bias = nnx.Param(bias[...] + 1.0)",
    )))  # fmt: skip
    assert report.differences == ()
    calls = [row for row in report.calls if row.function.endswith("l__")]
    assert [row.tally.compared for row in calls] == [1, 1]
    assert report.not_compared == ()
