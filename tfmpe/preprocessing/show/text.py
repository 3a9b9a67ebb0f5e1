"""Text forms of tokens and masks."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool

from tfmpe._base.arrays import AnyArray
from tfmpe.preprocessing.layout.groups import GroupIndex
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.masks.dense import chosen_mask

if TYPE_CHECKING:
    from tfmpe.preprocessing.tokens.queries import TokenQueries


def describe(tokens: "TokenQueries") -> str:
    """Return keys, shapes, offsets, token counts and rules as a table."""
    lines = [headline(tokens)]
    lines += ["  " + line for line in aligned(key_table(tokens.layout))]
    lines += dimensions_in_words(tokens.layout)
    lines += rules_in_words(tokens.layout.independence)
    lines.append("  padding: " + padding_in_words(padding_of(tokens)))
    return "\n".join(lines)


def headline(tokens: "TokenQueries") -> str:
    """Return the kind of the tokens and the shape of their data."""
    kind, layout = type(tokens).__name__, tokens.layout
    data = leaf_shapes(tokens)["data"]
    if not is_array(data):
        return f"{kind}({len(layout.keys)} keys, data: {data!r})"
    return (
        f"{kind}(samples {data.shape[:-2]}, {layout.n_tokens} "
        f"tokens of width {data.shape[-1]}, {data.dtype})"
    )


def leaf_shapes(tokens: "TokenQueries") -> dict[str, Any]:
    """Return shape and dtype of array leaves; other leaves are unchanged."""
    holder = getattr(tokens, "parent", tokens)
    shapes = {}
    for name, axis in _TOKEN_AXES.items():
        leaf = getattr(holder, name)
        if is_array(leaf, -axis):
            shape = list(leaf.shape)
            if holder is not tokens:
                shape[axis] = tokens.layout.n_tokens
            leaf = jax.ShapeDtypeStruct(tuple(shape), leaf.dtype)
        shapes[name] = leaf
    return shapes


_TOKEN_AXES = {"data": -2, "functional_inputs": -2, "padding": -1}


def is_array(leaf: Any, ndim: int = 2) -> bool:
    """Return whether a leaf has a dtype and at least ``ndim`` axes."""
    return hasattr(leaf, "dtype") and len(leaf.shape) >= ndim


def has_values(leaf: object) -> bool:
    """Return whether a leaf is an array whose values can be read now."""
    return isinstance(leaf, (jax.Array, np.ndarray)) and not isinstance(
        leaf, Tracer
    )


def padding_of(tokens: "TokenQueries") -> Any:
    """Return the padding of tokens, or the parent's if it has no values."""
    padding = getattr(tokens, "parent", tokens).padding
    return tokens.padding if has_values(padding) else padding


def printable(name: str) -> str:
    """Return a name without line breaks or other control characters."""
    return name if name.isprintable() else repr(name)[1:-1]


