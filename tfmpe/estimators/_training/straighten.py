"""Straightening of a trained flow, for accurate draws in few steps."""

from collections.abc import Iterator
from dataclasses import replace

import jax
import numpy as np

from tfmpe.estimators._conditionals import read_conditional
from tfmpe.estimators._flow.continuous import ContinuousFlow
from tfmpe.estimators._flow.vector_field import Field
from tfmpe.estimators._storage.checkpoint import Progress
from tfmpe.estimators._training.batches import cut
from tfmpe.estimators._training.data import one_axis
from tfmpe.estimators._training.loop import Loop, begin
from tfmpe.estimators._training.optimizer import default_optimizer
from tfmpe.estimators._training.options import FitOptions
from tfmpe.estimators._training.prepare import Question, split_trainable
from tfmpe.estimators._training.steps import Batch, Plan
from tfmpe.estimators._types import AnyTokens, PRNGKey
from tfmpe.preprocessing import Standardizer, Tokens
from tfmpe.preprocessing.tokens.views import detach


def straightening(
    field: Field,
    standardizer: Standardizer | None,
    data: AnyTokens,
    question: Question,
    key: PRNGKey,
    options: FitOptions,
) -> tuple[Loop, Progress]:
    """Return a loop that trains a copy of the field on its own draws.

    Every epoch draws with the field from new noise, for all rows of the data.
    The copy learns straight paths from this noise to the draws.
    """
    tokens = one_axis(data)
    if standardizer is not None:
        tokens = standardizer.forward(tokens)
    keys = read_conditional(tokens.layout, *question)
    flow = ContinuousFlow(field)
    target = detach(tokens, keys.target)
    n_rows = len(target.data)
    size = min(options.batch_size, n_rows)

    def batches(random: np.random.Generator) -> Iterator[Batch]:
        shape, dtype = target.data.shape, np.float32
        noise = random.standard_normal(shape, dtype)
        ends = flow.sample(tokens, *keys, theta_0=noise[None])
        drawn = _with_target(tokens, target, np.asarray(ends[0]))
        yield from cut(drawn, size, random.permutation(n_rows), noise)

    split = split_trainable(field)
    n_steps = -(-n_rows // size)
    optimizer = default_optimizer(
        options.learning_rate, options.n_epochs * n_steps
    )
    reached, _ = begin(optimizer, split, standardizer, None, {})
    loop = Loop(
        (Plan(split.static, keys, 0.0, 1),),
        split.rest,
        key,
        batches,
        n_steps,
        None,
        optimizer,
        options,
        standardizer,
        {},
    )
    return loop, reached


def _with_target(tokens: Tokens, target: Tokens, values: np.ndarray) -> Tokens:
    """Return Tokens in which the target keys have other values."""
    data = np.array(tokens.data, values.dtype)
    for key in target.layout.keys:
        data[:, tokens.layout[key.name].block] = values[:, key.block]
    return replace(tokens, data=jax.device_put(data))
