"""From data and questions to a training that is ready to run."""

from collections.abc import Callable, Iterable
from typing import Any

import jax

from tfmpe.estimators._conditionals import Conditional, read_conditional
from tfmpe.estimators._flow.vector_field import split_field
from tfmpe.estimators._storage.checkpoint import (
    Progress,
    check_writable,
    key_words,
)
from tfmpe.estimators._storage.summary import summarise
from tfmpe.estimators._training.batches import cut, shuffled, streamed
from tfmpe.estimators._training.data import (
    one_axis,
    read_batches,
    set_aside,
    standardized,
)
from tfmpe.estimators._training.epochs import Loop, begin
from tfmpe.estimators._training.optimizer import (
    default_optimizer,
    given_optimizer,
)
from tfmpe.estimators._training.options import FitOptions, check_for_tokens
from tfmpe.estimators._training.steps import Plan
from tfmpe.preprocessing import Tokens, TokenView
from tfmpe.preprocessing.tokens.known import check_known

Questions = tuple[tuple[Iterable[str], Iterable[str] | None], ...]
"""Target and conditioning keys of every conditional, not yet checked."""


def read_questions(
    target_keys: Iterable[str] | None,
    conditioning_keys: Iterable[str] | None,
    several: Iterable[Any] | None,
) -> Questions:
    """Return what is asked, however it was put.

    Raises
    ------
    TypeError
        If there is no question, or it is put in both ways.
    ValueError
        If there is none among several.
    """
    if several is None:
        if target_keys is None:
            raise TypeError(
                "fit needs target_keys, or several questions as conditionals."
            )
        return ((target_keys, conditioning_keys),)
    if target_keys is not None or conditioning_keys is not None:
        raise TypeError(
            "fit takes target_keys and conditioning_keys, or conditionals, "
            "not both."
        )
    asked = tuple(several)
    if not asked:
        raise ValueError("conditionals is empty. Give at least one.")
    return asked


def prepare(
    field: Any,
    fit_standardizer: Callable[[Tokens], Any],
    data: Any,
    questions: Questions,
    key: Any,
    options: FitOptions,
    sigma_min: float,
) -> tuple[Loop, Progress]:
    """Return a training, and where it begins.

    Parameters
    ----------
    field : VectorField
        It is left as it is.
    fit_standardizer : callable
        From the first Tokens to a standardizer, or None.
    data : Tokens, TokenView, or iterable of Tokens
    questions : tuple
        Of :func:`read_questions`.
    key : key array
    options : FitOptions
    sigma_min : float

    Raises
    ------
    UnknownKeyError, ValueError, TypeError
        As :meth:`FlowMatchingEstimator.fit`.
    """
    split_key, train_key = jax.random.split(key)
    static = isinstance(data, (Tokens, TokenView))
    if static:
        check_for_tokens(options)
    if options.checkpoint is not None:
        check_writable(options.checkpoint)
    validation = options.validation
    if static:
        data, validation = set_aside(one_axis(data), validation, split_key)
        first, n_rows = data, data.sample_shape[0]
    else:
        if isinstance(validation, float):
            raise ValueError(
                f"validation={validation} needs Tokens to take a share of. "
                "Pass Tokens to validate with."
            )
        data, first = read_batches(data, options)
        n_rows = None
    if validation is not None:
        validation = one_axis(validation)
    asked = tuple(read_conditional(first.layout, *each) for each in questions)
    names = dict.fromkeys(
        name for each in asked for side in each for name in side
    )
    options = options._replace(
        batch_size=min(options.batch_size, first.sample_shape[0])
    )
    settings = _settings(first, n_rows, validation, asked, key, options)
    settings["sigma_min"] = sigma_min
    if options.checkpoint is not None:
        settings["data"] = _summaries(
            names, first if static else None, validation
        )
    n_steps = options.steps_per_epoch
    if n_steps is not None:
        settings["steps_per_epoch"] = n_steps
    else:
        n_steps = -(-first.sample_shape[0] // options.batch_size)
        n_steps *= 1 if static else len(data)
    if options.optimizer is not None:
        optimizer = given_optimizer(options.optimizer)
    else:
        optimizer = default_optimizer(
            options.learning_rate, options.n_epochs * n_steps
        )
        settings |= {
            "learning_rate": options.learning_rate,
            "n_epochs": options.n_epochs,
            "steps_per_epoch": n_steps,
        }
    split = split_field(field)
    if not jax.tree.leaves(split.parameters):
        raise ValueError(
            f"The vector field {type(field).__name__} has no parameters to "
            "train. Give an NNX module, or a pytree with arrays of floats."
        )
    plans = tuple(
        Plan(split.static, each, sigma_min, options.n_noise) for each in asked
    )
    reached, standardizer = begin(
        optimizer, split, fit_standardizer(first), options.checkpoint, settings
    )

    def ready(tokens: Tokens, what: str) -> Tokens:
        tokens = standardized(tokens, standardizer)
        check_known(tokens.select_tokens(names), what)
        return tokens

    rest = (reached.others, split.rest[1])
    if static:
        # Once, or arrays in host memory would be moved in every epoch.
        data = jax.device_put(ready(data, "Simulations"))
        batches = shuffled(data, options.batch_size)
    else:
        batches = streamed(
            data,
            lambda batch: ready(one_axis(batch), "Simulations"),
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
        batches,
        n_steps,
        validation,
        optimizer,
        options,
        standardizer,
        settings,
    )
    return loop, reached


def _summaries(
    names: Iterable[str], data: Tokens | None, validation: Tokens | None
) -> Any:
    """Return what a checkpoint remembers of some keys; None is left out.

    Of batches nothing: they may come in another order every time.
    """
    given = {"simulations": data, "validation data": validation}
    return {
        what: summarise(tokens.select_tokens(names))
        for what, tokens in given.items()
        if tokens is not None
    }


def _settings(
    first: Tokens,
    n_rows: int | None,
    validation: Tokens | None,
    asked: tuple[Conditional, ...],
    key: Any,
    options: FitOptions,
) -> dict[str, Any]:
    """Return what a checkpoint must have in common with this training."""
    n_validation = None if validation is None else validation.sample_shape[0]
    return {
        "conditionals": [[list(side) for side in each] for each in asked],
        "batch_size": options.batch_size,
        "n_noise": options.n_noise,
        "key": key_words(key),
        "rows": n_rows,
        "validation_rows": n_validation,
        "tokens": repr(first.layout),
    }
