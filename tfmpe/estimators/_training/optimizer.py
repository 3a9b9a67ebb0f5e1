"""Optimizers, and the learning rate of the default one."""

import math
from collections.abc import Callable
from typing import NamedTuple

import optax


class Optimizer(NamedTuple):
    """A transformation of gradients, and what its changes are multiplied by.

    Attributes
    ----------
    transformation : optax.GradientTransformation
        Static: another object is compiled for anew.
    rate : callable
        From the number of a step, counted from 0, to a factor: a value.
    """

    transformation: optax.GradientTransformation
    rate: Callable[[int], float]


# One vector holds all parameters: by leaf it would take XLA three times as
# long. One object, so that every training with it shares a program.
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

    ``learning_rate`` is the largest of ``n_steps``; the first twentieth of
    these, at most 200, warms up. It begins above 0: where there is one step,
    that is to move something.
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
    """Return an optimizer whose changes are taken as they are."""
    return Optimizer(transformation, lambda step: 1.0)
