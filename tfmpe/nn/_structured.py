"""Attention over only the open pairs of a mask."""

import math
from types import ModuleType
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from tfmpe._base.arrays import common_dtype
from tfmpe.nn._types import AnyArray, Heads
from tfmpe.preprocessing import AttentionPlan
from tfmpe.preprocessing.masks.plan_blocks import AttentionBlock

MAX_SCORES = 2**26
"""Largest number of scores in memory at a time; more are computed in parts, and
recomputed in the backward pass."""

ByHead: TypeAlias = Float[Array, "rows heads n head_dim"]
Keys: TypeAlias = Float[Array, "rows heads m head_dim"]
RealKeys: TypeAlias = Bool[AnyArray, "_ m"] | None
AnyPadding: TypeAlias = Bool[AnyArray, "..."] | None
Attended: TypeAlias = tuple[
    Float[Array, "rows heads slots head_dim"], Bool[AnyArray, "_ slots"]
]
"""Results, 0 in rows without an open key; and which rows have an open key."""


def structured_attention(
    query: Heads,
    key: Float[Array, "rows m heads head_dim"],
    value: Float[Array, "rows m heads head_dim"],
    plan: AttentionPlan,
    *,
    query_real: AnyPadding = None,
    key_real: AnyPadding = None,
) -> Heads:
    """Attend as a dense masked softmax would, but only over the open pairs.

    Parameters
    ----------
    query, key, value
        Vectors for each row, token and head.
    plan
        Static; the result of ``tokens.attention_plan()``.
    query_real, key_real : array of bool, shape (rows or 1, n), optional
        Padding masks, False for padding; None without padding.

    Returns
    -------
    Array, shape (rows, n_query, heads, head_dim)
        The result of ``jax.nn.dot_product_attention`` with the mask
        ``tokens.attention_mask()``, up to rounding.

    Raises
    ------
    ValueError
        If the numbers of tokens differ from those of the plan, or padding
        masks have a wrong shape.

    Notes
    -----
    Works under ``jit``, ``vmap``, ``grad`` and ``remat``. Time and memory
    are proportional to ``plan.n_pairs``. Large blocks are computed in parts,
    whose size does not take ``vmap`` axes into account. Scores and softmax are
    float32 or float64. Between two sets of tokens, rows that padding leaves
    empty attend to all keys but padding; this is computed only if there is
    such a row (under ``vmap``, always).

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"obs": jnp.zeros((1, 2, 1))}, {"local": ["obs"]}
    ... )
    >>> x = jnp.arange(2.0).reshape(1, 2, 1, 1)
    >>> structured_attention(x, x, x, tokens.attention_plan()).ravel().tolist()
    [0.0, 1.0]
    """
    for what, array, n in (
        ("query", query, plan.n_query),
        ("key", key, plan.n_key),
        ("value", value, plan.n_key),
    ):
        if array.shape[1] != n:
            raise ValueError(
                f"{what} has {array.shape[1]} tokens, but the plan has {n}. "
                "Build the plan from the same tokens."
            )
    rows = len(query)
    if plan.among_themselves:
        # Queries and keys are the same tokens, with the same padding mask.
        query_real = key_real = key_real if query_real is None else query_real
    query_real = _checked("query_real", query_real, rows, plan.n_query)
    key_real = _checked("key_real", key_real, rows, plan.n_key)
    if not plan.blocks or not plan.n_key:
        return jnp.zeros_like(query)
    # Heads first, so that every product below is one batched product.
    q, k, v = (array.swapaxes(1, 2) for array in (query, key, value))
    parts = [_attend_block(block, q, k, v, key_real) for block in plan.blocks]
    attended = jnp.concatenate([part for part, _ in parts], 2)
    attended = _take(attended, plan.order)
    if query_real is not None or key_real is not None:
        found = jnp.concatenate(
            [
                jnp.broadcast_to(found, (rows, found.shape[1]))
                for _, found in parts
            ],
            1,
        )[:, plan.order]
        attended = _fill_rows(
            attended, found, plan, (q, k, v), query_real, key_real
        )
    return attended.swapaxes(1, 2)


def _checked(
    what: str, real: AnyPadding, rows: int, n: int
) -> Bool[Array, "rows n"] | None:
    if real is None:
        return None
    shape = tuple(real.shape)
    if shape not in ((1, n), (rows, n)):
        raise ValueError(
            f"{what} has shape {shape}, expected {(rows, n)} or {(1, n)}: one "
            "row per sample, with the sample axes flattened, and one column "
            "per token of the plan."
        )
    return jnp.asarray(real)


