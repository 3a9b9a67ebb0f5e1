"""Minimal estimator that consumes Tokens.

Every target token is normal; its mean is a linear function, one per label, of
the mean of the conditioning tokens that it may attend to. Target and
conditioning keys are chosen at each call.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe import Tokens, minibatches

N_LABELS = 8


class Lines(NamedTuple):
    """Slope, offset and variance of each label, arrays ``(N_LABELS,)``."""

    slope: jax.Array | np.ndarray = np.zeros(N_LABELS, np.float32)
    offset: jax.Array | np.ndarray = np.zeros(N_LABELS, np.float32)
    variance: jax.Array | np.ndarray = np.ones(N_LABELS, np.float32)


@partial(jax.jit, static_argnums=(2, 3))
def _step(lines, tokens, target_keys, conditioning_keys):
    targets = tokens.select_tokens(target_keys)
    values = targets.data[..., 0]
    padding = jnp.asarray(targets.padding_mask)
    real = padding.astype(values.dtype)

    def loss(line):
        fitted = lines._replace(slope=line[0], offset=line[1])
        mean = _mean(fitted, targets, tokens.select_tokens(conditioning_keys))
        squares = jnp.where(padding, (values - mean) ** 2, 0)
        return squares.sum() / real.sum(), squares

    gradient, squares = jax.grad(loss, has_aux=True)(
        (lines.slope, lines.offset)
    )
    one_hot = jax.nn.one_hot(targets.labels, N_LABELS) * real[..., None]
    n = one_hot.sum((0, 1))
    found = jnp.einsum("bt,btl->l", squares, one_hot) / jnp.maximum(n, 1)
    return Lines(
        lines.slope - 0.2 * gradient[0],
        lines.offset - 0.2 * gradient[1],
        jnp.where(n > 0, found, lines.variance),
    )


def _mean(lines, targets, conditioning):
    weights = targets.attention_mask(conditioning)[:, 0].astype(float)
    pooled = jnp.einsum("bqk,bk->bq", weights, conditioning.data[..., 0])
    pooled /= weights.sum(-1)
    return lines.slope[targets.labels] * pooled + lines.offset[targets.labels]


class SimpleEstimator:
    """An estimator that learns lines from Tokens or a generator of them."""

    def __init__(self):
        self.lines = Lines()

    def fit(self, data, target_keys, conditioning_keys, n_epochs, size=None):
        """Train on the data; static Tokens are used in a compiled loop."""
        keys = tuple(target_keys), tuple(conditioning_keys)
        if not isinstance(data, Tokens):
            for batch in data.epochs(n_epochs):
                self.lines = _step(self.lines, batch, *keys)
            return self
        batches = minibatches(data, size)

        def step(lines, batch):
            return _step(lines, batch, *keys), None

        def epoch(lines, _):
            return jax.lax.scan(step, lines, batches)

        self.lines, _ = jax.lax.scan(epoch, self.lines, length=n_epochs)
        return self

    def sample(self, tokens, target_keys, conditioning_keys, *, key, n=1):
        """Draw ``n`` times for every sample of the tokens."""
        targets = tokens.select_tokens(target_keys)
        mean = _mean(
            self.lines, targets, tokens.select_tokens(conditioning_keys)
        )
        scale = jnp.sqrt(self.lines.variance[targets.labels])
        noise = jax.random.normal(key, (n, *mean.shape))
        return targets.decode((mean[None] + scale[None] * noise)[..., None])
