"""Masks as pictures (extra ``plot``)."""

from typing import TYPE_CHECKING, Any

from tfmpe.preprocessing._masks import declared_mask

if TYPE_CHECKING:
    from tfmpe.preprocessing._queries import TokenQueries


def plot_mask(
    tokens: "TokenQueries",
    query_keys: Any = None,
    key_keys: Any = None,
    *,
    ax: Any = None,
) -> Any:
    """Plot a declared mask with the keys' names on the axes.

    Parameters
    ----------
    tokens : Tokens or TokenView
        Whose mask to plot.
    query_keys : sequence of str, optional
        Keys in the rows; all by default.
    key_keys : sequence of str, optional
        Keys in the columns: then the cross-attention mask is plotted,
        without them the self-attention mask among the rows' keys.
    ax : matplotlib Axes, optional
        Where to plot; a new figure by default.

    Returns
    -------
    matplotlib Axes
        Never shown; the caller does that.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch
    except ImportError:
        raise ImportError(
            "plot_mask needs matplotlib. Install it with "
            "pip install 'tfmpe[plot]', or use draw_mask for text."
        ) from None

    rows = tokens.layout.select(query_keys or tokens.layout.names)
    columns = rows if key_keys is None else tokens.layout.select(key_keys)
    mask = declared_mask(
        tokens.layout, rows.names, None if key_keys is None else columns.names
    )
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    # White and a dark blue stay apart for every kind of colour vision and in
    # grey print.
    ax.imshow(
        mask,
        cmap=ListedColormap(["white", "#1f4e79"]),
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    for layout, axis, line in (
        (columns, ax.xaxis, ax.axvline),
        (rows, ax.yaxis, ax.axhline),
    ):
        blocks = [key.block for key in layout.keys]
        axis.set_ticks(
            [(block.start + block.stop - 1) / 2 for block in blocks],
            list(layout.names),
        )
        axis.set_tick_params(length=0)
        for block in blocks[1:]:
            line(block.start - 0.5, color="0.45", linewidth=0.8)
    ax.tick_params("x", labelrotation=90)
    ax.set_xlabel("attended to")
    ax.set_ylabel("attends")
    ax.legend(
        handles=[
            Patch(facecolor="#1f4e79", edgecolor="0.45", label="may attend"),
            Patch(facecolor="white", edgecolor="0.45", label="may not"),
        ],
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        frameon=False,
    )
    return ax
