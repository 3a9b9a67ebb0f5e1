"""Which tokens see which, in the form that is cheaper to attend with."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

from tfmpe.nn._structured import structured_attention
from tfmpe.preprocessing import AttentionPlan


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["mask", "query_real", "key_real"],
    meta_fields=["plan"],
)
@dataclass(frozen=True)
class AttentionPattern:
    """A dense mask, or a plan and what is padding.

    Attributes
    ----------
    mask : array of bool, shape (rows or 1, 1, n_query, n_key), or None
        True where a query may attend; None if there is a plan.
    plan : AttentionPlan or None
        Static.
    query_real, key_real : array of bool, shape (rows, n), or None
        Padding masks, beside a plan.
    """

    mask: Any = None
    query_real: Any = None
    key_real: Any = None
    plan: AttentionPlan | None = None

    @classmethod
    def of(
        cls,
        queries: Any,
        keys: Any = None,
        *,
        both_ways: bool = False,
        attention: str = "auto",
    ) -> "AttentionPattern":
        """Return the pattern among tokens, or from some to others.

        Parameters
        ----------
        queries, keys : Tokens or view
        both_ways : bool
            As of ``Tokens.attention_mask``.
        attention : {'auto', 'dense', 'structured'}
            ``'auto'``: as ``AttentionPlan.choice`` says.
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

    def __call__(self, query: Any, key: Any, value: Any) -> Any:
        """Attend, ``(rows, n, heads, head_dim)`` each."""
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


def _rows(padding: Any) -> Any:
    if padding is None:
        return None
    *sample, n_tokens = padding.shape
    return padding.reshape((math.prod(sample), n_tokens))
