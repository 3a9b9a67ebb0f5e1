"""Tokens and masks as text that a person reads."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.core import Tracer

from tfmpe.preprocessing._independence import Independence
from tfmpe.preprocessing._layout import TokenLayout
from tfmpe.preprocessing._masks import declared_mask

if TYPE_CHECKING:
    from tfmpe.preprocessing._queries import TokenQueries


def describe(tokens: "TokenQueries") -> str:
    """Return keys, shapes, offsets, token counts and rules as a table."""
    shape = getattr(tokens.data, "shape", None)
    dtype = getattr(tokens.data, "dtype", "")
    kind = type(tokens).__name__
    head = (
        f"{kind}({len(tokens.layout.keys)} keys, data: {tokens.data!r})"
        if shape is None
        else f"{kind}(samples {tuple(shape[:-2])}, {tokens.layout.n_tokens} "
        f"tokens of width {shape[-1]}, {dtype})"
    )
    lines = [head, *_table(tokens.layout)]
    lines += rules_in_words(tokens.layout.independence)
    lines.append("  padding: " + _padding_in_words(tokens.padding))
    return "\n".join(lines)


def _table(layout: TokenLayout) -> list[str]:
    titles = ("key", "event", "batch", "offset", "tokens", "label", "inputs")
    rows = [titles] + [
        (
            key.name,
            str(key.event_shape),
            str(key.batch_shape),
            str(key.offset),
            str(key.n_tokens),
            str(key.label),
            "-" if key.n_inputs is None else str(key.n_inputs),
        )
        for key in layout.keys
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def rules_in_words(rules: Independence) -> list[str]:
    """Return one line per kind of rule, or a line that there are none."""
    lines = []
    if rules.local:
        lines.append("  local: " + ", ".join(rules.local))
    if rules.cross:
        pairs = (f"{query} -/-> {key}" for query, key in rules.cross)
        lines.append("  cross: " + ", ".join(pairs))
    if rules.cross_local:
        pairs = (
            f"{a} <-> {b} " + ("by position" if dims is None else f"on {dims}")
            for a, b, dims in rules.cross_local
        )
        lines.append("  cross_local: " + ", ".join(pairs))
    return lines or ["  rules: none"]


def _padding_in_words(padding: Any) -> str:
    if padding is None:
        return "none"
    concrete = isinstance(padding, (jax.Array, np.ndarray))
    if not concrete or isinstance(padding, Tracer):
        return f"{padding}"
    share = 1 - np.asarray(padding).mean() if padding.size else 0.0
    return f"{share:.1%} of all tokens"


def draw_mask(
    tokens: "TokenQueries",
    query_keys: Any = None,
    key_keys: Any = None,
) -> str:
    """Draw a declared mask as text.

    Parameters
    ----------
    tokens : Tokens or TokenView
        Whose mask to draw.
    query_keys : sequence of str, optional
        Keys in the rows; all by default.
    key_keys : sequence of str, optional
        Keys in the columns: then the cross-attention mask is drawn, without
        them the self-attention mask among the rows' keys.

    Returns
    -------
    str
        One line per token, ``#`` where it may attend and ``.`` where not.
        Blocks of keys are set apart by lines and carry the keys' names.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": np.zeros((8, 1, 1)), "obs": np.zeros((8, 2, 1))},
    ...     {"local": ["obs"], "cross": [("mu", "obs")]},
    ... )
    >>> print(draw_mask(tokens))
        |mu|obs
    mu  |# |. .
    ----+--+---
    obs |# |. .
        |# |. .
    """
    rows = tokens.layout.select(query_keys or tokens.layout.names)
    columns = rows if key_keys is None else tokens.layout.select(key_keys)
    mask = declared_mask(
        tokens.layout, rows.names, None if key_keys is None else columns.names
    )
    blocks = [key.block for key in columns.keys]
    widths = [max(len(key.name), 2 * key.n_tokens - 1) for key in columns.keys]
    margin = max((len(name) for name in rows.names), default=0) + 1
    head = [key.name for key in columns.keys]
    lines = [_line("", head, widths, margin)]
    for number, key in enumerate(rows.keys):
        if number:
            rule = "-" * margin
            lines.append("+".join([rule, *("-" * width for width in widths)]))
        for i, row in enumerate(mask[key.block]):
            cells = [
                " ".join("#" if allowed else "." for allowed in row[block])
                for block in blocks
            ]
            lines.append(_line("" if i else key.name, cells, widths, margin))
    return "\n".join(lines)


def _line(name: str, cells: list[str], widths: list[int], margin: int) -> str:
    padded = (
        cell.ljust(width) for cell, width in zip(cells, widths, strict=True)
    )
    return "|".join([name.ljust(margin), *padded]).rstrip()
