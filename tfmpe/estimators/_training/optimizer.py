"""The default optimizer."""

from functools import lru_cache

import optax


# Equal arguments return the same object, so that nothing is compiled again.
@lru_cache(maxsize=32)
def default_optimizer(
    learning_rate: float, n_steps: int
) -> optax.GradientTransformation:
    """Return Adam with weight decay, a warm-up and a cosine decay to 0.

    The first twentieth of the steps, at most 200, is the warm-up.
    """
    warm_up = max(1, min(200, n_steps // 20))
    schedule = optax.warmup_cosine_decay_schedule(
        # Above 0, so that a single step has an effect.
        learning_rate / (warm_up + 1),
        learning_rate,
        warm_up,
        max(n_steps, warm_up + 1),
    )
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))
