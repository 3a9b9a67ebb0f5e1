"""Attention patterns: a dense mask, or a plan of the open pairs."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jaxtyping import Array, Float

from tfmpe._base.arrays import flatten_samples
from tfmpe.nn._structured import structured_attention
from tfmpe.nn._types import AnyView, Heads
from tfmpe.preprocessing import AttentionPlan


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["mask", "query_real", "key_real"],
    meta_fields=["plan"],
)
@dataclass(frozen=True)
class AttentionPattern:
    """A dense mask, or a static plan and padding masks."""

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

        ``'auto'`` chooses the faster method for the tokens.
        """
        plan = None
        if attention != "dense":
            plan = queries.attention_plan(keys, both_ways=both_ways)
            if attention == "auto":
                attention = plan.choice(jax.default_backend())
        if attention == "dense":
            mask = queries.attention_mask(keys, both_ways=both_ways)
            return cls(mask=mask)
        query_real, key_real = (
            None
            if view.padding is None
            else flatten_samples(view.padding, len(view.sample_shape))
            for view in (queries, queries if keys is None else keys)
        )
        return cls(None, query_real, key_real, plan)

    def __call__(
        self,
        query: Heads,
        key: Float[Array, "rows m heads head_dim"],
        value: Float[Array, "rows m heads head_dim"],
    ) -> Heads:
        """Return the attended values of every query."""
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
