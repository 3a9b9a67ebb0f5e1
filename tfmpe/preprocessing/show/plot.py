"""Plots of masks (extra ``plot``)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from tfmpe._base.extras import import_pyplot
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.masks.dense import chosen_mask

from .plot_cells import CellAxis, cell_axis, reduce_mask
from .text import printable, shorten

if TYPE_CHECKING:
    from tfmpe.preprocessing.tokens.queries import TokenQueries

# One hue that becomes darker: distinct for every kind of color vision and in
# gray print.
_COLOURS = ("white", "#5b9bd5", "#1f4e79")
_MEANINGS = {1.0: "may attend", 0.5: "some pairs may", 0.0: "may not"}

_FONT_SIZE = 9.0
_LINE_HEIGHT = 1.25
"""Height of a name, in font sizes."""
_MAX_GRID = 60


def plot_mask(
    tokens: "TokenQueries",
    query_keys: Iterable[str] | None = None,
    key_keys: Iterable[str] | None = None,
    *,
    ax: Any = None,
) -> Any:
    """Plot a declared mask with the keys' names on the axes.

    Parameters
    ----------
    tokens : Tokens or TokenView
        Tokens whose mask is plotted.
    query_keys : sequence of str, optional
        Keys in the rows, whose tokens attend; all by default.
    key_keys : sequence of str, optional
        Keys in the columns, for a cross-attention mask; by default, the
        self-attention mask of the keys in the rows is plotted.
    ax : matplotlib Axes, optional
        Where to plot; a new figure by default.

    Returns
    -------
    matplotlib Axes
        It is not shown; the caller does that.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    UnknownKeyError
        If a key does not exist.

    Notes
    -----
    Static, so safe under ``jit``. If there is no room for every token,
    several tokens share a cell. A cell is paler if only some of its pairs are
    allowed, so every allowed pair is visible. A key with few tokens is drawn
    larger to make room for its name. The cells depend on the size of ``ax``
    when this function is called. Keys without tokens are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from tfmpe import Tokens
    >>> x = np.zeros((8, 2, 1))
    >>> tokens = Tokens.from_pytree({"x": x}, {"local": ["x"]})
    >>> ax = plot_mask(tokens, ax=Figure().add_subplot())
    >>> ax.get_images()[0].get_array().tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    import_pyplot("plot_mask", "draw_mask for text")
    return _draw(*chosen_mask(tokens.layout, query_keys, key_keys), ax)


def plot_cross_mask(
    tokens: "TokenQueries",
    query_keys: Iterable[str],
    key_keys: Iterable[str],
    *,
    ax: Any = None,
) -> Any:
    """Plot the declared mask between two sets of tokens.

    Same as :func:`plot_mask` with both ``query_keys`` and ``key_keys``.
    """
    import_pyplot("plot_cross_mask", "draw_mask for text")
    return plot_mask(tokens, query_keys, key_keys, ax=ax)


def label_of(key: KeyLayout) -> str:
    """Return a key's name as it is drawn."""
    return shorten(printable(key.name), 24)


def _draw(
    mask: Bool[np.ndarray, "queries keys"],
    rows: TokenLayout,
    columns: TokenLayout,
    ax: Any,
) -> Any:
    from matplotlib.colors import ListedColormap

    shown = [
        [key for key in layout.keys if key.n_tokens]
        for layout in (rows, columns)
    ]
    # Limit the aspect ratio to 3, however few rows or columns there are.
    shape = float(np.clip(mask.shape[0] / max(mask.shape[1], 1), 1 / 3, 3))
    ax, width, height = _axes(ax, shown, shape)
    ax.set_xlabel("attended to")
    ax.set_ylabel("attends")
    if not mask.size:
        ax.set(xticks=[], yticks=[])
        return ax
    height = min(height, width * shape)
    y, x = (
        _cells(keys, points, ax.figure.dpi)
        for keys, points in zip(shown, (height, height / shape), strict=True)
    )
    image = reduce_mask(mask, y, x)
    ax.imshow(
        image,
        cmap=ListedColormap(_COLOURS),
        vmin=0,
        vmax=1,
        interpolation="nearest",
        aspect=shape * image.shape[1] / image.shape[0],
    )
    _name_blocks(ax.yaxis, ax.axhline, shown[0], y, height)
    _name_blocks(ax.xaxis, ax.axvline, shown[1], x, height / shape)
    ax.tick_params("x", labelrotation=90)
    _explain(ax, mask, image)
    return ax


