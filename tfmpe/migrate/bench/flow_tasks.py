"""Benchmark tasks on flows: repeated sampling, training, and attention.

The core samples and trains with its own network of the same width and depth,
so its results must have known properties instead of being equal to the old
ones. In the tasks on structured and dense attention, both sides are the core.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from tfmpe import Tokens
from tfmpe._base.programs import large_program_options
from tfmpe.compat._flow.loss import legacy_loss
from tfmpe.compat.bridge import nine_arguments
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.estimators import ContinuousFlow
from tfmpe.estimators._flow.vector_field import merge_field, split_field
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.migrate import oracle
from tfmpe.nn import structured_attention
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing.masks.plan import attention_plan

from .agreement import check_at_most, check_equal, close
from .data import LOCAL_RULES, RULES, Rules, Size, as_tokens, seir
from .data import THETA_KEYS as THETA
from .data import Y_KEYS as Y
from .networks import bridge_network, core_network, legacy_weights
from .old_side import POSTERIOR, SAMPLE, Legacy
from .task import Case, Prepare, Work
from .token_tasks import flat_call, flatten

Side = Legacy | None

# Largest allowed differences between adaptive ODE solves of tolerance 1e-5:
# for a smooth field, and for a network with kinks (median, and largest).
SMOOTH, TYPICAL, LARGEST = 5e-4, 2e-3, 0.1
# Allowed solver error, in Monte Carlo errors of a mean of the draws.
SHARE_OF_CHANCE = 0.1
# Allowed errors of loss (about 10) and gradient norm (about 80), in float32.
SAME_STEP = 5e-3
LEARNING_RATE = 3e-4
# Adam divides by the size of the gradient: if the gradient is only rounding
# error, a weight may move the other way. Gradients are compared too.
OTHER_WAY = 2 * LEARNING_RATE + 1e-6
HEADS, HEAD_DIM = 4, 16


def _noise(size: Size) -> Any:
    shape = (size.n_samples, size.n_theta, 1)
    return jax.random.normal(jax.random.key(0), shape)


def _tokens_of_one(size: Size, rules: Rules = RULES) -> Tokens:
    return as_tokens(size._replace(n_samples=1), rules=rules)


def _nine(side: Side, size: Size) -> Work:
    assert side is not None, "the core has no such call"
    # Copied to the device, as in a legacy script.
    given = nine_arguments(_tokens_of_one(size), THETA, Y)
    field = oracle.FIELDS["closed_form_v1"]
    sample = side.functions[SAMPLE](field, nnx.Rngs(0))
    drawn = {"sample_size": size.n_samples, "theta_0": _noise(size)}
    return Work(partial(sample, **given, **drawn))


def _draws(side: Side, size: Size) -> Work:
    if side is None:
        return _core_draws(_tokens_of_one(size), core_network(), size)
    network = partial(oracle.transformer, legacy_weights())
    if side.name == "tfmpe.compat":
        network = bridge_network()
    model = seir(size._replace(n_samples=1))
    flat, described = flat_call(side, model.sides, model.inputs)
    given = {key: flat[key] for key in ("labels", "masks", "index")}
    given |= {"context": flat["data"]["y"], "theta_slices": described["theta"]}
    given |= {"n_samples": size.n_samples, "theta_0": _noise(size)}
    draw = side.functions[POSTERIOR](network, nnx.Rngs(0))
    return Work(partial(draw, **given))


def _core_draws(one: Tokens, network: Any, size: Size, **options: Any) -> Work:
    options |= {"key": jax.random.key(1), "n_samples": size.n_samples}
    sample = ContinuousFlow(network).sample
    return Work(partial(sample, one, THETA, Y, **options))


def _is_accurate(result: Any, size: Size) -> None:
    tight = {"solver": "dopri8", "n_steps": 16}
    work = _core_draws(_tokens_of_one(size), core_network(), size, **tight)
    exact = np.asarray(work.function())
    chance = exact.std(0) / np.sqrt(len(exact))
    off = (np.asarray(result) - exact).mean(0) / chance
    what = "the error of the means, in Monte Carlo errors,"
    check_at_most(np.sqrt(np.mean(off**2)), SHARE_OF_CHANCE, what)


_ADAM = optax.adam(LEARNING_RATE)


def _step(
    loss: Callable[..., Any],
    parameters: Any,
    *given: Any,
    optimizer: Any = _ADAM,
) -> Work:
    """Prepare a step of Adam, which returns loss, gradient norm and weights."""

    def step(parameters: Any, state: Any, *given: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, *given)
        changes, state = optimizer.update(gradient, state, parameters)
        stepped = optax.apply_updates(parameters, changes)
        return value, optax.global_norm(gradient), stepped, state

    return Work(step, (parameters, optimizer.init(parameters), *given))


def _training(side: Side, size: Size) -> Work:
    if side is None:
        return _core_step(as_tokens(size), core_network())
    # Rows as in legacy training, each with its own masks.
    batch = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (size.n_samples, *leaf.shape[1:])),
        flatten(side, seir(size)),
    )
    times = jax.random.uniform(jax.random.key(1), (size.n_samples, 1, 1))
    given = (batch, times, _noise(size))
    if side.name != "tfmpe.compat":

        def loss(weights: Any, *given: Any) -> Any:
            return oracle.loss(partial(oracle.transformer, weights), *given)

        return _step(loss, legacy_weights(), *given)
    cnf = StructuredCNF(bridge_network(), rngs=nnx.Rngs(0))
    graph, parameters, rest = nnx.split(cnf, nnx.Param, ...)

    def of_bridge(parameters: Any, *given: Any) -> Any:
        # A copy, because a Flax trace may change only what was created in it.
        copied = jax.tree.map(lambda leaf: leaf, rest)
        return legacy_loss(nnx.merge(graph, parameters, copied), *given)

    return _step(of_bridge, parameters, *given)


def _core_loss(split: Any, parameters: Any, tokens: Tokens, key: Any) -> Any:
    field = merge_field(split.static, parameters, split.rest)
    target, given = map(tokens.select_tokens, (THETA, Y))
    weights = jnp.ones(tokens.sample_shape)
    total, n_values = flow_matching_loss(field, target, given, weights, key)
    return total / n_values


def _core_step(tokens: Tokens, network: Any) -> Work:
    split, key = split_field(network), jax.random.key(0)
    # Flattened and compiled as in estimators.
    work = _step(
        partial(_core_loss, split),
        split.parameters,
        tokens,
        key,
        optimizer=optax.flatten(_ADAM),
    )
    return work._replace(options=large_program_options())


def _same_step(result: Any, old: Any) -> None:
    # The weights are stored in a different form.
    close(SAME_STEP)(result[:2], old[:2])


def _is_finite(result: Any, size: Size) -> None:
    for leaf in jax.tree.leaves(result):
        check_equal(True, np.isfinite(np.asarray(leaf)).all(), "all is finite")


# Attention: `old` computes every pair of tokens and masks most of them, as
# the legacy package does; `new` computes only the pairs that the rules open.


def _attend(side: Side, size: Size, gradient: bool = False) -> Work:
    tokens = as_tokens(size, rules=LOCAL_RULES)
    shape = (size.n_samples, tokens.n_tokens, HEADS, HEAD_DIM)
    keys = map(jax.random.key, range(3))
    vectors = tuple(jax.random.normal(key, shape) for key in keys)
    if side is None:
        plan = tokens.attention_plan()
        called = partial(structured_attention, plan=plan)
    else:
        mask = tokens.attention_mask()
        called = partial(jax.nn.dot_product_attention, mask=mask)

    def loss(*vectors: Any) -> Any:
        return (called(*vectors) ** 2).mean()

    return Work(jax.grad(loss, (0, 1, 2)) if gradient else called, vectors)


def _network(side: Side) -> Any:
    return core_network("structured" if side is None else "dense")


def _training_local(side: Side, size: Size) -> Work:
    return _core_step(as_tokens(size, rules=LOCAL_RULES), _network(side))


def _draws_local(side: Side, size: Size) -> Work:
    one = _tokens_of_one(size, LOCAL_RULES)
    return _core_draws(one, _network(side), size)


def _plan(side: Side, size: Size) -> Work:
    known = as_tokens(size)
    if side is not None:
        return Work(side.build_self_attention_mask, (known.slices, RULES))

    def make() -> Any:
        # A new layout has empty caches.
        layout = TokenLayout(known.layout.keys, known.layout.independence)
        return attention_plan(layout, layout.names)

    return Work(make)


def _every_token_asks(result: Any, size: Size) -> None:
    check_equal(np.arange(size.n_tokens), np.sort(result.order), "queries")


def _same_pairs(result: Any, old: Any) -> None:
    mask = np.zeros(np.shape(old), bool)
    for block in result.blocks:
        for seen, is_open in (
            (block.keys[:, None, :], block.keys_open),
            (block.shared[None, None, :], block.shared_open),
        ):
            rows = block.queries[:, :, None]
            mask[rows, seen] |= True if is_open is None else is_open
    # A plan defines the behavior of rows without an open pair.
    declared = np.asarray(old) > 0
    empty = ~declared.any(-1)
    declared[empty, empty] = True
    check_equal(declared, mask, "the pairs of a plan")


def _open_pairs(about: str, prepare: Prepare, jitted: bool = True) -> Case:
    checks = (_is_finite, close(OTHER_WAY), None)
    return Case(about, prepare, *checks, jitted=jitted, oracle_only=True)


TASKS = {
    "nine-arguments": Case(
        "StructuredCNF.sample, a field in closed form",
        _nine,
        bridge=close(SMOOTH),
        has_new=False,
    ),
    "draws": Case(
        "posterior draws by a network, called again and again",
        _draws,
        _is_accurate,
        same=None,
        bridge=close(LARGEST, TYPICAL),
    ),
    "training-step": Case(
        "by a network of 32 numbers per token",
        _training,
        _is_finite,
        same=None,
        bridge=_same_step,
        jitted=True,
        oracle_only=True,
    ),
    "plan": Case(
        "what attention asks of the rules: a mask, or a plan",
        *(_plan, _every_token_asks, _same_pairs, None),
    ),
    "attention": _open_pairs(
        "dense masked softmax against the open pairs", _attend
    ),
    "attention-grad": _open_pairs(
        "the gradient of that", partial(_attend, gradient=True)
    ),
    "training-local": _open_pairs(
        "a step of the core's network, dense and by the rules", _training_local
    ),
    "draws-local": _open_pairs(
        "draws by the core's network, dense and by the rules",
        *(_draws_local, False),
    ),
}
