"""Attention over the open pairs of a mask alone."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import common_dtype
from tfmpe.preprocessing import AttentionPlan
from tfmpe.preprocessing.masks.plan_blocks import AttentionBlock

MAX_SCORES = 2**26
"""Scores held at once; more are computed part by part, and once more in the
backward pass."""


def structured_attention(
    query: Any,
    key: Any,
    value: Any,
    plan: AttentionPlan,
    *,
    query_real: Any = None,
    key_real: Any = None,
) -> Any:
    """Attend as a dense masked softmax would, over the open pairs alone.

    Parameters
    ----------
    query : Array, shape (rows, n_query, heads, head_dim)
    key, value : Array, shape (rows, n_key, heads, head_dim)
    plan : AttentionPlan
        Static; ``tokens.attention_plan()`` makes it.
    query_real, key_real : array of bool, shape (rows or 1, n), optional
        Padding masks; None where all tokens are real.

    Returns
    -------
    Array, shape (rows, n_query, heads, head_dim)
        What ``jax.nn.dot_product_attention`` returns with the mask
        ``tokens.attention_mask()``, up to rounding.

    Raises
    ------
    ValueError
        If the numbers of tokens are not those of the plan, or padding masks
        have another shape.

    Notes
    -----
    Works under ``jit``, ``vmap``, ``grad`` and ``remat``. Time and memory
    are proportional to ``plan.n_pairs``; axes of ``vmap`` are not counted
    where large blocks are computed in parts. Scores and softmax are float32, or
    float64. Rows that padding leaves empty between two sets of tokens see
    every real key; that is computed if there is such a row (under ``vmap``
    always).

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
                f"{what} has {array.shape[1]} tokens, the plan {n}. Make the "
                "plan from the tokens whose vectors these are."
            )
    rows = len(query)
    if plan.among_themselves:
        # The same tokens on both sides: one padding says it all.
        query_real = key_real = key_real if query_real is None else query_real
    query_real = _checked("query_real", query_real, rows, plan.n_query)
    key_real = _checked("key_real", key_real, rows, plan.n_key)
    if not plan.blocks or not plan.n_key:
        return jnp.zeros_like(query)
    # Heads first: every product below is one batched product then.
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


def _checked(what: str, real: Any, rows: int, n: int) -> Any:
    if real is None:
        return None
    shape = tuple(real.shape)
    if shape not in ((1, n), (rows, n)):
        raise ValueError(
            f"{what} has shape {shape}, expected {(rows, n)} or {(1, n)}: a "
            "row for every sample, sample axes flattened, and the tokens of "
            "the plan."
        )
    return jnp.asarray(real)


def _take(vectors: Any, index: Any) -> Any:
    """Return ``(rows, heads, *index.shape, head_dim)``."""
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
    query: Any,
    key: Any,
    value: Any,
    key_real: Any,
    max_scores: float = math.inf,
) -> tuple[Any, Any]:
    """Return results, and which rows had an open key.

    Returns
    -------
    Array, shape (rows, heads, n_slots, head_dim)
        Groups and slots flattened; 0 in rows without an open key.
    Array of bool, shape (rows or 1, n_slots)
    """
    rows, heads, _, dim = query.shape
    shared = _take(key, block.shared), _take(value, block.shared)

    def attend(groups: AttentionBlock) -> tuple[Any, Any]:
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
    """Return the arrays of a block with its groups in about so many parts.

    The last part is filled up with the first group.
    """
    arrays = block._asdict()
    del arrays["shared"]
    if not block.keys.shape[1]:
        # All see the same keys: every query can be a group of its own.
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
    query: Any,
    key: Any,
    value: Any,
    shared: tuple[Any, Any],
    key_real: Any,
) -> tuple[Any, Any]:
    """Return ``(rows, heads, groups, n_q, head_dim)`` and what was found."""
    dtype = common_dtype([query.dtype, jnp.float32])
    queries = _take(query, block.queries)
    n_keys = block.keys.shape[-1]
    scores, is_open = [], []
    if n_keys:
        keys = _take(key, block.keys)
        scores.append(
            jnp.einsum(
                "rhgqd,rhgkd->rhgqk",
                queries,
                keys,
                preferred_element_type=dtype,
            )
        )
        real = None if key_real is None else key_real[:, block.keys]
        is_open.append(_opened(block.keys_open, real, scores[-1].shape))
    if block.shared.size:
        scores.append(
            jnp.einsum(
                "rhgqd,rhfd->rhgqf",
                queries,
                shared[0],
                preferred_element_type=dtype,
            )
        )
        real = None if key_real is None else key_real[:, None, block.shared]
        is_open.append(_opened(block.shared_open, real, scores[-1].shape))
    logits = jnp.concatenate(scores, -1) / math.sqrt(query.shape[-1])
    masks = (block.keys_open, block.shared_open, key_real)
    if all(mask is None for mask in masks):
        weights = jax.nn.softmax(logits, -1)
        found = jnp.ones((1, *logits.shape[2:4]), bool)
    else:
        weights, found = _masked_softmax(logits, is_open)
    weights = weights.astype(value.dtype)
    attended: Any = 0
    if n_keys:
        values = _take(value, block.keys)
        attended += jnp.einsum(
            "rhgqk,rhgkd->rhgqd", weights[..., :n_keys], values
        )
    if block.shared.size:
        attended += jnp.einsum(
            "rhgqf,rhfd->rhgqd", weights[..., n_keys:], shared[1]
        )
    return attended, found