def _axes(
    ax: Any, shown: list[list[KeyLayout]], shape: float
) -> tuple[Any, float, float]:
    """Return axes, new ones if none are given, and their size in points."""
    longest = max((len(label_of(k)) for keys in shown for k in keys), default=0)
    names = 0.65 * _FONT_SIZE * longest
    if ax is None:
        from matplotlib import pyplot

        sides = np.array([min(1.0, 1 / shape), min(1.0, shape)])
        n_keys = np.array([len(keys) for keys in reversed(shown)])
        width, height = sides * max(270.0, *(14 * n_keys / sides))
        _, ax = pyplot.subplots(
            figsize=((width + names + 200) / 72, (height + names + 55) / 72),
            layout="constrained",
        )
        # Anchor the corner with the key names: spare room would shift them,
        # but the layout engine measures their position only once.
        ax.set_anchor("SW")
        return ax, 0.95 * float(width), 0.95 * float(height)
    box = ax.get_window_extent()
    width, height = (
        float(pixels) * 72 / ax.figure.dpi for pixels in (box.width, box.height)
    )
    if ax.figure.get_layout_engine() is None:
        return ax, width, height
    # The layout engine will use the margins, and make room for the texts.
    return (
        ax,
        max(1.25 * width - names - 150, 0.2 * width),
        max(1.25 * height - names - 40, 0.2 * height),
    )


def _font_size(keys: list[KeyLayout], points: float) -> float:
    return min(_FONT_SIZE, 0.9 * points / (_LINE_HEIGHT * len(keys)))


def _cells(keys: list[KeyLayout], points: float, dpi: float) -> CellAxis:
    pixels = int(points * dpi / 72)
    line = _LINE_HEIGHT * _font_size(keys, points)
    return cell_axis(keys, max(pixels, len(keys)), line / points)


def _name_blocks(
    axis: Any,
    draw_line: Any,
    keys: list[KeyLayout],
    cells: CellAxis,
    points: float,
) -> None:
    starts, stops = cells.borders[:-1], cells.borders[1:]
    axis.set_ticks(
        [(a + b - 1) / 2 for a, b in zip(starts, stops, strict=True)],
        [label_of(key) for key in keys],
        fontsize=_font_size(keys, points),
        parse_math=False,
    )
    axis.set_tick_params(length=0)
    if sum(key.n_tokens for key in keys) <= _MAX_GRID:
        for start in np.flatnonzero(np.diff(cells.first_tokens)):
            draw_line(start + 0.5, color="0.7", linewidth=0.4)
    for start in starts[1:]:
        draw_line(start - 0.5, color="0.3", linewidth=1.0)


def _explain(
    ax: Any,
    mask: Bool[np.ndarray, "queries keys"],
    image: Float[np.ndarray, "rows columns"],
) -> None:
    from matplotlib.patches import Patch

    present = set(np.unique(image).tolist()) | {0.0, 1.0}
    title = f"{mask.shape[0]} x {mask.shape[1]} tokens"
    if image.shape != mask.shape:
        title += "\nkeys not to scale"
    ax.legend(
        handles=[
            Patch(
                facecolor=_COLOURS[int(2 * value)],
                edgecolor="0.45",
                label=meaning,
            )
            for value, meaning in _MEANINGS.items()
            if value in present
        ],
        title=title,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        frameon=False,
        fontsize=_FONT_SIZE,
        title_fontsize=_FONT_SIZE,
    )
