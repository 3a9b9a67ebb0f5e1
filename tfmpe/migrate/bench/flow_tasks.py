"""The tasks of flows: drawing again and again, training, and attention.

The legacy calls compile anew every time and solve one equation per draw. The
same field, tolerances and base draws on the old side and the bridge; the core
draws and trains with its own network of the same width and depth, so that it
is checked by laws. Where attention over the pairs that rules open is compared
with attention over all pairs, both sides are the core's network. Needs the
extra ``flow``.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from tfmpe import Tokens
from tfmpe.compat._flow.loss import legacy_loss
from tfmpe.compat.bridge import nine_arguments
from tfmpe.compat.nn.transformer.parameters import read_parameters
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.estimators import ContinuousFlow
from tfmpe.estimators._flow.vector_field import merge_field, split_field
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.migrate import oracle
from tfmpe.nn import structured_attention
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing._plan import attention_plan
from tfmpe.preprocessing._slices import layout_from_slices

from .agreement import check_at_most, check_equal, close
from .data import LOCAL_RULES, RULES, Size, as_tokens, seir, slices
from .data import THETA_KEYS as THETA
from .data import Y_KEYS as Y
from .networks import bridge_network, core_network, legacy_weights
from .old_side import Legacy
from .task import Case
from .token_tasks import flat_call, lay_out
from .work import Work

__all__ = ["HEADS", "TASKS"]

Side = Legacy | None

# Two solutions by adaptive methods of tolerance 1e-5, as for the stored
# calls: of a smooth field, and of a network with kinks (half of the values,
# and all).
SMOOTH = 5e-4
TYPICAL, LARGEST = 2e-3, 0.1
# What the solver may be off by, in units of what chance leaves in a mean of
# the draws.
SHARE_OF_CHANCE = 0.1
LEARNING_RATE = 3e-4
# Adam divides by the size of the gradient: where that is nothing but
# rounding, a weight may move the other way.
OTHER_WAY = 2 * LEARNING_RATE + 1e-6
# A step so short that the loss is straight along it, and so long that its
# change is not lost in float32.
STEP, OF_CHANGE = 1e-3, 0.05
HEADS, HEAD_DIM = 4, 16


# Drawing


def _noise(size: Size) -> Any:
    shape = (size.n_samples, size.n_theta, 1)
    return jax.random.normal(jax.random.key(0), shape)


def _one(size: Size) -> Size:
    return size._replace(n_samples=1)


def _nine(side: Side, size: Size) -> Work:
    assert side is not None, "the core has no such call"
    # Copied to the device: what a legacy script would hold.
    given = nine_arguments(as_tokens(_one(size)), THETA, Y)
    sample = side.sampler(oracle.FIELDS["closed_form_v1"], nnx.Rngs(0))
    drawn = {"sample_size": size.n_samples, "theta_0": _noise(size)}
    return Work(partial(sample, **given, **drawn))


def _draws(side: Side, size: Size) -> Work:
    one = _one(size)
    if side is None:
        call = _core_draws(as_tokens(one), core_network(), size.n_samples)
        return Work(call, ask_first=True)
    network = partial(oracle.transformer, legacy_weights())
    if side.name == "tfmpe.compat":
        network = bridge_network()
    model = seir(one)
    flat, described = flat_call(side, model.sides, model.inputs)
    draw = partial(
        side.posterior(network, nnx.Rngs(0)),
        context=flat["data"]["y"],
        labels=flat["labels"],
        theta_slices=described["theta"],
        masks=flat["masks"],
        index=flat["index"],
        n_samples=size.n_samples,
        theta_0=_noise(size),
    )
    return Work(draw)


def _core_draws(
    one: Tokens, network: Any, n: int, **options: Any
) -> Callable[[], Any]:
    flow, options = ContinuousFlow(network), {"n_samples": n, **options}
    key = jax.random.key(1)
    return partial(flow.sample, one, THETA, Y, key=key, **options)


def _is_accurate(result: Any, size: Size) -> None:
    tight = {"solver": "dopri8", "n_steps": 16}
    one = as_tokens(_one(size))
    exact = _core_draws(one, core_network(), size.n_samples, **tight)()
    exact = np.asarray(exact)
    chance = exact.std(0) / np.sqrt(len(exact))
    off = (np.asarray(result) - exact).mean(0) / chance
    what = "the error of the means, in Monte-Carlo errors,"
    check_at_most(np.sqrt(np.mean(off**2)), SHARE_OF_CHANCE, what)


# Training


def _step(
    loss: Callable[..., Any],
    parameters: Any,
    *given: Any,
    read: Callable[[Any], Any] = lambda stepped: stepped,
) -> Work:
    """Prepare loss, gradient and Adam; what was stepped is read."""
    optimizer = optax.adam(LEARNING_RATE)

    def step(parameters: Any, state: Any, *given: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters, *given)
        changes, state = optimizer.update(gradient, state, parameters)
        stepped = optax.apply_updates(parameters, changes)
        return value, read(stepped), state

    state = optimizer.init(parameters)
    return Work(step, (parameters, state, *given), ahead=True)


def _training(side: Side, size: Size) -> Work:
    if side is None:
        return _core_step(as_tokens(size), core_network())
    # Rows as legacy training has them: masks for each.
    batch = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (size.n_samples, *leaf.shape[1:])),
        lay_out(side, seir(size)),
    )
    times = jax.random.uniform(jax.random.key(1), (size.n_samples, 1, 1))
    given = (batch, times, _noise(size))
    if side.name == "tfmpe.compat":
        return _bridge_step(*given)

    def loss(weights: Any, *given: Any) -> Any:
        return oracle.loss(partial(oracle.transformer, weights), *given)

    return _step(loss, legacy_weights(), *given)


def _bridge_step(*given: Any) -> Work:
    cnf = StructuredCNF(bridge_network(), rngs=nnx.Rngs(0))
    graph, parameters, rest = nnx.split(cnf, nnx.Param, ...)

    def loss(parameters: Any, *given: Any) -> Any:
        # Copied, as flax lets a trace change only what was made in it.
        copied = jax.tree.map(lambda leaf: leaf, rest)
        return legacy_loss(nnx.merge(graph, parameters, copied), *given)

    def read(stepped: Any) -> Any:
        return read_parameters(nnx.merge(graph, stepped, rest).vf_model)

    return _step(loss, parameters, *given, read=read)


def _core_loss(split: Any, parameters: Any, tokens: Tokens, key: Any) -> Any:
    field = merge_field(split.static, parameters, split.rest)
    target, given = map(tokens.select_tokens, (THETA, Y))
    weights = jnp.ones(tokens.sample_shape)
    total, n_values = flow_matching_loss(field, target, given, weights, key)
    return total / n_values


def _core_step(tokens: Tokens, network: Any) -> Work:
    split, key = split_field(network), jax.random.key(0)
    return _step(partial(_core_loss, split), split.parameters, tokens, key)


def _same_step(result: Any, old: Any, size: Size) -> None:
    # The loss and the weights, not the state of Adam.
    close(OTHER_WAY)(result[:2], old[:2], size)


def _follows_gradient(result: Any, size: Size) -> None:
    """Check that the loss changes along its gradient as that says."""
    split = split_field(core_network())

    @jax.jit
    def along(parameters: Any, *given: Any) -> tuple[Any, Any]:
        loss = partial(_core_loss, split)
        gradient = jax.grad(loss)(parameters, *given)
        norm = optax.global_norm(gradient)
        losses = [
            loss(
                jax.tree.map(lambda p, g, s=s: p + s * g, parameters, gradient),
                *given,
            )
            for s in (STEP / norm, -STEP / norm)
        ]
        return losses[0] - losses[1], 2 * STEP * norm

    given = split.parameters, as_tokens(size), jax.random.key(0)
    found, expected = map(float, along(*given))
    what = f"the change of the loss along its gradient, {found:.3g}: its error"
    check_at_most(abs(found / expected - 1), OF_CHANGE, what)


# Attention: `old` computes every pair of tokens and masks most of them, as
# the legacy package does, `new` the pairs that the rules open.


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
    one = as_tokens(_one(size), rules=LOCAL_RULES)
    call = _core_draws(one, _network(side), size.n_samples)
    return Work(call, ask_first=True)


def _is_finite(result: Any, size: Size) -> None:
    for leaf in jax.tree.leaves(result):
        check_equal(True, np.isfinite(np.asarray(leaf)).all(), "all is finite")


@cache
def _described(size: Size) -> TokenLayout:
    return layout_from_slices(slices(size), RULES)


def _plan(side: Side, size: Size) -> Work:
    if side is not None:
        return Work(side.build_self_attention_mask, (slices(size), RULES))
    known = _described(size)

    def make() -> Any:
        # A new layout remembers nothing.
        layout = TokenLayout(known.keys, known.independence)
        return attention_plan(layout, layout.names)

    return Work(make)


def _every_token_asks(result: Any, size: Size) -> None:
    asking = np.sort(result.order)
    check_equal(np.arange(size.n_tokens), asking, "the queries of a plan")


def _same_pairs(result: Any, old: Any, size: Size) -> None:
    mask = np.zeros(np.shape(old), bool)
    for block in result.blocks:
        for seen, is_open in (
            (block.keys[:, None, :], block.keys_open),
            (block.shared[None, None, :], block.shared_open),
        ):
            rows = block.queries[:, :, None]
            mask[rows, seen] |= True if is_open is None else is_open
    # A plan says what a row does that the rules leave empty.
    declared = np.asarray(old) > 0
    empty = ~declared.any(-1)
    declared[empty, empty] = True
    check_equal(declared, mask, "the pairs of a plan")


_open_pairs = partial(
    Case,
    law=_is_finite,
    same=close(OTHER_WAY),
    bridge=None,
    jitted=True,
    oracle_only=True,
)

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
        _follows_gradient,
        same=None,
        bridge=_same_step,
        jitted=True,
        oracle_only=True,
    ),
    "plan": Case(
        "what attention asks of the rules: a mask, or a plan",
        _plan,
        _every_token_asks,
        _same_pairs,
        bridge=None,
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
        _draws_local,
        jitted=False,
    ),
}
"""By name; for how much data is said in `cases`."""
