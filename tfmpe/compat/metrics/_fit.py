"""Training of classifiers, and p-values from their statistics."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from tfmpe.compat._flow.epochs import DEFAULT_OPTIMIZER
from tfmpe.compat.defects.l44_classifier_rows import check_rows
from tfmpe.compat.defects.l61_shared_key import own_keys
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.train import fit_model_no_branch
from tfmpe.compat.utils import split_data

SPLIT = 0.8
"""Fraction of the rows in the training set."""


def _ce_loss(model: Any, _: Any, batch: Mapping[str, Any]) -> Float[Array, ""]:
    """Return the mean cross entropy of a classifier, in nats."""
    labels = batch["data"]["y"]
    probabilities = jnp.clip(model(batch["data"]["u"]), 1e-7, 1 - 1e-7)
    likelihood = labels * jnp.log(probabilities)
    likelihood += (1 - labels) * jnp.log(1 - probabilities)
    return -likelihood.mean()


def fit_classifier(
    seed: Any,
    classifier: Any,
    u: Any,
    labels: Any,
    num_epochs: int = 100,
    batch_size: int = 100,
    optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
    *,
    fix: Iterable[str] | None = None,
) -> tuple[Any, Any]:
    """Train a classifier to distinguish two sets of points.

    Parameters
    ----------
    seed : key array
        For the split into training and validation, and for the epochs (L61).
    classifier : BinaryMLPClassifier or MultiBinaryMLPClassifier
        Trained in place.
    u : array, shape (rows, dim) or (rows, n, dim)
        The points; axis 1 counts the ``n`` classifiers.
    labels : array, shape (rows,) or (rows, n)
        0 or 1.
    num_epochs, batch_size : int
        Number of epochs; rows per step, which must divide ``int(0.8 rows)``
        (L44).
    optimizer : optax.GradientTransformation
    fix : iterable of str, optional
        Defects to turn off: L26, L32, L33, L44 and L61 apply here.

    Returns
    -------
    train_losses, val_losses : Array, shape (num_epochs,)
        Cross entropy in nats, averaged over the classifiers; training losses
        are sums over batches, as in ``train.fit_model_no_branch``.

    Raises
    ------
    AssertionError
        If ``batch_size`` does not divide ``int(0.8 rows)``, unless L44 is
        fixed.

    Notes
    -----
    Training again with points of equal shape compiles nothing. Legacy:
    ``sfmpe.metrics.lc2stnf.fit_classifier``.
    """
    fixes = read_fixes(fix)
    n_rows = u.shape[0]
    check_rows(int(n_rows * SPLIT), batch_size, fixes)
    split_key, epochs_key = own_keys(seed, fixes)
    data = {"data": {"u": u, "y": labels}}
    train, val = split_data(data, n_rows, SPLIT, split_key)
    return fit_model_no_branch(
        classifier,
        epochs_key,
        _ce_loss,
        train,
        val,
        optimizer,
        num_epochs,
        batch_size,
        fix=fixes | {"L24"} if "L44" in fixes else fixes,
    )


def labelled(first: Any, second: Any) -> tuple[Array, Array]:
    """Return two sets of points, joined by rows, and labels 0 and 1."""
    labels = jnp.repeat(jnp.array([0.0, 1.0]), len(first))
    return jnp.concatenate([first, second]), labels


def beside(points: Any, row: Any) -> Array:
    """Return the points with ``row`` appended to each."""
    shape = (*points.shape[:-1], *row.shape[-1:])
    return jnp.concatenate([points, jnp.broadcast_to(row, shape)], -1)


def share_at_least(null: Any, statistic: Any) -> Array:
    """Return the fraction of ``null`` at or above a statistic, but not 0."""
    return jnp.maximum((null >= statistic).mean(), 1 / (null.shape[0] + 1))
