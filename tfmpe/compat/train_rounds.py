"""Mirror of the legacy module ``sfmpe.train_rounds`` (extra ``flow``)."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe.compat._flow.epochs import DEFAULT_OPTIMIZER
from tfmpe.compat._needs_flow import optax
from tfmpe.compat._progress import log_training
from tfmpe.compat.defects.l36_repeated_rounds import check_rounds, round_noise
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.fmpe import FMPE as FMPE
from tfmpe.compat.utils import split_data as split_data

logger = logging.getLogger(__name__)


def train_fmpe_rounds(
    key: Any,
    estim: Any,
    prior_fn: Callable[[Any, int], Any],
    simulator_fn: Callable[[Any, Any], Any],
    y_observed: Any,
    theta_shape: tuple[int, ...],
    n_rounds: int,
    n_simulations: int,
    n_epochs: int,
    optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
    batch_size: int = 100,
    *,
    fix: Iterable[str] | None = None,
) -> Any:
    """Train an estimator on simulations from prior, then posterior draws.

    Parameters
    ----------
    key : key array
    estim : FMPE
        The estimator to train.
    prior_fn : callable
        ``prior_fn(key, n_simulations)`` returns parameters, ``(n, d)``.
    simulator_fn : callable
        ``simulator_fn(key, parameters)`` returns observations, ``(n, c)``.
    y_observed : array, shape (c,)
        The observation whose posterior is sampled in later rounds.
    theta_shape : tuple of int
        ``(d,)``.
    n_rounds, n_simulations, n_epochs : int
        Number of rounds, and of simulations and epochs in each.
    optimizer : optax.GradientTransformation
    batch_size : int
        In each round, must divide ``int(0.8 n)``, where ``n`` is the number of
        simulations so far (L36).
    fix : iterable of str, optional
        Defects to turn off: L36 applies here. ``estim`` has its own
        ``fix``; with L24 it takes any number of rows.

    Returns
    -------
    FMPE
        ``estim`` itself.

    Raises
    ------
    TypeError
        If ``batch_size`` does not divide the number of rows, unless L24 of
        ``estim`` is fixed.

    Notes
    -----
    Trains on the simulations of all rounds so far. Logs each round at level
    INFO. Legacy: ``sfmpe.train_rounds.train_fmpe_rounds``.
    """
    fixes = read_fixes(fix)
    check_rounds(n_rounds, fixes)
    rounds: list[dict[str, Any]] = []
    for number in range(n_rounds):
        begin = time.perf_counter()
        if number == 0:
            prior_key, key = jax.random.split(key)
            theta = prior_fn(prior_key, n_simulations)
        else:
            theta_0, key = round_noise(
                key, (n_simulations, *theta_shape), fixes
            )
            theta = estim.sample_posterior(
                y_observed[None],
                theta_shape,
                n_samples=n_simulations,
                theta_0=theta_0,
            )
        simulator_key, key = jax.random.split(key)
        rounds.append({"theta": theta, "y": simulator_fn(simulator_key, theta)})
        data = jax.tree.map(lambda *parts: jnp.concatenate(parts), *rounds)
        n_rows = len(data["theta"])
        split_key, key = jax.random.split(key)
        train, val = split_data({"data": data}, n_rows, 0.8, split_key)
        losses = estim.fit(
            train,
            val,
            optimizer=optimizer,
            n_iter=n_epochs,
            batch_size=batch_size,
        )
        what = f"round {number + 1} of {n_rounds}, {n_rows} simulations"
        log_training(logger, what, begin, losses)
    return estim
