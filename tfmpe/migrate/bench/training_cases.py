"""One step of training: loss, gradient, Adam.

The old side and the bridge train the legacy network, the core its own of the
same width and depth. What the core does is checked by a law: along the
gradient the loss changes as the gradient says.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe import Tokens
from tfmpe.migrate.replay.oracle import load_oracle

from .agreement import NotEqualError
from .cases import Call, case, jitted
from .join_cases import as_tokens, legacy_flat
from .legacy import Legacy
from .models import THETA_KEYS, Y_KEYS, Size

LEARNING_RATE = 3e-4
# Two ways to sum in float32, and quotients of sums.
ROUNDING = 1e-4
# A step so short that the loss is straight along it, and so long that its
# change is not lost in float32.
STEP, OF_CHANGE = 1e-3, 0.05


def _batch(size: Size) -> Any:
    """Return rows as legacy training has them: masks for each."""
    flat = legacy_flat(load_oracle().flatten_structured, size, 0)
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (size.n_samples, *leaf.shape[1:])),
        flat,
    )


def _path(size: Size) -> tuple[Any, Any]:
    keys = jax.random.split(jax.random.key(0))
    times = jax.random.uniform(keys[0], (size.n_samples, 1, 1))
    noise = jax.random.normal(keys[1], (size.n_samples, size.n_theta, 1))
    return times, noise


def _legacy_step(size: Size) -> Call:
    import optax

    from .networks import legacy_weights

    oracle, optimiser = load_oracle(), optax.adam(LEARNING_RATE)

    def step(
        weights: Any, state: Any, batch: Any, times: Any, noise: Any
    ) -> Any:
        def loss(weights: Any) -> Any:
            field = partial(oracle.transformer, weights)
            return oracle.loss(field, batch, times, noise)

        value, gradient = jax.value_and_grad(loss)(weights)
        changes, state = optimiser.update(gradient, state, weights)
        return value, optax.apply_updates(weights, changes), state

    weights = legacy_weights()
    return jitted(
        step,
        weights,
        optimiser.init(weights),
        _batch(size),
        *_path(size),
        ahead=True,
    )


def _bridge_step(size: Size) -> Call:
    import optax
    from flax import nnx

    from tfmpe.compat._flow.loss import legacy_loss
    from tfmpe.compat.nn.transformer.parameters import read_parameters
    from tfmpe.compat.structured_cnf import StructuredCNF

    from .networks import legacy_network

    optimiser = optax.adam(LEARNING_RATE)
    cnf = StructuredCNF(legacy_network(), rngs=nnx.Rngs(0))
    graph, parameters, rest = nnx.split(cnf, nnx.Param, ...)

    def step(
        parameters: Any, state: Any, batch: Any, times: Any, noise: Any
    ) -> Any:
        def loss(parameters: Any) -> Any:
            # Copied, as flax lets a trace change only what was made in it.
            copied = jax.tree.map(lambda leaf: leaf, rest)
            merged = nnx.merge(graph, parameters, copied)
            return legacy_loss(merged, batch, times, noise)

        value, gradient = jax.value_and_grad(loss)(parameters)
        changes, state = optimiser.update(gradient, state, parameters)
        parameters = optax.apply_updates(parameters, changes)
        stepped = nnx.merge(graph, parameters, rest).vf_model
        return value, read_parameters(stepped), state

    return jitted(
        step,
        parameters,
        optimiser.init(parameters),
        _batch(size),
        *_path(size),
        ahead=True,
    )


def core_step(tokens: Tokens, network: Any) -> Call:
    """Prepare a step of the core's training."""
    import optax

    from tfmpe.estimators._conditionals import Conditional
    from tfmpe.estimators._flow.vector_field import split_field
    from tfmpe.estimators._training.loss import SIGMA_MIN
    from tfmpe.estimators._training.steps import Plan, TrainingState, update

    (n_samples,) = tokens.sample_shape
    split = split_field(network)
    optimiser = optax.adam(LEARNING_RATE)
    plan = Plan(
        split.static,
        (Conditional(THETA_KEYS, Y_KEYS),),
        optimiser,
        n_samples,
        SIGMA_MIN,
        1,
    )
    state = TrainingState(split.parameters, optimiser.init(split.parameters))
    step = partial(update, plan)
    given = (
        state,
        split.rest,
        tokens,
        jnp.ones(n_samples),
        jax.random.key(0),
    )
    return jitted(step, *given, ahead=True)


