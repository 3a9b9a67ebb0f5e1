"""The optimizer that is used where none is given."""

from functools import lru_cache

import optax


# Equal arguments give the same object, so that training a second time
# compiles nothing.
@lru_cache(maxsize=32)
def default_optimizer(
    learning_rate: float, n_steps: int
) -> optax.GradientTransformation:
    """Return Adam with weight decay, a warm-up and a cosine decay to 0.

    Parameters
    ----------
    learning_rate : float
        The largest, dimensionless.
    n_steps : int
        Steps in all; the first twentieth, at most 200, warms up.

    Returns
    -------
    optax.GradientTransformation
    """
    warm_up = max(1, min(200, n_steps // 20))
    schedule = optax.warmup_cosine_decay_schedule(
        # From above 0: where there is one step, it is to move something.
        learning_rate / (warm_up + 1),
        learning_rate,
        warm_up,
        max(n_steps, warm_up + 1),
    )
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))