def _take(
    vectors: ByHead, index: Int[AnyArray, "*index"]
) -> Float[Array, "rows heads *index head_dim"]:
    """Return the vectors at some positions, in the shape of the index."""
    rows, heads, _, dim = vectors.shape
    flat = index.reshape(-1)
    if (
        isinstance(flat, np.ndarray)
        and flat.size
        and (np.diff(flat) == 1).all()
    ):
        taken = vectors[:, :, flat[0] : flat[-1] + 1]
    else:
        taken = vectors.at[:, :, flat].get(mode="promise_in_bounds")
    return taken.reshape((rows, heads, *index.shape, dim))


def _attend_block(
    block: AttentionBlock,
    query: ByHead,
    key: Keys,
    value: Keys,
    key_real: RealKeys,
    max_scores: float = math.inf,
) -> Attended:
    """Return the results of all slots, and which slots have an open key.

    Results are 0 without an open key. Groups and slots are flattened.
    """
    rows, heads, _, dim = query.shape
    shared = _take(key, block.shared), _take(value, block.shared)

    def attend(groups: AttentionBlock) -> tuple[Array, AnyArray]:
        return _attend_groups(groups, query, key, value, shared, key_real)

    most = max(1, min(MAX_SCORES, max_scores))
    n_parts = math.ceil(rows * heads * block.n_pairs / most)
    if n_parts <= 1:
        attended, found = attend(block)
    else:
        attended, found = jax.lax.map(
            jax.checkpoint(lambda groups: attend(block._replace(**groups))),
            _in_parts(block, n_parts),
        )
        attended = jnp.moveaxis(attended, 0, 2)
        found = jnp.moveaxis(found, 0, 1)
    n_slots = block.queries.size
    attended = attended.reshape((rows, heads, -1, dim))[:, :, :n_slots]
    return attended, found.reshape((len(found), -1))[:, :n_slots]


def _in_parts(block: AttentionBlock, n_parts: int) -> dict[str, np.ndarray]:
    """Return the arrays of a block with its groups in about ``n_parts`` parts.

    The last part is filled up with copies of the first group.
    """
    arrays = block._asdict()
    del arrays["shared"]
    if not block.keys.shape[1]:
        # All queries attend to the same keys: each can be a separate group.
        n_slots = block.queries.size
        arrays["queries"] = block.queries.reshape(-1, 1)
        arrays["keys"] = np.zeros((n_slots, 0), np.int32)
        if block.shared_open is not None:
            shape = (*block.queries.shape, block.shared.size)
            opened = np.broadcast_to(block.shared_open, shape)
            arrays["shared_open"] = opened.reshape(n_slots, 1, -1)
    n_groups = len(arrays["queries"])
    size = math.ceil(n_groups / n_parts)
    groups = np.arange(math.ceil(n_groups / size) * size).reshape(-1, size)
    groups = np.where(groups < n_groups, groups, 0)
    return {
        name: array[groups]
        for name, array in arrays.items()
        if array is not None and len(array) == n_groups
    }


def _attend_groups(
    block: AttentionBlock,
    query: ByHead,
    key: Keys,
    value: Keys,
    shared: tuple[Array, Array],
    key_real: RealKeys,
) -> tuple[Array, AnyArray]:
    """Return results per group and slot, and which slots have an open key."""
    dtype = common_dtype([query.dtype, jnp.float32])
    queries = _take(query, block.queries)
    # Keys of each group, then those that all groups share.
    sides: list[Any] = []
    if block.keys.shape[-1]:
        own = _take(key, block.keys), _take(value, block.keys)
        real = None if key_real is None else key_real[:, block.keys]
        sides.append(("g", *own, block.keys_open, real))
    if block.shared.size:
        real = None if key_real is None else key_real[:, None, block.shared]
        sides.append(("", *shared, block.shared_open, real))
    scores = [
        jnp.einsum(
            f"rhgqd,rh{axis}kd->rhgqk",
            queries,
            keys,
            preferred_element_type=dtype,
        )
        for axis, keys, *_ in sides
    ]
    logits = jnp.concatenate(scores, -1) / math.sqrt(query.shape[-1])
    masks = (block.keys_open, block.shared_open, key_real)
    if all(mask is None for mask in masks):
        weights = jax.nn.softmax(logits, -1)
        found = jnp.ones((1, *logits.shape[2:4]), bool)
    else:
        is_open = [
            _opened(declared, real, part.shape)
            for (*_, declared, real), part in zip(sides, scores, strict=True)
        ]
        weights, found = _masked_softmax(logits, is_open)
    ends = np.cumsum([part.shape[-1] for part in scores])[:-1]
    parts = jnp.split(weights.astype(value.dtype), ends, -1)
    attended = [
        jnp.einsum(f"rhgqk,rh{axis}kd->rhgqd", part, values)
        for (axis, _, values, *_), part in zip(sides, parts, strict=True)
    ]
    return sum(attended[1:], attended[0]), found