def _check(side: str, result: Any, old: Any, size: Size) -> None:
    if side == "new":
        _check_gradient(size)
        return
    (loss, weights, _), (old_loss, old_weights, _) = result, old
    _check_close("the loss", loss, old_loss, ROUNDING)
    for path, expected in old_weights.items():
        # Adam divides by the size of the gradient: where that is nothing but
        # rounding, a weight may move the other way.
        _check_close(path, weights[path], expected, 2 * LEARNING_RATE + 1e-6)


def _check_close(what: str, got: Any, expected: Any, limit: float) -> None:
    difference = float(np.abs(np.asarray(got) - np.asarray(expected)).max())
    if not difference <= limit:
        raise NotEqualError(
            f"{what}: differs by {difference:.2g}, expected at most {limit:g}"
        )


def _check_gradient(size: Size) -> None:
    """Compare the gradient with the change of the loss along it."""
    import optax

    from tfmpe.estimators._conditionals import Conditional
    from tfmpe.estimators._flow.vector_field import split_field
    from tfmpe.estimators._training.loss import SIGMA_MIN
    from tfmpe.estimators._training.steps import Plan, batch_loss

    from .networks import core_network

    split = split_field(core_network())
    questions = (Conditional(THETA_KEYS, Y_KEYS),)
    plan = Plan(
        split.static,
        questions,
        optax.identity(),
        size.n_samples,
        SIGMA_MIN,
        1,
    )
    tokens, weights = as_tokens(size, 0), jnp.ones(size.n_samples)

    @jax.jit
    def along(parameters: Any, tokens: Any) -> tuple[Any, Any]:
        def loss(parameters: Any) -> Any:
            total, n = batch_loss(
                plan,
                parameters,
                split.rest,
                tokens,
                weights,
                jax.random.key(0),
            )
            return total / n

        gradient = jax.grad(loss)(parameters)
        squares = sum((leaf**2).sum() for leaf in jax.tree.leaves(gradient))
        length = STEP / jnp.sqrt(squares)

        def moved(sign: float) -> Any:
            return loss(
                jax.tree.map(
                    lambda p, g: p + sign * length * g, parameters, gradient
                )
            )

        return moved(1.0) - moved(-1.0), 2 * STEP * jnp.sqrt(squares)

    found, expected = map(float, along(split.parameters, tokens))
    if not abs(found / expected - 1) <= OF_CHANGE:
        raise NotEqualError(
            f"along its gradient the loss changes by {found:.3g}, expected "
            f"{expected:.3g}"
        )


def _legacy_needs(size: Size) -> int:
    # Masks per row and, for the backward pass, scores of four heads in two
    # layers, several times.
    return (
        4 * size.n_samples * (2 * size.n_pairs + 24 * size.n_theta * size.n_y)
    )


@case(
    "training-step",
    "by a network of 32 numbers per token",
    sides=("old", "new", "bridge"),
    check=_check,
    slow=True,
    n_samples=16,
    sites=(1, 10, 50, 100),
    further_sites=(500,),
    recorded=("flatten_structured", "_make_attention_masks"),
    mode="jitted",
    old_needs=_legacy_needs,
    needs_oracle=True,
)
def _step(side: str, size: Size, legacy: Legacy) -> Call:
    if side == "new":
        from .networks import core_network

        return core_step(as_tokens(size, 0), core_network())
    return {"old": _legacy_step, "bridge": _bridge_step}[side](size)
