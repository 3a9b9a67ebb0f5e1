"""All calls of the real scripts beside those of structured flows."""

import pytest

pytest.importorskip("tensorflow_probability", reason="needs the extra legacy")
pytest.importorskip("matplotlib", reason="needs the extra legacy")

from tfmpe.migrate.run.shadow import run_in_shadow

SCRIPT = """\
import matplotlib
matplotlib.use("Agg")
import jax
import jax.numpy as jnp
import optax
from pathlib import Path
from flax import nnx
from sfmpe.metrics.lc2st import BinaryMLPClassifier, MultiBinaryMLPClassifier
from sfmpe.metrics.lc2st import evaluate_lc2st, train_lc2st_classifiers
from sfmpe.metrics.lc2stnf import lc2st_quant_plot
from sfmpe.pytree_bijector import PyTreeBijector
from sfmpe.pytree_bijector import create_zscaling_bijector_tree
import tensorflow_probability.substrates.jax.bijectors as tfb
k = jax.random.split(jax.random.key(0), 4)
tree = {"a": jnp.exp(jax.random.normal(k[0], (20, 1))),
        "b": jax.random.normal(k[1], (20, 2))}
m = create_zscaling_bijector_tree(tree, tree, {"a": tfb.Invert(tfb.Exp())})
b = PyTreeBijector(m, tree)
z = b.forward(tree)
b.inverse(z)
b.inverse_log_det_jacobian(z, event_ndims=1)
rngs = nnx.Rngs(3)
sizes = dict(dim=4, latent_dim=8, n_layers=1, activation=nnx.relu)
c = BinaryMLPClassifier(**sizes, rngs=rngs)
n = MultiBinaryMLPClassifier(**sizes, n=2, rngs=rngs)
x = jax.random.normal(k[2], (25, 2))
t = jax.random.normal(k[3], (25, 2))
train_lc2st_classifiers(k[0], (x, t, t + 1), c, n, 2, batch_size=8)
null, stat, p = evaluate_lc2st(x[0], t, c, n)
lc2st_quant_plot(stat, null, p, False, 0.05, Path("p.jpg"))
from sfmpe.nn.mlp import MLPVectorField
from sfmpe.cnf import CNF
from sfmpe.fmpe import FMPE
from sfmpe.train_rounds import train_fmpe_rounds
net = MLPVectorField(theta_dim=2, context_dim=2, latent_dim=8, n_layers=1,
                     dropout=0.1, activation=nnx.relu)
est = FMPE(CNF(net), rngs=rngs)
prior = lambda key, n: jax.random.normal(key, (n, 2))
simulator = lambda key, t: t + jax.random.normal(key, t.shape)
train_fmpe_rounds(k[0], est, prior, simulator, x[0], theta_shape=(2,),
                  n_rounds=2, n_simulations=20, n_epochs=2,
                  optimizer=optax.adam(1e-3), batch_size=8)
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_call_is_compared_and_equal(legacy, script):
    legacy()
    report = run_in_shadow(script(SCRIPT, prelude=""))
    assert report.script_exit_code == 0
    assert report.differences == ()
    reasons = [entry.why for entry in report.not_compared]
    assert len(reasons) == 1, reasons
    assert sum(row.tally.compared for row in report.calls) == 13
    (entry,) = report.not_compared
    assert entry.function == "sfmpe.metrics.lc2stnf.lc2st_quant_plot"
    assert entry.why.startswith("it draws a picture")
