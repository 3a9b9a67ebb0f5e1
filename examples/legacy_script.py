"""Parts that the legacy examples share: a prior class, tests and output."""

import logging

import jax
import numpy as np
from comparison import (
    Posterior,
    arguments,
    figure,
    plot_intervals,
    print_table,
    save,
)
from flax import nnx

from tfmpe.compat.metrics.lc2st import (
    BinaryMLPClassifier,
    MultiBinaryMLPClassifier,
    evaluate_lc2st,
    train_lc2st_classifiers,
)
from tfmpe.compat.metrics.lc2stnf import lc2st_quant_plot

TITLES = {"sfmpe": "bottom-up (SFMPE)", "fmpe": "plain arrays (FMPE)"}
ALPHA = 0.05


def read_options(description, **defaults):
    """Read the options, and turn on the log messages of the package."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tfmpe.compat").setLevel(logging.INFO)
    # Only whole batches are used (L24): 40 divides 0.8 * 150 and
    # 0.8 * (150 // 3), and 100 divides the same shares of the usual numbers.
    quick = {
        "n_simulations": 150,
        "batch_size": 40,
        "n_rounds": 1,
        "n_epochs": 2,
        "n_theta": 3,
        "n_obs": 2,
        "n_samples": 20,
        "n_cal": 125,
        "n_cal_epochs": 2,
        "n_null": 2,
    }
    usual = {
        "n_simulations": 2_500,
        "batch_size": 100,
        "n_rounds": 2,
        "n_epochs": 30,
        "n_theta": 5,
        "n_obs": 3,
        "n_samples": 500,
        "n_cal": 1_000,
        "n_cal_epochs": 100,
        "n_null": 100,
    }
    options = arguments(description, quick, **(usual | defaults))
    if options.quick:
        # Everything is computed once, so fast compilation matters more.
        jax.config.update("jax_disable_most_optimizations", True)
    return options


class Distribution:
    """The part of a TFP distribution that a legacy script uses."""

    def __init__(self, draw):
        self._draw = draw

    def sample(self, sample_shape=(), seed=None):
        """Return draws, ``(*sample_shape, ...)`` for every name."""
        return self._draw(seed, tuple(np.atleast_1d(sample_shape)))


def lc2st(key, d_cal, observation, draws, options, picture):
    """Run the local classifier two-sample test, and plot it.

    Parameters
    ----------
    key : key array
    d_cal : tuple of array
        Observations ``(n, c)``, the parameters ``(n, d)`` behind them, and a
        posterior draw for each, ``(n, d)``.
    observation : array, shape (c,)
    draws : array, shape (n_samples, d)
        Posterior draws given the observation.
    options : Namespace
    picture : Path

    Returns
    -------
    float
        The p-value.
    """
    rngs = nnx.Rngs(options.seed)
    sizes = {
        "dim": d_cal[0].shape[-1] + d_cal[1].shape[-1],
        "latent_dim": 16,
        "n_layers": 1,
        "activation": nnx.relu,
    }
    main = BinaryMLPClassifier(**sizes, rngs=rngs)
    null = MultiBinaryMLPClassifier(**sizes, n=options.n_null, rngs=rngs)
    train_lc2st_classifiers(key, d_cal, main, null, options.n_cal_epochs)
    null_statistics, statistic, p_value = evaluate_lc2st(
        observation, draws, main, null
    )
    lc2st_quant_plot(
        statistic, null_statistics, p_value, p_value < ALPHA, ALPHA, picture
    )
    return float(p_value)


def finish(name, names, draws, numbers, truth, out, exact=None):
    """Print and plot the posteriors of one observation.

    Parameters
    ----------
    name : str
        Name of the model.
    names : list of str
        Names of the columns.
    draws : dict of array, each of shape (n_samples, d)
        Posterior draws for each key of :data:`TITLES`.
    numbers : dict of dict
        Further numbers to print for each of these keys, by description.
    truth : array, shape (d,)
    out : Path
    exact : Posterior, optional
    """
    drawing, panels = figure(len(draws), f"{name}, legacy form")
    panels[1].sharex(panels[0])
    for panel, (kind, values) in zip(panels, draws.items(), strict=True):
        values = np.asarray(values)
        found = Posterior(values.mean(0), values.std(0))
        print(f"\n{TITLES[kind]}")
        print_table(names, found, exact, truth)
        for what, number in numbers[kind].items():
            print(f"{what:<28}{number:9.3f}")
        plot_intervals(panel, names, found, exact, truth)
        panel.set_xlabel(f"value, {TITLES[kind]}")
    print()
    for kind in draws:
        print(f"picture: {out / name}_lc2st_{kind}.jpg")
    save(drawing, out / f"{name}_legacy.png")