def shorten(text: str, length: int) -> str:
    """Return a text of at most ``length`` characters, cut in the middle."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return text[: length - 1 - tail] + "…" + text[len(text) - tail :]


_COLUMNS: dict[str, Callable[[KeyLayout, TokenLayout], str]] = {
    "key": lambda key, _: printable(key.name),
    "event": lambda key, _: str(key.event_shape),
    "batch": lambda key, _: str(key.batch_shape),
    "offset": lambda key, _: str(key.offset),
    "tokens": lambda key, _: str(key.n_tokens),
    "share": lambda key, all_: percent(key.n_tokens, all_.n_tokens),
    "label": lambda key, _: str(key.label),
    "inputs": lambda key, _: "-" if key.n_inputs is None else str(key.n_inputs),
}


_TITLES = ("key", "event", "batch", "offset", "tokens", "label", "inputs")


def key_table(
    layout: TokenLayout, titles: Sequence[str] = _TITLES
) -> list[Sequence[str]]:
    """Return titles, then one row of texts per key."""
    return [
        titles,
        *(
            [_COLUMNS[title](key, layout) for title in titles]
            for key in layout.keys
        ),
    ]


def percent(part: float, whole: float) -> str:
    """Return a share in percent, or a dash if the whole is 0."""
    return f"{part / whole:.1%}" if whole else "-"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of texts as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def event_in_words(key: KeyLayout) -> str:
    """Return the event shape of a key, with the names of its dimensions."""
    shape = str(key.event_shape)
    if key.dims:
        named = zip(key.dims, key.event_shape, strict=True)
        shape = f"({', '.join(f'{name} {size}' for name, size in named)})"
    groups = [f"{group.name} {group.size}" for group in key.groups]
    return shape + (f" in {', '.join(groups)}" if groups else "")


def dimensions_in_words(layout: TokenLayout) -> list[str]:
    """Return one line for named axes and one for group indices, if any."""
    axes = [
        f"{key.name} ({', '.join(key.dims)})" for key in layout.keys if key.dims
    ]
    groups = [
        f"{key.name} in {group.size} of {group.name} "
        f"({group_sizes(group)} tokens each)"
        for key in layout.keys
        for group in key.groups
    ]
    lines = []
    if axes:
        lines.append("  dims: " + ", ".join(axes))
    if groups:
        lines.append("  groups: " + ", ".join(groups))
    return [printable(line) for line in lines]


def group_sizes(group: GroupIndex) -> str:
    """Return the smallest and the largest number of tokens in a group."""
    counts = np.bincount(group.ids, minlength=group.size)
    low, high = (int(counts.min()), int(counts.max())) if group.size else (0, 0)
    return str(low) if low == high else f"{low} to {high}"


def rules_in_words(rules: Independence) -> list[str]:
    """Return one line per kind of rule, or a line that says there are none."""
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
    return [printable(line) for line in lines] or ["  rules: none"]


def padding_in_words(padding: Any) -> str:
    """Return the fraction of padding among the tokens, or the leaf as text."""
    if padding is None:
        return "none"
    if not has_values(padding):
        return f"{padding}"
    return f"{1 - real_share(padding):.1%} of all tokens"


def real_share(padding: Bool[AnyArray, "..."]) -> float:
    """Return the fraction of True in a padding mask."""
    return np.count_nonzero(padding) / padding.size if padding.size else 1.0


def draw_mask(
    tokens: "TokenQueries",
    query_keys: Iterable[str] | None = None,
    key_keys: Iterable[str] | None = None,
) -> str:
    """Draw a declared mask as text.

    Parameters
    ----------
    tokens, query_keys, key_keys
        See :func:`plot_mask`.

    Returns
    -------
    str
        One line per token, ``#`` where it may attend and ``.`` where not, in
        blocks with the keys' names.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe import Tokens
    >>> data = {"mu": np.zeros((8, 1, 1)), "obs": np.zeros((8, 2, 1))}
    >>> tokens = Tokens.from_pytree(data, {"local": ["obs"]})
    >>> print(draw_mask(tokens))
        |mu|obs
    mu  |# |# #
    ----+--+---
    obs |# |. .
        |# |. .
    """
    mask, rows, columns = chosen_mask(tokens.layout, query_keys, key_keys)
    blocks = [key.block for key in columns.keys]
    head = [printable(name) for name in columns.names]
    widths = [
        max(len(name), 2 * key.n_tokens - 1)
        for name, key in zip(head, columns.keys, strict=True)
    ]
    margin = max((len(printable(name)) for name in rows.names), default=0) + 1
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
            name = "" if i else printable(key.name)
            lines.append(_line(name, cells, widths, margin))
    return "\n".join(lines)


def _line(name: str, cells: list[str], widths: list[int], margin: int) -> str:
    padded = (
        cell.ljust(width) for cell, width in zip(cells, widths, strict=True)
    )
    return "|".join([name.ljust(margin), *padded]).rstrip()
