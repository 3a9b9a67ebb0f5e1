"""Attention over the pairs that rules open, against a dense masked softmax.

The same network and numbers on both sides: `old` computes every pair of
tokens and masks most of them, as the legacy package does, `new` the open
ones. Tokens of one site see one another and the common parameters; nothing
between sites.
"""

from functools import cache
from typing import Any

import jax
import numpy as np

from tfmpe import Tokens
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing._plan import attention_plan
from tfmpe.preprocessing._slices import layout_from_slices

from .agreement import NotEqualError, check_equal
from .cases import Call, case, jitted
from .legacy import Legacy
from .models import LOCALS, RULES, Size, seir, slices
from .sample_cases import core_draws
from .training_cases import LEARNING_RATE, core_step

N_HEADS, HEAD_DIM = 4, 16
# Adam divides by the size of the gradient: where that is rounding, a weight
# may move the other way.
ROUNDING = 2 * LEARNING_RATE

_OF_A_SITE = (*LOCALS, "obs")
LOCAL_RULES: dict[str, list[Any]] = {
    "cross_local": [
        (a, b, (0, 0)) for i, a in enumerate(_OF_A_SITE) for b in _OF_A_SITE[i:]
    ]
}


def _local_tokens(size: Size) -> Tokens:
    model = seir(size)
    return Tokens.from_pytree(model.both, LOCAL_RULES, model.inputs)


def _check_close(side: str, result: Any, old: Any, size: Size) -> None:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(result)]
    if not all(np.isfinite(leaf).all() for leaf in leaves):
        raise NotEqualError("attention: not all values are finite")
    if old is None:
        return
    for leaf, expected in zip(leaves, jax.tree.leaves(old), strict=True):
        off = float(np.abs(leaf - np.asarray(expected)).max())
        if not off <= ROUNDING:
            raise NotEqualError(
                f"attention: differs by {off:.2g}, expected at most "
                f"{ROUNDING:g}"
            )


def _dense_needs(size: Size) -> int:
    return 6 * 4 * N_HEADS * size.n_samples * size.n_tokens**2


def _attend(side: str, size: Size) -> tuple[Any, list[Any]]:
    """Return attention and its vectors."""
    from tfmpe.nn import structured_attention

    tokens = _local_tokens(size)
    shape = (size.n_samples, tokens.n_tokens, N_HEADS, HEAD_DIM)
    vectors = [
        jax.random.normal(jax.random.key(number), shape) for number in range(3)
    ]
    if side == "new":
        plan = tokens.attention_plan()
        return lambda q, k, v: structured_attention(q, k, v, plan), vectors
    mask = tokens.attention_mask()
    return (
        lambda q, k, v: jax.nn.dot_product_attention(q, k, v, mask=mask),
        vectors,
    )


@case(
    "attention",
    "dense masked softmax against the open pairs",
    sides=("old", "new"),
    check=_check_close,
    n_samples=1,
    sites=(1, 10, 50, 100, 500),
    further_sites=(1_000, 10_000),
    middle=100,
    recorded=("flatten_structured",),
    mode="jitted",
    old_needs=_dense_needs,
    needs_oracle=True,
)
def _attention(side: str, size: Size, legacy: Legacy) -> Call:
    attend, vectors = _attend(side, size)
    return jitted(attend, *vectors)


@case(
    "attention-grad",
    "the gradient of that",
    sides=("old", "new"),
    check=_check_close,
    n_samples=1,
    sites=(1, 10, 50, 125),
    further_sites=(1_000, 10_000),
    middle=125,
    recorded=("flatten_structured",),
    mode="jitted",
    old_needs=_dense_needs,
    needs_oracle=True,
)
def _gradient(side: str, size: Size, legacy: Legacy) -> Call:
    attend, vectors = _attend(side, size)

    def loss(*vectors: Any) -> Any:
        return (attend(*vectors) ** 2).mean()

    return jitted(jax.grad(loss, (0, 1, 2)), *vectors)


def _check_plan(side: str, result: Any, old: Any, size: Size) -> None:
    """Compare the pairs of a plan with the mask, where there is one."""
    if old is None:
        return
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


@cache
def _described(size: Size) -> TokenLayout:
    return layout_from_slices(slices(size), RULES)


@case(
    "plan",
    "what attention asks of the rules: a mask, or a plan",
    sides=("old", "new"),
    check=_check_plan,
    n_samples=1,
    sites=(1, 10, 50, 100, 200, 500, 1_250),
    further_sites=(10_000,),
    middle=500,
    recorded=("flatten_structured",),
    old_needs=lambda size: 5 * 4 * size.n_tokens**2,
)
def _plan(side: str, size: Size, legacy: Legacy) -> Call:
    if side == "old":
        described = slices(size)
        build = legacy.build_self_attention_mask
        return Call(lambda: build(described, RULES))
    known = _described(size)

    def make() -> Any:
        # A new layout remembers nothing.
        layout = TokenLayout(known.keys, known.independence)
        return attention_plan(layout, layout.names)

    return Call(make, n_bytes=lambda plan: plan.n_bytes)


_NETWORK = {
    "sides": ("old", "new"),
    "check": _check_close,
    "slow": True,
    "sites": (10, 50, 100),
    "further_sites": (500, 1_000, 10_000),
    "recorded": ("flatten_structured",),
    "old_needs": _dense_needs,
    "needs_oracle": True,
}
_ATTENTION = {"old": "dense", "new": "structured"}


@case(
    "training-local",
    "a step of the core's network, dense and by the rules",
    n_samples=4,
    mode="jitted",
    **_NETWORK,
)
def _training(side: str, size: Size, legacy: Legacy) -> Call:
    from .networks import core_network

    network = core_network(_ATTENTION[side])
    return core_step(_local_tokens(size), network)


@case(
    "draws-local",
    "draws by the core's network, dense and by the rules",
    n_samples=4,
    **_NETWORK,
)
def _draws(side: str, size: Size, legacy: Legacy) -> Call:
    from .networks import core_network

    one = _local_tokens(size._replace(n_samples=1))
    call = core_draws(one, core_network(_ATTENTION[side]), size.n_samples)
    return Call(call, compiled=jitted(call).compiled)
