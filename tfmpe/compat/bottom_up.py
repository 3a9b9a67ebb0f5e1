"""Mirror of the legacy module ``sfmpe.bottom_up`` (extra ``flow``)."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import jax
from jaxtyping import PyTree

from tfmpe.compat._bottom_up.callbacks import call, draw, draw_index
from tfmpe.compat._bottom_up.rounds import Simulations
from tfmpe.compat._bottom_up.stages import Stages
from tfmpe.compat._flow.epochs import DEFAULT_OPTIMIZER
from tfmpe.compat._progress import log_training
from tfmpe.compat.defects.l24_whole_batches import masks_of
from tfmpe.compat.defects.l26_rounds import check_rounds
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.sfmpe import SFMPE as SFMPE
from tfmpe.compat.util.dataloader import combine_data as combine_data
from tfmpe.compat.util.dataloader import (
    flatten_structured as flatten_structured,
)
from tfmpe.compat.util.dataloader import (
    pad_multidim_event as pad_multidim_event,
)
from tfmpe.compat.utils import split_data as split_data

F_IN: TypeAlias = PyTree | Callable[..., Any] | None
"""Functional inputs: a tree of arrays, or a function that returns one."""

F_IN_ARGS: TypeAlias = Iterable[Any] | None
"""Arguments of a function that returns functional inputs."""

logger = logging.getLogger(__name__)


def train_bottom_up(
    key: Any,
    estim: Any,
    prior_fn: Callable[..., Any],
    local_fn: Callable[..., Any],
    simulator_fn: Callable[..., Any],
    global_names: Sequence[str],
    local_names: Sequence[str],
    n_local: int,
    n_rounds: int,
    n_simulations: int,
    n_epochs: int,
    y_observed: Mapping[str, Any],
    independence: Mapping[str, Any],
    optimiser: Any = DEFAULT_OPTIMIZER,
    batch_size: int = 100,
    f_in: Any = None,
    f_in_args: Any = None,
    f_in_args_global: Any = None,
    f_in_target: Any = None,
    *,
    fix: Iterable[str] | None = None,
) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Train an estimator on one local unit, then on its own simulations.

    Parameters
    ----------
    key : key array
    estim : SFMPE
        The estimator to train.
    prior_fn : callable
        ``prior_fn(1)`` is the distribution of all parameters with one local
        unit, each of shape ``(1, width)``.
    local_fn : callable
        ``local_fn(globals, n_local)`` is the distribution of the locals,
        ``(n_simulations, n_local, width)``, given the globals.
    simulator_fn : callable
        ``simulator_fn(key, parameters)`` returns ``{name: (n_simulations,
        1, ...)}``; a third parameter receives the functional inputs.
    global_names, local_names : sequence of str
        Names of the global and the local parameters.
    n_local : int
        Number of local units in the observation.
    n_rounds, n_simulations, n_epochs : int
        Number of rounds, and of simulations and epochs in each.
    y_observed : dict of array
        The observation, ``(1, n_local, ...)``.
    independence : dict
        Rules, as for ``flatten_structured``; must not be empty (L24).
    optimiser : optax.GradientTransformation
    batch_size : int
        Must divide the number of training rows of each stage (L24).
    f_in : callable or dict, optional
        Functional inputs: a tree with one row, or one row per simulation, or
        a function that returns such a tree or a distribution.
    f_in_args, f_in_args_global : tuple, optional
        Arguments of ``f_in`` for one local unit, and for ``n_local``.
    f_in_target : dict or callable, optional
        Functional inputs of the observation.
    fix : iterable of str, optional
        Defects to turn off: L19, L24 and L26 apply here. ``estim`` has its
        own ``fix``.

    Returns
    -------
    labels : dict
        Labels of the sides ``'theta'`` and ``'y'`` in the last round.
    theta_slices : dict
        Slices of the parameters.
    masks : dict or None
        Masks to pass to the estimator with these labels and slices.

    Raises
    ------
    ValueError
        If there is no round, or ``fix`` has a code that cannot be turned off.
    KeyError
        ``'masks'``, if there are no rules, unless L24 is fixed.
    TypeError
        If ``batch_size`` does not divide the number of rows, unless L24 is
        fixed.

    Notes
    -----
    Each round has two stages. First, parameters with one local unit are drawn
    from the prior (later from the current posterior) and simulated, and the
    estimator is trained with the sides swapped, as a simulator. Second, the
    estimator simulates ``n_local`` units at once, and is trained to infer the
    parameters. Later rounds have the defect L26. Keys are used as in the
    recorded runs. Distributions are from TensorFlow Probability or NumPyro.

    Logs both trainings of each round at level INFO. Legacy:
    ``sfmpe.bottom_up.train_bottom_up``.
    """
    fixes = read_fixes(fix)
    if n_rounds < 1:
        raise ValueError(f"n_rounds is {n_rounds}, expected at least 1.")
    check_rounds(n_rounds, fixes)
    stages = Stages(
        estim,
        independence,
        global_names,
        local_names,
        n_local,
        n_simulations,
        fixes,
    )

    def train(data: Any, key: Any, what: str) -> None:
        begin = time.perf_counter()
        losses = stages.train(
            data,
            key,
            optimizer=optimiser,
            n_iter=n_epochs,
            batch_size=batch_size,
        )
        n_rows = len(data["data"]["y"])
        log_training(logger, f"{what}, {n_rows} rows", begin, losses)

    target_index = draw_index(f_in_target, None, None, 1)
    simulations = Simulations(n_simulations, fixes)

    def inputs(args: Any, key: Any) -> tuple[Any, Any]:
        if f_in is None:
            return None, key
        f_in_key, key = jax.random.split(key)
        return draw_index(f_in, args, f_in_key, n_simulations), key

    theta: dict[str, Any] = {}
    labels, slices, masks = {}, {}, None
    for number in range(n_rounds):
        in_round = f"round {number + 1} of {n_rounds}"
        theta_key, simulator_key, key = jax.random.split(key, 3)
        if number == 0:
            prior = draw(call(prior_fn, 1), theta_key, (n_simulations,))
            # Sorted, as the legacy package has them in its first round (L4).
            one_theta = {name: prior[name] for name in sorted(prior)}
        else:
            one_theta = stages.infer(theta, y_observed, target_index, theta_key)
        one_index, key = inputs(f_in_args, key)
        given = (one_theta,) if one_index is None else (one_theta, one_index)
        one_y = call(simulator_fn, *given, key=simulator_key)
        swapped, _ = stages.flatten(one_y, one_theta, one_index)
        train_key, key = jax.random.split(key)
        train(
            simulations.first_stage(swapped),
            train_key,
            f"{in_round}: simulating one local unit",
        )

        local_key, key = jax.random.split(key)
        parents = {name: one_theta[name] for name in global_names}
        units = draw(call(local_fn, parents, n_local), local_key)
        theta = one_theta | {name: units[name] for name in local_names}
        index, key = inputs(f_in_args_global, key)
        noise_key = jax.random.fold_in(local_key, 1)
        y = stages.simulate(theta, one_y, index, noise_key)
        flat, slices = stages.flatten(theta, y, index)
        labels, masks = flat["labels"], masks_of(flat, fixes)
        upright = partial(stages.flatten, one_theta, one_y, one_index)
        train_key, key = jax.random.split(key)
        train(
            simulations.second_stage(flat, upright),
            train_key,
            f"{in_round}: inferring from {n_local} local units",
        )
    return labels, slices["theta"], masks
