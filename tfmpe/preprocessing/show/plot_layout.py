"""Plot of the token axis: blocks of keys, and how full they are."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfmpe._base.extras import import_pyplot
from tfmpe.preprocessing.layout.layout import KeyLayout

from .plot import label_of
from .text import (
    aligned,
    event_in_words,
    has_values,
    is_array,
    leaf_shapes,
    padding_of,
    real_share,
    shorten,
)

if TYPE_CHECKING:
    from tfmpe.preprocessing.tokens.queries import TokenQueries

# Hatches distinguish the parts where colors do not.
_Style = dict[str, Any]
_PARTS: tuple[_Style, ...] = tuple(
    {"facecolor": colour, "hatch": hatch, "label": label}
    for colour, hatch, label in (
        ("#0072b2", None, "values"),
        ("#d5e8f5", "////", "width padding"),
        ("#fdebc8", "....", "padded tokens"),
    )
)
_VALUES, _NARROW, _PADDED = _PARTS
_HEIGHT = 0.8


class _Fill(NamedTuple):
    """Fractions of the width and of the tokens of a key that hold values."""

    of_width: float
    of_tokens: float


def plot_layout(tokens: "TokenQueries", *, ax: Any = None) -> Any:
    """Plot which tokens belong to which key, and how full they are.

    Parameters
    ----------
    tokens : Tokens or TokenView
        Tokens whose layout is plotted.
    ax : matplotlib Axes, optional
        Where to plot; a new figure by default. The table to the right of it
        needs room, which ``layout="constrained"`` makes.

    Returns
    -------
    matplotlib Axes
        One row per key, with its tokens as a block on the common token axis.
        The height of a block is the width of the tokens, of which the lower
        part holds values; padded tokens are at the right end. The plot is not
        shown; the caller does that.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Notes
    -----
    If the padding mask has no values (under ``jit``, or in a tree of shapes),
    the fraction of padding is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree({"mu": np.zeros((8, 1, 1))}, {})
    >>> ax = plot_layout(tokens, ax=Figure().add_subplot())
    >>> ax.get_yticklabels()[0].get_text()
    'mu'
    """
    import_pyplot("plot_layout", "tokens.summary() for text")
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    keys = tokens.layout.keys
    if ax is None:
        height = min(1.3 + 0.26 * max(len(keys), 3), 30)
        _, ax = pyplot.subplots(figsize=(8, height), layout="constrained")
    points = ax.get_window_extent().height * 72 / ax.figure.dpi
    font_size = min(9.0, 0.7 * points / max(len(keys), 1))
    fills = _fills(tokens)
    used = [_VALUES]
    for row, (key, fill) in enumerate(zip(keys, fills, strict=True)):
        used += _draw_block(ax, row, key, fill)
    _set_axes(ax, tokens, font_size)
    _write_table(ax, tokens, fills, font_size)
    ax.legend(
        handles=[
            Patch(edgecolor="0.5", **part) for part in _PARTS if part in used
        ],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
        ncols=3,
        frameon=False,
        fontsize=9,
    )
    return ax


def _fills(tokens: "TokenQueries") -> list[_Fill]:
    data = leaf_shapes(tokens)["data"]
    width = data.shape[-1] if is_array(data) else tokens.layout.width
    padding = padding_of(tokens)
    real = np.asarray(padding) if has_values(padding) else None
    return [
        _Fill(
            key.width / width if width else 0.0,
            1.0 if real is None else real_share(real[..., key.block]),
        )
        for key in tokens.layout.keys
    ]


def _draw_block(ax: Any, row: int, key: KeyLayout, fill: _Fill) -> list[_Style]:
    """Draw the tokens of one key; return the styles of its parts."""
    from matplotlib.patches import Rectangle

    top, start, n = row - _HEIGHT / 2, key.offset, key.n_tokens
    real, filled = n * fill.of_tokens, _HEIGHT * fill.of_width
    # The y axis points downward: y is larger at the bottom.
    parts = [
        (_VALUES, start, real, top + _HEIGHT - filled, filled),
        (_NARROW, start, real, top, _HEIGHT - filled),
        (_PADDED, start + real, n - real, top, _HEIGHT),
    ]
    present = [part for part in parts if part[2] > 0 and part[4] > 1e-9]
    for style, x, width, y, height in present:
        look: dict[str, Any] = style | {"label": None, "linewidth": 0}
        ax.add_patch(Rectangle((x, y), width, height, edgecolor="0.5", **look))
    # The outline keeps one token visible among thousands.
    ax.add_patch(
        Rectangle((start, top), n, _HEIGHT, fill=False, ec="0.2", lw=0.9)
    )
    return [part[0] for part in present]


def _set_axes(ax: Any, tokens: "TokenQueries", font_size: float) -> None:
    from matplotlib.ticker import MaxNLocator

    keys, n = tokens.layout.keys, max(tokens.layout.n_tokens, 1)
    ax.set_xlim(-0.01 * n, 1.01 * n)
    ax.set_ylim(max(len(keys), 1) - 0.4, -0.6)
    ax.set_yticks(
        range(len(keys)),
        [label_of(key) for key in keys],
        fontsize=font_size,
        parse_math=False,
    )
    ax.tick_params("y", length=0)
    ax.xaxis.set_major_locator(
        MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True)
    )
    ax.set_xlabel("token")
    ax.spines[["top", "left", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="0.88", linewidth=0.6)
    for key in keys:
        ax.axvline(key.offset, color="0.88", linewidth=0.6, zorder=0.5)


def _write_table(
    ax: Any, tokens: "TokenQueries", fills: list[_Fill], font_size: float
) -> None:
    """Write the numbers of each key to the right of its row."""
    titles = ["event", "tokens", "width used", "real"]
    rows = [
        [
            shorten(event_in_words(key), 30),
            str(key.n_tokens),
            f"{fill.of_width:.0%}",
            f"{fill.of_tokens:.0%}",
        ]
        for key, fill in zip(tokens.layout.keys, fills, strict=True)
    ]
    n_columns = 4 if has_values(padding_of(tokens)) else 3
    lines = aligned([row[:n_columns] for row in [titles, *rows]])
    for row, line in enumerate(lines, start=-1):
        ax.annotate(
            line,
            (1.0, max(row, -0.6)),
            xycoords=ax.get_yaxis_transform(),
            xytext=(8, 0 if row >= 0 else 2),
            textcoords="offset points",
            va="center" if row >= 0 else "bottom",
            family="monospace",
            fontsize=font_size,
            parse_math=False,
        )
