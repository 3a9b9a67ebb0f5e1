"""Preparation of a training run from its data and options."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, SupportsIndex

import jax

from tfmpe._base.keys import key_words
from tfmpe._base.static import positive
from tfmpe.estimators._conditionals import Conditional, read_conditional
from tfmpe.estimators._flow.vector_field import Network, SplitField, split_field
from tfmpe.estimators._storage.checkpoint import Progress, check_writable
from tfmpe.estimators._storage.summary import summarise
from tfmpe.estimators._training.batches import cut, shuffled, streamed
from tfmpe.estimators._training.data import one_axis, read_batches, set_aside
from tfmpe.estimators._training.loop import Loop, begin
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.estimators._training.optimizer import (
    default_optimizer,
    given_optimizer,
)
from tfmpe.estimators._training.options import FitOptions, check_for_tokens
from tfmpe.estimators._training.steps import Loss, Plan
from tfmpe.estimators._training_memory import Memory
from tfmpe.estimators._types import AnyTokens, PRNGKey, Simulations
from tfmpe.models import Model
from tfmpe.preprocessing import Standardizer, Tokens, TokenView
from tfmpe.preprocessing.tokens.finite import check_known

_SIMULATIONS = 2**32 - 1  # For fold_in: the key of simulations.

Question = tuple[Iterable[str], Iterable[str] | None]
"""Target and conditioning keys of a conditional, not yet checked."""


def missing_target_keys(data: Simulations | Model) -> TypeError:
    """Return the error for ``fit`` without keys to infer."""
    layout = getattr(data, "layout", None)
    names = f", some of {list(layout.names)}" if layout else ""
    return TypeError(f"fit needs target_keys, the keys to infer{names}.")


def read_questions(
    data: Simulations | Model,
    target_keys: Iterable[str] | None,
    conditioning_keys: Iterable[str] | None,
    several: Iterable[Question] | None,
) -> tuple[Question, ...]:
    """Return the conditionals of a call, whichever arguments define them."""
    if several is None:
        if target_keys is None:
            raise missing_target_keys(data)
        return ((target_keys, conditioning_keys),)
    if target_keys is not None or conditioning_keys is not None:
        raise TypeError(
            "fit takes target_keys and conditioning_keys, or conditionals, "
            "not both."
        )
    conditionals = tuple(several)
    if not conditionals:
        raise ValueError("conditionals is empty. Pass at least one.")
    return conditionals


class Start(NamedTuple):
    """Field to train, its standardizer if any, and the memory to keep.

    The estimator keeps the memory if the training is successful.
    """

    field: Network
    standardizer: Standardizer | None
    memory: Memory


def split_trainable(field: Network) -> SplitField:
    """Split a vector field; raise if it has no parameters."""
    split = split_field(field)
    if not jax.tree.leaves(split.parameters):
        raise ValueError(
            f"The vector field {type(field).__name__} has no parameters to "
            "train. Pass an NNX module, or a pytree with arrays of floats."
        )
    return split


def simulated(
    data: Simulations | Model,
    n: SupportsIndex | None,
    key: PRNGKey,
    progress: bool,
) -> tuple[Model | None, Simulations]:
    """Return a model and ``n`` simulations of it, or None and other data."""
    if not isinstance(data, Model):
        if callable(data):
            name = getattr(data, "__name__", data)
            raise TypeError(
                f"fit got the function {name}, expected a Model or "
                f"simulations. Pass tfmpe.from_numpyro({name}, ...) if it is a "
                "NumPyro model, or tfmpe.Model(prior, simulator) if it is a "
                "prior or a simulator."
            )
        if n is not None:
            raise TypeError(
                f"n_simulations={n} is for a Model, but data are "
                f"{type(data).__name__}, simulations that exist. Omit it."
            )
        return None, data
    if n is None:
        raise TypeError(
            "fit needs n_simulations=, the number of simulations to make from "
            "the model. Pass it by name, such as n_simulations=10_000."
        )
    return data, data.simulate(
        jax.random.fold_in(key, _SIMULATIONS),
        positive(n, "n_simulations"),
        progress=progress,
    )


def prepare(
    start_from: Callable[[Tokens, tuple[Conditional, ...]], Start],
    data: Simulations,
    questions: tuple[Question, ...],
    key: PRNGKey,
    options: FitOptions,
    sigma_min: float,
    loss: Callable[..., Loss] = flow_matching_loss,
    change: Callable[[Tokens], Tokens] = lambda tokens: tokens,
) -> tuple[Loop, Progress, Start]:
    """Return a training loop, its progress so far, and its :class:`Start`.

    ``start_from`` is called with the first Tokens, ``change`` with all, before
    they are standardized.
    """
    split_key, train_key = jax.random.split(key)
    if options.checkpoint is not None:
        check_writable(options.checkpoint)
    batches, first, validation = _read_data(data, options, split_key)
    conditionals = tuple(
        read_conditional(first.layout, *each) for each in questions
    )
    names = dict.fromkeys(
        name for each in conditionals for side in each for name in side
    )
    options = options._replace(
        batch_size=min(options.batch_size, first.sample_shape[0])
    )
    n_steps = options.steps_per_epoch
    if n_steps is None:
        n_steps = -(-first.sample_shape[0] // options.batch_size)
        n_steps *= 1 if batches is None else len(batches)
    settings = _settings(options, n_steps)
    settings |= {
        "conditionals": [
            [list(side) for side in each] for each in conditionals
        ],
        "key": key_words(key),
        "rows": first.sample_shape[0] if batches is None else None,
        "validation_rows": None
        if validation is None
        else validation.sample_shape[0],
        "tokens": repr(first.layout),
        "sigma_min": sigma_min,
    }
    if options.checkpoint is not None:
        # Batches are not compared, because their order may change.
        compared = {"validation data": validation}
        compared["simulations"] = first if batches is None else None
        settings["data"] = {
            what: summarise(tokens.select_tokens(names))
            for what, tokens in compared.items()
            if tokens is not None
        }
    start = start_from(first, conditionals)
    split = split_trainable(start.field)
    plans = tuple(
        Plan(split.static, keys, sigma_min, options.n_noise, loss)
        for keys in conditionals
    )
    optimizer = (
        default_optimizer(options.learning_rate, options.n_epochs * n_steps)
        if options.optimizer is None
        else given_optimizer(options.optimizer)
    )
    reached, standardizer = begin(
        optimizer, split, start.standardizer, options.checkpoint, settings
    )

    def ready(tokens: AnyTokens, what: str) -> Tokens:
        tokens = change(one_axis(tokens))
        start.memory.seen.add(tokens)
        if standardizer is not None:
            tokens = standardizer.forward(tokens)
        check_known(tokens.select_tokens(names), what)
        return tokens

    rest = (reached.others, split.rest[1])
    if batches is None:
        # Moved to the device once, not anew in every epoch.
        tokens = jax.device_put(ready(first, "Simulations"))
        epoch = shuffled(tokens, options.batch_size)
    else:
        epoch = streamed(
            batches,
            lambda batch: ready(batch, "Simulations"),
            options.batch_size,
            options.steps_per_epoch,
            reached.history.n_epochs,
        )
    if validation is not None:
        validation = jax.device_put(ready(validation, "Validation data"))
        size = min(options.batch_size, validation.sample_shape[0])
        validation = list(cut(validation, size))
    loop = Loop(
        plans,
        rest,
        train_key,
        epoch,
        n_steps,
        validation,
        optimizer,
        options,
        standardizer,
        settings,
    )
    return loop, reached, start


def _read_data(
    data: Simulations, options: FitOptions, key: PRNGKey
) -> tuple[Any, Tokens, Tokens | None]:
    """Return batches or None, the first Tokens, and validation data."""
    validation = options.validation
    batches = None
    if isinstance(data, (Tokens, TokenView)):
        check_for_tokens(options)
        first, validation = set_aside(one_axis(data), validation, key)
    elif isinstance(validation, float):
        raise ValueError(
            f"validation={validation} is a share, but the data are batches. "
            "Pass Tokens for validation."
        )
    else:
        batches, first = read_batches(data, options)
    return batches, first, None if validation is None else one_axis(validation)


def _settings(options: FitOptions, n_steps: int) -> dict[str, Any]:
    """Return the options that must equal those of a checkpoint."""
    settings: dict[str, Any] = {
        "batch_size": options.batch_size,
        "n_noise": options.n_noise,
    }
    if options.steps_per_epoch is not None or options.optimizer is None:
        settings["steps_per_epoch"] = n_steps
    if options.optimizer is None:
        settings["learning_rate"] = options.learning_rate
        settings["n_epochs"] = options.n_epochs
    return settings