def _opened(
    declared: Bool[AnyArray, "_ n_q n"] | None,
    real: Bool[AnyArray, "_ _ n"] | None,
    shape: tuple[int, ...],
) -> Bool[AnyArray, "_ groups n_q n"]:
    """Return which pairs both the rules and the padding leave open."""
    is_open: Any = np.ones((1, 1, 1, 1), bool)
    if declared is not None:
        is_open = is_open & declared
    if real is not None:
        is_open = is_open & real[:, :, None]
    numbers = _module_of(is_open)
    return numbers.broadcast_to(is_open, (len(is_open), *shape[2:]))


def _module_of(*masks: AnyArray) -> ModuleType:
    """Return NumPy for concrete masks, because XLA folds them slowly."""
    known = all(isinstance(mask, np.ndarray) for mask in masks)
    return np if known else jnp


def _masked_softmax(
    scores: Float[Array, "rows heads groups n_q n"], is_open: list[AnyArray]
) -> tuple[
    Float[Array, "rows heads groups n_q n"], Bool[AnyArray, "_ groups n_q"]
]:
    """Return weights, and which rows have an open key; others have weight 0."""
    numbers = _module_of(*is_open)
    rows = max(len(part) for part in is_open)
    parts = [numbers.broadcast_to(p, (rows, *p.shape[1:])) for p in is_open]
    mask = numbers.concatenate(parts, -1)[:, None]
    found = mask.any(-1)
    # Like jax.nn.softmax, which however returns NaN for a row of -inf.
    scores = jnp.where(mask, scores, -jnp.inf)
    highest = jax.lax.stop_gradient(scores.max(-1, keepdims=True))
    raised = jnp.exp(scores - jnp.where(found[..., None], highest, 0))
    total = raised.sum(-1, keepdims=True)
    return raised / jnp.where(found[..., None], total, 1), found[:, 0]


def _fill_rows(
    attended: ByHead,
    found: Bool[Array, "rows n"],
    plan: AttentionPlan,
    vectors: tuple[Array, Array, Array],
    query_real: Bool[AnyArray, "_ n"] | None,
    key_real: RealKeys,
) -> ByHead:
    """Return the output, with rows filled for queries without an open key.

    As in ``attention_mask``, such queries attend to themselves or to all keys
    but padding. Queries that are padding get the value of the first key that is
    not.
    """
    value = vectors[-1]
    to_self = plan.empty_rows != "all" and bool((plan.own >= 0).any())
    query_real, key_real = (
        np.ones((1, n), bool) if real is None else real
        for real, n in ((query_real, plan.n_query), (key_real, plan.n_key))
    )
    empty = query_real & ~found
    if to_self:
        own = np.maximum(plan.own, 0)
        itself = empty & (plan.own >= 0)[None] & key_real[:, own]
        attended = jnp.where(
            itself[:, None, :, None], _take(value, own), attended
        )
        empty = empty & ~itself
    # In self-attention every token but padding can attend to itself.
    if not (to_self and plan.among_themselves):
        attended = _see_all(attended, empty, vectors, key_real, plan.n_pairs)
    first = jnp.take_along_axis(
        value, jnp.argmax(key_real, -1)[:, None, None, None], 2
    )
    return jnp.where(query_real[:, None, :, None], attended, first)


def _see_all(
    attended: ByHead,
    empty: Bool[AnyArray, "rows n"],
    vectors: tuple[Array, Array, Array],
    key_real: Bool[AnyArray, "_ m"],
    n_pairs: int,
) -> ByHead:
    """Let ``empty`` rows attend to all keys that are not padding.

    If all keys are padding, these rows attend to all keys. Memory is allocated
    even if there is no such row, so this is computed in parts that need no more
    memory than the open pairs.
    """
    query, key, value = vectors
    n_query, n_key = query.shape[2], key.shape[2]
    everything = AttentionBlock(
        np.arange(n_query, dtype=np.int32)[None],
        np.zeros((1, 0), np.int32),
        np.arange(n_key, dtype=np.int32),
    )
    real = jnp.where(key_real.any(-1, keepdims=True), key_real, True)

    def filled() -> Array:
        most = len(query) * query.shape[1] * n_pairs
        whole, _ = _attend_block(everything, query, key, value, real, most)
        return jnp.where(empty[:, None, :, None], whole, attended)

    return jax.lax.cond(empty.any(), filled, lambda: attended)
