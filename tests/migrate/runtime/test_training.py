"""Training on both sides: from the same beginning, compared at the end."""

import sys

import pytest

from migration.stand_in import write_stand_in
from tfmpe.migrate.runtime.finder import belongs_to
from tfmpe.migrate.runtime.program import run_program
from tfmpe.migrate.runtime.shadow import run_in_shadow

FIT = """
import optax
from flax import nnx
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.sfmpe import SFMPE
theta = jax.random.normal(jax.random.key(1), (64, 1, 1))
y = theta[..., None] + jax.random.normal(jax.random.key(2), (64, 1, 2, 1))
flat, _ = flatten_structured({"theta": {"mu": theta}, "y": {"obs": y}})
train, val = (
    {"data": {k: v[rows] for k, v in flat["data"].items()},
     "labels": {k: v.repeat(64, 0)[rows] for k, v in flat["labels"].items()}}
    for rows in (slice(0, 48), slice(48, 64))
)
class Field(nnx.Module):
    def __init__(self):
        self.weights = nnx.Param(jnp.zeros(3))
    def __call__(self, *, theta, context, time, **_):
        a, b, c = self.weights[...]
        return a * theta + b * context.mean(1, keepdims=True) + c * time
rngs = nnx.Rngs(7)
field = Field()
estim = SFMPE(StructuredCNF(field, rngs=rngs), rngs=rngs)
losses = estim.fit(
    train, val, optimizer=optax.adam(0.01), n_iter={n_iter}, batch_size=16
)
print(losses[0][-1], losses[1][-1], field.weights[...])
print(rngs.base_dist.count[...])
"""


def fit(n_iter=4):
    return FIT.replace("{n_iter}", str(n_iter))


def _training(report):
    (row,) = (r for r in report.calls if r.site.function.endswith("SFMPE.fit"))
    return row


def _paths(report):
    return {
        f.difference.path.partition("[0")[0]
        for f in report.differences
        if f.site.function.endswith("SFMPE.fit")
    }


def test_equal_trainings_are_equal_but_for_rounding(legacy, script, capsys):
    legacy()
    program = script(fit())
    assert run_program(program) == 0
    alone = capsys.readouterr().out
    for name in [n for n in sys.modules if belongs_to(n, "sfmpe")]:
        del sys.modules[name]
    report = run_in_shadow(program)
    # The script has the legacy losses, weights and count of random numbers.
    assert capsys.readouterr().out == alone
    row = _training(report)
    assert (row.calls, row.compared, row.different) == (1, 1, 0)
    assert row.largest_absolute is None or row.largest_absolute.value < 1e-4
    assert row.bytes_old == row.bytes_new > 0
    assert row.seconds_old > 0
    assert row.seconds_new > 0
    assert report.notes == ()
    assert not any(entry.site == row.site for entry in report.not_compared)
    assert report.exit_code == 0


def test_other_random_numbers_are_no_difference_but_are_told(legacy, script):
    legacy("other numbers")
    report = run_in_shadow(script(fit()))
    row = _training(report)
    assert (row.within_tolerance, row.different) == (1, 0), report.differences
    assert row.largest_absolute.value > 1e-3
    (note,) = report.notes
    assert note.site == row.site
    assert note.text.startswith("trainings on the bridge with other random ")


def test_another_step_size_is_a_difference(legacy, script):
    legacy("step")
    report = run_in_shadow(script(fit(20)))
    assert _training(report).different == 1
    assert report.exit_code == 1
    assert "parameters['weights']" in _paths(report)


def test_a_wrong_batch_size_ends_alike(legacy, script):
    legacy()
    text = fit().replace("batch_size=16", "batch_size=7")
    report = run_in_shadow(script(text))
    assert report.script_exit_code == 1
    row = _training(report)
    assert (row.compared, row.identical) == (1, 1)


def test_training_is_left_out_when_told(legacy, script):
    legacy()
    report = run_in_shadow(script(fit(1)), training=False)
    assert not any("fit" in r.site.function for r in report.calls)
    assert any(
        entry.site.function.endswith("SFMPE.fit")
        and "--no-training" in entry.why
        for entry in report.not_compared
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            ("StructuredCNF(field, rngs=rngs)", "StructuredCNF(Own(), rngs)"),
            "",
        ),
        (
            ("SFMPE(StructuredCNF", "Mine(StructuredCNF"),
            "its class Mine is the script's own",
        ),
        (
            ("rngs=rngs), rngs=rngs)", "rngs=rngs), rngs=Numbers())"),
            "it draws random numbers from an object that is no nnx.Rngs",
        ),
    ],
)
def test_what_cannot_be_trained_again_is_said(legacy, script, change, why):
    own = """
class Mine(SFMPE):
    pass
class Numbers:
    def base_dist(self):
        return jax.random.key(0)
class Own(Field):
    pass
rngs = nnx.Rngs(7)
"""
    legacy()
    text = fit(1).replace("rngs = nnx.Rngs(7)\n", own).replace(*change)
    text = text[: text.index("print(rngs")]
    report = run_in_shadow(script(text))
    assert report.script_exit_code == 0
    reasons = [
        entry.why
        for entry in report.not_compared
        if entry.site.function.endswith("SFMPE.fit")
    ]
    assert len(reasons) == bool(why)
    assert all(reason.startswith(why) for reason in reasons)
    assert _training(report).compared == (not why)


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
_LARGE_STEPS = """
import optax
_fit = SFMPE.fit
def fit(self, train, val, optimizer, n_iter, batch_size):
    return _fit(self, train, val, optax.sgd(10.0), n_iter, batch_size)
SFMPE.fit = fit
"""


@pytest.mark.slow
@pytest.mark.parametrize("defect", ["", _LARGE_STEPS])
def test_bottom_up_training_is_made_again_as_a_whole(
    tmp_path, monkeypatch, script, capsys, defect
):
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")
    package = write_stand_in(tmp_path / "site")
    with (package / "sfmpe.py").open("a") as file:
        file.write(defect)
    monkeypatch.syspath_prepend(tmp_path / "site")
    program = script(BOTTOM_UP)
    assert run_program(program) == 0
    alone = capsys.readouterr().out
    for name in [n for n in sys.modules if belongs_to(n, "sfmpe")]:
        del sys.modules[name]
    report = run_in_shadow(program)
    assert capsys.readouterr().out == alone
    (row,) = (
        row
        for row in report.calls
        if row.site.function.endswith("train_bottom_up")
    )
    assert (row.compared, row.different) == (1, bool(defect))
    if not defect:
        assert not any(e.site == row.site for e in report.not_compared)
