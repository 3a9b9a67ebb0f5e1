"""Mirror of the legacy module ``sfmpe.metrics.lc2stnf`` (extra ``flow``)."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from tfmpe._base.extras import import_extra
from tfmpe.compat.defects.l43_side_effects import show_points, show_scores
from tfmpe.compat.defects.l45_unused_samples import warn_of_samples
from tfmpe.compat.defects.l47_plot import plot_style
from tfmpe.compat.defects.l54_unequal_points import base_draws
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.metrics._classifiers import (
    BinaryMLPClassifier as BinaryMLPClassifier,
)
from tfmpe.compat.metrics._classifiers import Classifier as Classifier
from tfmpe.compat.metrics._classifiers import FFLayer as FFLayer
from tfmpe.compat.metrics._classifiers import (
    MultiBinaryMLPClassifier as MultiBinaryMLPClassifier,
)
from tfmpe.compat.metrics._fit import _ce_loss as _ce_loss
from tfmpe.compat.metrics._fit import beside, labelled, share_at_least
from tfmpe.compat.metrics._fit import fit_classifier as fit_classifier
from tfmpe.compat.train import fit_model_no_branch as fit_model_no_branch
from tfmpe.compat.utils import split_data as split_data
from tfmpe.estimators._checks.two_sample import classifier_score

logger = logging.getLogger(__name__)

N_NULL = 100
LATENT_DIM = 16
N_LAYERS = 2


def create_calibration_dataset(
    key: Any,
    prior_fn: Callable[[], Any],
    simulator_fn: Callable[[Any, Any], Any],
    n: int,
) -> tuple[Any, Any]:
    """Draw parameters and simulate an observation for each.

    Parameters
    ----------
    key : key array
        Split into one key for the prior and one for the simulator.
    prior_fn : callable
        Returns a distribution, with ``sample((n,), seed=key)``.
    simulator_fn : callable
        ``simulator_fn(key, parameters)``.
    n : int
        Number of simulations.

    Returns
    -------
    parameters, observations : arrays or trees of arrays, ``n`` rows each

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2stnf.create_calibration_dataset``.
    """
    prior_key, simulator_key = jax.random.split(key)
    prior = prior_fn().sample((n,), seed=prior_key)
    return prior, simulator_fn(simulator_key, prior)


def train_l_c2st_nf_main_classifier(
    rng_key: Any,
    classifier: Any,
    calibration_data: tuple[Any, Any],
    z_samples: Any,
    num_epochs: int = 100,
    batch_size: int = 100,
    *,
    fix: Iterable[str] | None = None,
) -> None:
    """Train a classifier to distinguish latent points of a flow from noise.

    Parameters
    ----------
    rng_key : key array
    classifier : BinaryMLPClassifier
        Trained in place.
    calibration_data : tuple of array
        Parameters ``(n, d)`` and their observations ``(n, x_dim)``.
    z_samples : array, shape (n, latent_dim)
        Latent points of the parameters under the flow (label 1; base draws
        have label 0).
    num_epochs, batch_size : int
        See :func:`fit_classifier`.
    fix : iterable of str, optional
        Defects to turn off: L43, and those of :func:`fit_classifier`.

    Raises
    ------
    AssertionError
        If ``batch_size`` does not divide ``int(1.6 n)``, unless L44 is fixed.
    ImportError
        If seaborn is not installed, unless L43 is fixed.

    Notes
    -----
    Prints six lines and writes ``z_base.png`` and ``z_sampled.png`` into the
    working directory (L43). Legacy:
    ``sfmpe.metrics.lc2stnf.train_l_c2st_nf_main_classifier``.
    """
    fixes = read_fixes(fix)
    _, x = calibration_data
    key, base_key = jax.random.split(rng_key)
    base = jax.random.normal(base_key, (len(x), z_samples.shape[-1]))
    show_points(base, z_samples, x, fixes)
    base_rows = jnp.concatenate([base, x], -1)
    sample_rows = jnp.concatenate([z_samples, x], -1)
    fit_classifier(
        key,
        classifier,
        *labelled(base_rows, sample_rows),
        num_epochs,
        batch_size,
        fix=fixes,
    )
    show_scores(classifier(base_rows), classifier(sample_rows), fixes)


def precompute_null_distribution_nf_classifiers(
    rng_key: Any,
    calibration_data: tuple[Any, Any],
    classifiers: Any,
    num_epochs: int = 100,
    batch_size: int = 100,
    *,
    fix: Iterable[str] | None = None,
) -> tuple[Any, Any]:
    """Train null classifiers, on two sets with the same distribution.

    Parameters
    ----------
    rng_key : key array
    calibration_data : tuple of array
        Parameters ``(n, d)`` and their observations ``(n, x_dim)``.
    classifiers : MultiBinaryMLPClassifier
        Trained in place.
    num_epochs, batch_size, fix
        See :func:`fit_classifier`.

    Returns
    -------
    train_losses, val_losses : Array, shape (num_epochs,)

    Raises
    ------
    AssertionError
        If ``batch_size`` does not divide ``int(1.6 n)``, unless L44 is fixed.

    Notes
    -----
    Legacy:
    ``sfmpe.metrics.lc2stnf.precompute_null_distribution_nf_classifiers``.
    """
    theta, x = calibration_data
    key, base_key = jax.random.split(rng_key)
    n = classifiers.n
    draws = jax.random.normal(base_key, (2 * len(x), n, theta.shape[-1]))
    u = beside(draws, jnp.concatenate([x, x])[:, None])
    _, labels = labelled(x, x)
    return fit_classifier(
        key,
        classifiers,
        u,
        jnp.broadcast_to(labels[:, None], (len(labels), n)),
        num_epochs,
        batch_size,
        fix=fix,
    )


def evaluate_l_c2st_nf(
    rng_key: Any,
    xo: Any,
    main_classifier: Any,
    null_classifier: Any,
    latent_dim: int,
    Nv: int,  # noqa: N803
    *,
    fix: Iterable[str] | None = None,
) -> tuple[Float[Array, " n_null"], Float[Array, ""], Float[Array, ""]]:
    """Test a flow at one observation.

    Parameters
    ----------
    rng_key : key array
        For points of the base distribution.
    xo : array, shape (x_dim,)
        The observation.
    main_classifier, null_classifier
        As trained by :func:`train_l_c2st_nf_main_classifier` and
        :func:`precompute_null_distribution_nf_classifiers`.
    latent_dim : int
    Nv : int
        Points per null classifier; the main classifier is evaluated at all
        of them (L54).
    fix : iterable of str, optional
        Defects to turn off: L54 applies here.

    Returns
    -------
    null_statistics : Array
        One for each null classifier.
    statistic : Array
        Mean of ``(probability - 1/2)**2`` over the points.
    p_value : Array
        Fraction of null statistics that are at least as large, but not below
        ``1 / (n_null + 1)``. The order of the results of
        :func:`apply_lc2stnf` differs (L46).

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2stnf.evaluate_l_c2st_nf``.
    """
    _, key = jax.random.split(rng_key)
    fixes = read_fixes(fix)
    main, null = base_draws(key, Nv, null_classifier.n, latent_dim, fixes)
    xo = jnp.asarray(xo)
    statistic = classifier_score(main_classifier(beside(main, xo)))
    null_statistics = classifier_score(null_classifier(beside(null, xo)))
    p_value = share_at_least(null_statistics, statistic)
    return null_statistics, statistic, p_value


def apply_lc2stnf(
    key: Any,
    inverse: Callable[[Any, Any], Any],
    prior_fn: Callable[[], Any],
    simulator_fn: Callable[[Any, Any], Any],
    posterior_samples: Any,
    n_cal: int,
    observation: Any,
    n_epochs: int,
    *,
    fix: Iterable[str] | None = None,
) -> tuple[Float[Array, ""], Float[Array, " n_null"], Float[Array, ""]]:
    """Simulate, train classifiers, and test a flow at one observation.

    Parameters
    ----------
    key : key array
    inverse : callable
        ``inverse(theta, x)`` returns the latent points of a flow, row by row.
    prior_fn, simulator_fn : callable
        See :func:`create_calibration_dataset`.
    posterior_samples : array, shape (n, d)
        Logged, but not tested (L45).
    n_cal : int
        Number of simulations, and of points per null classifier; 100 must
        divide ``int(1.6 n_cal)`` (L44).
    observation : array, shape (x_dim,)
    n_epochs : int
    fix : iterable of str, optional
        Defects to turn off in the functions that this one calls.

    Returns
    -------
    statistic : Array
    null_statistics : Array
        Of 100 null classifiers.
    p_value : Array
        See :func:`evaluate_l_c2st_nf`, whose results have a different order
        (L46).

    Raises
    ------
    AssertionError
        If 100 does not divide ``int(1.6 n_cal)``, unless L44 is fixed.
    ImportError
        If seaborn is not installed, unless L43 is fixed.

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2stnf.apply_lc2stnf``.
    """
    warn_of_samples()
    calibration_key, key = jax.random.split(key)
    calibration = create_calibration_dataset(
        calibration_key, prior_fn, simulator_fn, n_cal
    )
    theta, x = calibration
    z = inverse(theta, x)
    main_key, null_key, key = jax.random.split(key, 3)
    sizes = (z.shape[-1] + x.shape[-1], LATENT_DIM, N_LAYERS, nnx.relu)
    logger.info("training the main classifier on %d simulations", n_cal)
    main = BinaryMLPClassifier(*sizes, rngs=nnx.Rngs(main_key))
    train_l_c2st_nf_main_classifier(
        main_key, main, calibration, z, num_epochs=n_epochs, fix=fix
    )
    logger.info("training %d null classifiers", N_NULL)
    null = MultiBinaryMLPClassifier(*sizes, N_NULL, rngs=nnx.Rngs(null_key))
    precompute_null_distribution_nf_classifiers(
        null_key, calibration, null, num_epochs=n_epochs, fix=fix
    )
    n_samples = len(posterior_samples)
    rows = jnp.broadcast_to(observation, (n_samples, *jnp.shape(observation)))
    latent = inverse(posterior_samples, rows)
    # Always computed, because the inverse may draw random numbers.
    if logger.isEnabledFor(logging.INFO):
        logger.info(
            "latent posterior samples: mean %s, standard deviation %s",
            latent.mean(0),
            latent.std(0),
        )
    evaluation_key, _ = jax.random.split(key)
    null_statistics, statistic, p_value = evaluate_l_c2st_nf(
        evaluation_key,
        observation,
        main,
        null,
        z.shape[-1],
        n_cal,
        fix=fix,
    )
    logger.info("statistic %s, p-value %s", statistic, p_value)
    return statistic, null_statistics, p_value


def lc2st_quant_plot(
    T_data: Any,
    T_null: Any,
    p_value: Any,
    reject: Any,
    conf_alpha: float,
    out_path: Any,
    *,
    fix: Iterable[str] | None = None,
) -> None:
    """Save a plot of a statistic and its null distribution.

    Parameters
    ----------
    T_data : float or Array, shape ()
        The statistic.
    T_null : array, shape (n_null,)
        The null statistics.
    p_value : float or Array, shape ()
    reject : bool
        Whether the test rejects; shown in the title.
    conf_alpha : float
        Level of the test; lines are drawn at the quantiles 0 and
        ``1 - conf_alpha``.
    out_path : str or path
        The file; its suffix determines the format.
    fix : iterable of str, optional
        Defects to turn off: L47 applies here.

    Raises
    ------
    ImportError
        If matplotlib is not installed (extra ``plot``).

    Notes
    -----
    The figure stays open, and the axis ends at 0.25 (L47). Legacy:
    ``sfmpe.metrics.lc2stnf.lc2st_quant_plot``.
    """
    plt = import_extra(
        "matplotlib.pyplot", "plot", "lc2st_quant_plot needs matplotlib"
    )
    T_null = jnp.asarray(T_null)
    largest = jnp.maximum(T_null.max(), T_data)
    style = plot_style(conf_alpha, largest, read_fixes(fix))
    low, high = jnp.quantile(T_null, jnp.array([0.0, 1 - conf_alpha]))
    figure, axes = plt.subplots(figsize=(20, 10))
    axes.hist(T_null, bins=50, density=True, alpha=0.5, label="Null")
    axes.axvline(T_data, color="red", label="Observed")
    axes.axvline(low, color="black", linestyle="--", label=style.label)
    axes.axvline(high, color="black", linestyle="--")
    axes.set_xlabel("Test statistic")
    axes.set_ylabel("Density")
    axes.set_xlim(*style.limits)
    axes.set_title(f"p-value = {p_value:.3f}, reject = {reject}")
    axes.legend(loc="right")
    figure.savefig(out_path)
    if style.closes:
        plt.close(figure)
