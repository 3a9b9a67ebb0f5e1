"""Optimizers, and the learning rate of the default one."""

import math
from collections.abc import Callable
from typing import NamedTuple

import optax


class Optimizer(NamedTuple):
    """A gradient transformation, and a factor for the updates of each step.

    The transformation is static: each object is compiled separately.
    """

    transformation: optax.GradientTransformation
    rate: Callable[[int], float]


# Flattened to one vector: leaf by leaf, XLA would take three times as long.
# A single object, so that all training runs share a program.
_ADAM = optax.flatten(
    optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.scale_by_adam(),
        optax.add_decayed_weights(1e-4),
        optax.scale(-1.0),
    )
)


def default_optimizer(learning_rate: float, n_steps: int) -> Optimizer:
    """Return Adam with weight decay, a warm-up and a cosine decay to 0.

    ``learning_rate`` is the largest rate in ``n_steps`` steps; the first
    twentieth of them, at most 200, are the warm-up. The rate starts above 0, so
    that a single step has an effect.
    """
    warm_up = max(1, min(200, n_steps // 20))
    decay = max(n_steps - warm_up, 1)

    def rate(step: int) -> float:
        if step < warm_up:
            return learning_rate * (step + 1) / (warm_up + 1)
        done = min((step - warm_up) / decay, 1.0)
        return learning_rate * (1 + math.cos(math.pi * done)) / 2

    return Optimizer(_ADAM, rate)


def given_optimizer(transformation: optax.GradientTransformation) -> Optimizer:
    """Return an optimizer whose updates are not rescaled."""
    return Optimizer(transformation, lambda step: 1.0)
