"""Attention patterns: a dense mask, or a plan of the open pairs."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jaxtyping import Array, Bool, Float

from tfmpe.nn._structured import structured_attention
from tfmpe.nn._types import AnyArray, AnyView, Heads, Padding
from tfmpe.preprocessing import AttentionPlan


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["mask", "query_real", "key_real"],
    meta_fields=["plan"],
)
@dataclass(frozen=True)
class AttentionPattern:
    """A dense mask, or a plan and padding masks.

    Attributes
    ----------
    mask : array of bool, shape (rows or 1, 1, n_query, n_key), or None
        True where a query may attend; None if there is a plan.
    plan
        Static.
    query_real, key_real : array of bool, shape (rows, n), or None
        Padding masks for a plan.
    """

    mask: Any = None
    query_real: Any = None
    key_real: Any = None
    plan: AttentionPlan | None = None

    @classmethod
    def of(
        cls,
        queries: AnyView,
        keys: AnyView | None = None,
        *,
        both_ways: bool = False,
        attention: str = "auto",
    ) -> "AttentionPattern":
        """Return the pattern among tokens, or from queries to keys.

        ``'auto'`` chooses what is faster for the tokens.
        """
        plan = None
        if attention != "dense":
            plan = queries.attention_plan(keys, both_ways=both_ways)
            if attention == "auto":
                attention = plan.choice(jax.default_backend())
        if attention == "dense":
            mask = queries.attention_mask(keys, both_ways=both_ways)
            return cls(mask=mask)
        query_real = _rows(queries.padding)
        key_real = query_real if keys is None else _rows(keys.padding)
        return cls(None, query_real, key_real, plan)

    def __call__(
        self,
        query: Heads,
        key: Float[Array, "rows m heads head_dim"],
        value: Float[Array, "rows m heads head_dim"],
    ) -> Heads:
        """Attend."""
        if self.plan is None:
            return jax.nn.dot_product_attention(
                query, key, value, mask=self.mask
            )
        return structured_attention(
            query,
            key,
            value,
            self.plan,
            query_real=self.query_real,
            key_real=self.key_real,
        )


def _rows(padding: Padding) -> Bool[AnyArray, "rows n"] | None:
    if padding is None:
        return None
    *sample, n_tokens = padding.shape
    return padding.reshape((math.prod(sample), n_tokens))
