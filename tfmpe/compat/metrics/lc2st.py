"""Mirror of the legacy module ``sfmpe.metrics.lc2st`` (extra ``flow``)."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from tfmpe.compat.defects.l61_shared_key import own_keys
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.metrics._classifiers import (
    BinaryMLPClassifier as BinaryMLPClassifier,
)
from tfmpe.compat.metrics._classifiers import (
    MultiBinaryMLPClassifier as MultiBinaryMLPClassifier,
)
from tfmpe.compat.metrics._fit import fit_classifier as fit_classifier
from tfmpe.compat.metrics._fit import labelled, share_at_least
from tfmpe.estimators._checks.two_sample import classifier_score


def train_lc2st_classifiers(
    rng_key: Any,
    d_cal: tuple[Any, Any, Any],
    classifier: Any,
    null_classifier: Any,
    num_epochs: int,
    batch_size: int = 100,
    *,
    fix: Iterable[str] | None = None,
) -> None:
    """Train classifiers to distinguish posterior draws from parameters.

    Parameters
    ----------
    rng_key : key array
    d_cal : tuple of array
        Observations ``(n, x_dim)``, the parameters ``(n, d)`` that they were
        simulated from (label 0), and a draw ``(n, d)`` of the posterior
        given each (label 1).
    classifier : BinaryMLPClassifier
        Trained in place on these labels.
    null_classifier : MultiBinaryMLPClassifier
        Trained in place, each on a permutation of the labels.
    num_epochs, batch_size : int
        See ``fit_classifier``; ``batch_size`` must divide ``int(1.6 n)``
        (L44).
    fix : iterable of str, optional
        Defects to turn off: those of ``fit_classifier``; with L61 the
        permutations have their own key.

    Raises
    ------
    AssertionError
        If ``batch_size`` does not divide ``int(1.6 n)``, unless L44 is fixed.

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2st.train_lc2st_classifiers``.
    """
    fixes = read_fixes(fix)
    x, theta, theta_q = d_cal
    u, labels = labelled(
        jnp.concatenate([x, theta], -1), jnp.concatenate([x, theta_q], -1)
    )
    rest, main_key = jax.random.split(rng_key)
    fit_classifier(
        main_key, classifier, u, labels, num_epochs, batch_size, fix=fixes
    )
    _, null_key = jax.random.split(rest)
    n = null_classifier.n
    labels_key, null_key = own_keys(null_key, fixes)
    permute = jax.vmap(jax.random.permutation, (0, None), 1)
    fit_classifier(
        null_key,
        null_classifier,
        jnp.broadcast_to(u[:, None], (len(u), n, u.shape[-1])),
        permute(jax.random.split(labels_key, n), labels),
        num_epochs,
        batch_size,
        fix=fixes,
    )


def evaluate_lc2st(
    observation: Any,
    posterior_samples: Any,
    main_classifier: Any,
    null_classifier: Any,
) -> tuple[Float[Array, " n_null"], Float[Array, ""], Float[Array, ""]]:
    """Test draws of a posterior at one observation.

    Parameters
    ----------
    observation : array, shape (x_dim,)
    posterior_samples : array, shape (n, d)
    main_classifier, null_classifier
        As trained by :func:`train_lc2st_classifiers`.

    Returns
    -------
    null_statistics : Array
        One for each null classifier.
    statistic : Array
        Mean of ``(probability - 1/2)**2`` over the draws.
    p_value : Array
        Fraction of null statistics that are at least as large, but not below
        ``1 / (n_null + 1)``. The order of the results of ``apply_lc2stnf``
        differs (L46).

    Raises
    ------
    ValueError
        If the observation has a row axis.

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2st.evaluate_lc2st``. On the new core:
    ``tfmpe.estimators.classifier_test``.
    """
    if jnp.ndim(observation) != 1:
        raise ValueError(
            f"The observation has shape {jnp.shape(observation)}, expected "
            "(x_dim,): pass observation[0] for a single row."
        )
    n = len(posterior_samples)
    rows = jnp.broadcast_to(observation, (n, *jnp.shape(observation)))
    u = jnp.concatenate([rows, posterior_samples], -1)
    columns = (n, null_classifier.n, u.shape[-1])
    statistic = classifier_score(main_classifier(u))
    null = classifier_score(
        null_classifier(jnp.broadcast_to(u[:, None], columns))
    )
    return null, statistic, share_at_least(null, statistic)