def _opened(declared: Any, real: Any, shape: tuple[int, ...]) -> Any:
    """Combine what rules and padding open.

    Parameters
    ----------
    declared : array of bool, shape (groups or 1, n_q, n), or None
    real : array of bool, shape (rows or 1, groups or 1, n), or None
    shape : (rows, heads, groups, n_q, n)

    Returns
    -------
    array of bool, shape (rows or 1, groups, n_q, n)
    """
    is_open: Any = np.ones((1, 1, 1, 1), bool)
    if declared is not None:
        is_open = is_open & declared
    if real is not None:
        is_open = is_open & real[:, :, None]
    numbers = _module_of(is_open)
    return numbers.broadcast_to(is_open, (len(is_open), *shape[2:]))


def _module_of(*masks: Any) -> Any:
    """Return NumPy for what is known: XLA would take long to find it."""
    known = all(isinstance(mask, np.ndarray) for mask in masks)
    return np if known else jnp


def _masked_softmax(scores: Any, is_open: list[Any]) -> tuple[Any, Any]:
    """Return weights, and which rows had anything open: others are 0.

    Parameters
    ----------
    scores : Array, shape (rows, heads, groups, n_q, n)
    is_open : list of Array of bool, shape (rows or 1, groups, n_q, .)
    """
    numbers = _module_of(*is_open)
    rows = max(len(part) for part in is_open)
    parts = [numbers.broadcast_to(p, (rows, *p.shape[1:])) for p in is_open]
    mask = numbers.concatenate(parts, -1)[:, None]
    found = mask.any(-1)
    # As jax.nn.softmax, whose result of a row of -inf is NaN.
    scores = jnp.where(mask, scores, -jnp.inf)
    highest = jax.lax.stop_gradient(scores.max(-1, keepdims=True))
    raised = jnp.exp(scores - jnp.where(found[..., None], highest, 0))
    total = raised.sum(-1, keepdims=True)
    return raised / jnp.where(found[..., None], total, 1), found[:, 0]


def _fill_rows(
    attended: Any,
    found: Any,
    plan: AttentionPlan,
    vectors: tuple[Any, Any, Any],
    query_real: Any,
    key_real: Any,
) -> Any:
    """Give the rows that padding left empty what ``attention_mask`` says.

    Parameters
    ----------
    attended : Array, shape (rows, heads, n_query, head_dim)
    found : Array of bool, shape (rows, n_query)
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
    # Among themselves a real token is a real key, and has found itself.
    if not (to_self and plan.among_themselves):
        attended = _see_all(attended, empty, vectors, key_real, plan.n_pairs)
    first = jnp.take_along_axis(
        value, jnp.argmax(key_real, -1)[:, None, None, None], 2
    )
    return jnp.where(query_real[:, None, :, None], attended, first)


def _see_all(
    attended: Any,
    empty: Any,
    vectors: tuple[Any, Any, Any],
    key_real: Any,
    n_pairs: int,
) -> Any:
    """Let some rows see every real key, or every key if none is real.

    Room is set aside for this even where no row needs it; so it is done in
    parts that take no more than the open pairs do.
    """
    query, key, value = vectors
    n_query, n_key = query.shape[2], key.shape[2]
    everything = AttentionBlock(
        np.arange(n_query, dtype=np.int32)[None],
        np.zeros((1, 0), np.int32),
        np.arange(n_key, dtype=np.int32),
    )
    real = jnp.where(key_real.any(-1, keepdims=True), key_real, True)

    def filled() -> Any:
        most = len(query) * query.shape[1] * n_pairs
        whole, _ = _attend_block(everything, query, key, value, real, most)
        return jnp.where(empty[:, None, :, None], whole, attended)

    return jax.lax.cond(empty.any(), filled, lambda: attended)
