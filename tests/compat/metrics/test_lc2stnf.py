"""Classifiers that test a flow: side effects, points, plot."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tfmpe.compat.defects import UnequalPointsWarning, UnusedSamplesWarning
from tfmpe.compat.defects.l54_unequal_points import base_draws
from tfmpe.compat.metrics import lc2stnf

KEY = jax.random.key(0)
QUIET = ["L43", "L44"]


def _train_main(**options):
    theta, x, z = np.asarray(jax.random.normal(KEY, (3, 10, 2)))
    main = lc2stnf.BinaryMLPClassifier(4, 4, 1, nnx.relu, nnx.Rngs(0))
    lc2stnf.train_l_c2st_nf_main_classifier(
        KEY, main, (theta, x), z, 1, 8, **options
    )


def test_l43_quiet(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    _train_main(fix=["L43"])
    assert not list(tmp_path.iterdir())
    assert not capsys.readouterr().out


def test_l43_side_effects(monkeypatch, tmp_path, capsys):
    pytest.importorskip("seaborn")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    _train_main()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "z_base.png",
        "z_sampled.png",
    ]
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert len(plt.get_fignums()) == 2
    plt.close("all")


def test_l54_points():
    """By default, the main classifier gets all points of the null ones."""
    with pytest.warns(UnequalPointsWarning, match="a mean over 15 points"):
        main, null = base_draws(KEY, 5, 3, 2, ())
    np.testing.assert_array_equal(main, null.reshape((15, 2)))
    main, null = base_draws(KEY, 5, 3, 2, ["L54"])
    assert (main.shape, null.shape) == ((5, 2), (5, 3, 2))
    assert not np.isin(main, null).any()


def test_l54_p_values_are_uniform():
    """The p-values are uniform if all classifiers are equal."""

    class Mean:
        n = 9

        def __call__(self, u):
            return nnx.sigmoid(u.mean(-1))

    def p_value(key):
        return lc2stnf.evaluate_l_c2st_nf(
            key, jnp.zeros(1), Mean(), Mean(), 2, 8, fix=["L54"]
        )[2]

    found = np.asarray(jax.jit(jax.vmap(p_value))(jax.random.split(KEY, 200)))
    assert float(found.min()) <= 0.12
    assert float(found.max()) >= 0.88
    assert float(found.mean()) == pytest.approx(0.5, abs=0.1)


@pytest.mark.slow
def test_apply(caplog):
    caplog.set_level(logging.INFO, "tfmpe.compat.metrics.lc2stnf")

    class Normal:
        def sample(self, shape, seed):
            return jax.random.normal(seed, (*shape, 2))

    with pytest.warns(UnusedSamplesWarning, match="posterior_samples"):
        statistic, null, p_value = lc2stnf.apply_lc2stnf(
            KEY,
            lambda theta, x: theta - x,
            Normal,
            lambda key, theta: theta + jax.random.normal(key, theta.shape),
            jnp.ones((4, 2)),
            10,
            jnp.ones(2),
            1,
            fix=[*QUIET, "L54"],
        )
    assert (statistic.shape, null.shape, p_value.shape) == ((), (100,), ())
    assert caplog.records


@pytest.mark.parametrize("fix", [[], ["L47"]])
def test_l47_plot(fix, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    plt.close("all")
    path = tmp_path / "plot.png"
    null = np.linspace(0.0, 0.1, 30)
    lc2stnf.lc2st_quant_plot(0.4, null, 0.01, True, 0.1, path, fix=fix)
    assert path.stat().st_size > 0
    assert len(plt.get_fignums()) == (0 if fix else 1)
    plt.close("all")


def test_l47_style():
    from tfmpe.compat.defects.l47_plot import plot_style

    assert plot_style(0.1, 0.4, ()).label == "95% CI"
    fixed = plot_style(0.1, 0.4, ["L47"])
    assert fixed.label == "90% CI"
    assert fixed.limits[1] > 0.4
