"""Plot of the token axis: blocks, fill levels, names, numbers."""

import itertools
import runpy
from pathlib import Path

import jax
import numpy as np
import pytest

from tfmpe import PaddingWarning, Tokens, plot_layout

matplotlib = pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("pyplot")


@pytest.fixture
def tokens() -> Tokens:
    """Return Tokens with both kinds of padding: obs is wider, 5 of 12 real."""
    return Tokens.from_pytree(
        {
            "mu": np.zeros((2, 1, 1)),
            "theta": np.zeros((2, 2, 1)),
            "obs": np.zeros((2, 2, 3, 2)),
        },
        {},
        event_shapes={"obs": np.array([[2, 2], [1, 1]])},
    )


def _parts(ax):
    """Return the drawn parts: meaning, x, width, row, height above bottom."""
    meanings = {
        patch.get_hatch(): text.get_text()
        for patch, text in zip(
            ax.get_legend().get_patches(),
            ax.get_legend().get_texts(),
            strict=True,
        )
    }
    parts = []
    for patch in ax.patches:
        if patch.get_fill():
            row = round(patch.get_y() + patch.get_height() / 2)
            floor = row + 0.4 - patch.get_y() - patch.get_height()
            place = (patch.get_x(), patch.get_width())
            share = (floor / 0.8, patch.get_height() / 0.8)
            meaning = meanings[patch.get_hatch()]
            parts.append((meaning, row, *place, *share))
    return parts


def _table(ax):
    """Return the texts to the right of the rows, top to bottom."""
    lines = sorted(ax.texts, key=lambda text: text.xy[1])
    return [line.get_text().split("  ") for line in lines]


def test_blocks_and_their_parts(tokens):
    """The first token, number of tokens, bottom and height are compared."""
    expected = [
        ("values", 0, 0, 1, 0, 0.5),
        ("width padding", 0, 0, 1, 0.5, 0.5),
        ("values", 1, 1, 2, 0, 0.5),
        ("width padding", 1, 1, 2, 0.5, 0.5),
        ("values", 2, 3, 6 * 5 / 12, 0, 1),
        ("padded tokens", 2, 3 + 6 * 5 / 12, 6 * 7 / 12, 0, 1),
    ]
    found = _parts(plot_layout(tokens))
    assert [part[0] for part in found] == [part[0] for part in expected]
    np.testing.assert_allclose(
        [part[1:] for part in found],
        [part[1:] for part in expected],
        atol=1e-12,
    )


def test_names_and_numbers(tokens):
    ax = plot_layout(tokens)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["mu", "theta", "obs"]
    assert [[cell.strip() for cell in line if cell] for line in _table(ax)] == [
        ["event", "tokens", "width used", "real"],
        ["(1,)", "1", "50%", "100%"],
        ["(2,)", "2", "50%", "100%"],
        ["(2, 3)", "6", "100%", "42%"],
    ]


def test_a_view(tokens):
    """It has its own order, offsets from 0, and the parent's width."""
    ax = plot_layout(tokens.select_tokens(["obs", "mu"]))
    assert [part[:4] for part in _parts(ax)] == [
        ("values", 0, 0, 2.5),
        ("padded tokens", 0, 2.5, 3.5),
        ("values", 1, 6, 1),
        ("width padding", 1, 6, 1),
    ]


@pytest.mark.parametrize("keys", [None, ["obs", "mu"]])
def test_where_there_are_no_values(tokens, keys):
    """Leaves that are shapes are drawn without the share of padding."""
    kind = tokens if keys is None else tokens.select_tokens(keys)
    ax = plot_layout(jax.eval_shape(lambda x: x, kind))
    assert {part[0] for part in _parts(ax)} == {"values", "width padding"}
    assert "real" not in ax.texts[0].get_text()
    assert len(plot_layout(jax.tree.map(lambda x: 0, kind)).patches) > 1


def _drawn(ax):
    ax.figure.canvas.draw()
    return np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]


def test_pixels_of_blocks(tokens):
    """Values are dark; padding is light and hatched."""
    ax = plot_layout(tokens)
    drawn = _drawn(ax).astype(int)

    def colours(x0, x1, y0, y1):
        (left, low), (right, high) = ax.transData.transform(
            [(x0, y1), (x1, y0)]
        ).astype(int)
        rows = slice(len(drawn) - high, len(drawn) - low)
        return np.unique(drawn[rows, left:right].reshape(-1, 3), axis=0)

    values = colours(3.2, 5.2, 1.7, 2.3)
    assert values.tolist() == [[0, 114, 178]]
    # The lower half of theta is values, the upper half is hatched.
    assert colours(1.2, 2.8, 1.1, 1.3).tolist() == [[0, 114, 178]]
    narrow = colours(1.2, 2.8, 0.7, 0.9)
    padded = colours(5.7, 8.8, 1.7, 2.3)
    for hatched in (narrow, padded):
        assert len(hatched) > 2
        assert hatched.sum(-1).max() > 650
        assert [0, 114, 178] not in hatched.tolist()


def _sizes(sizes):
    return Tokens.from_pytree(
        {name: np.zeros((1, n, 1)) for name, n in sizes.items()}, {}
    )


def _many_keys():
    """Return thirty keys with all parts, a third of them with one token."""
    names = [f"parameter_{i}" for i in range(30)]
    data = {
        name: np.zeros((2, 1 if i < 10 else 99, 1 + i % 2))
        for i, name in enumerate(names)
    }
    sizes = {name: np.array([[30], [40]]) for name in names[20:]}
    return Tokens.from_pytree(data, {}, event_shapes=sizes)


PICTURES = {
    "8 tokens": lambda: _sizes({"mu": 1, "theta": 2, "obs": 5}),
    "403 tokens": lambda: _sizes(
        dict.fromkeys(["beta_0", "alpha", "sigma"], 1)
        | dict.fromkeys(["A", "T_season", "phi", "obs"], 100)
    ),
    "2000 tokens": lambda: _sizes({"mu": 1, "a": 998, "b": 1001}),
    "30 keys": _many_keys,
    "one key": lambda: _sizes({"a": 3}),
    "long names": lambda: _sizes({"a_very_long_name_" * 9: 1, "b" * 99: 9}),
}


@pytest.mark.parametrize("build", PICTURES.values(), ids=list(PICTURES))
def test_no_text_overlaps_or_leaves_the_figure(build):
    ax = plot_layout(build())
    figure = ax.figure
    figure.canvas.draw()
    texts = [
        *ax.get_xticklabels(),
        *ax.get_yticklabels(),
        ax.xaxis.label,
        *ax.texts,
        *ax.get_legend().get_texts(),
    ]
    renderer = figure.canvas.get_renderer()
    low, high = ax.get_xlim()
    boxes = [
        text.get_window_extent(renderer)
        for text in texts
        # Ticks outside the axis are not drawn.
        if text.get_text()
        and (
            text not in ax.get_xticklabels()
            or low <= text.get_position()[0] <= high
        )
    ]
    for one, other in itertools.combinations(boxes, 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(width, height) < 0.75
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1
    assert min(text.get_fontsize() for text in texts) > 8


@pytest.mark.parametrize("build", PICTURES.values(), ids=list(PICTURES))
def test_every_key_can_be_seen(build):
    """One token among thousands is still a dark line in its row."""
    tokens = build()
    ax = plot_layout(tokens)
    drawn = _drawn(ax).astype(int)
    for row, key in enumerate(tokens.layout.keys):
        x, y = ax.transData.transform((key.offset, row + 0.3)).astype(int)
        near = drawn[len(drawn) - 1 - y, x - 1 : x + 3].sum(-1)
        assert near.min() < 300
        # The row is empty before and after the block.
        end, _ = ax.transData.transform((key.offset + key.n_tokens, row))
        first, last = (int(x) for x in ax.get_window_extent().intervalx)
        pixels = drawn[len(drawn) - 1 - y].sum(-1)
        empty = [*pixels[first : x - 3], *pixels[int(end) + 4 : last]]
        assert min(empty, default=765) > 600


def test_given_axes_are_used(pyplot):
    """Names are smaller if there is little room."""
    figure, (left, right) = pyplot.subplots(
        2, figsize=(8, 3), layout="constrained"
    )
    assert plot_layout(_many_keys(), ax=right) is right
    assert pyplot.get_fignums() == [1]
    assert not left.patches
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = [
        label.get_window_extent(renderer) for label in right.get_yticklabels()
    ]
    for upper, lower in itertools.pairwise(boxes):
        assert lower.y1 - upper.y0 < 0.75


def test_names_are_drawn_as_they_are():
    ax = plot_layout(_sizes({r"$\frac$": 1, "b\nc": 1, "_d": 1}))
    ax.figure.canvas.draw()
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [r"$\frac$", r"b\nc", "_d"]


def test_nothing_to_draw(tokens):
    """There are no keys, no tokens, or no values in a token."""
    with pytest.warns(PaddingWarning):
        empty = Tokens.from_pytree(
            {"none": np.zeros((1, 0, 1)), "wide": np.zeros((1, 2, 4))}, {}
        )
    for kind in (
        tokens.select_tokens([]),
        empty,
        empty.select_tokens(["none"]),
        Tokens.from_pytree({"a": np.zeros((1, 2, 0))}, {}),
    ):
        plot_layout(kind).figure.canvas.draw()


def test_the_pictures_of_the_documents_can_be_drawn_again(tmp_path):
    """The files have the same bytes every time, and are small."""
    stored = Path(__file__).parents[3] / "docs" / "pictures"
    draw = runpy.run_path(str(stored / "draw.py"))["draw"]
    first, second = draw(tmp_path / "first"), draw(tmp_path / "second")
    names = sorted(file.name for file in stored.glob("*.png"))
    assert sorted(file.name for file in first) == names
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert (stored / one.name).stat().st_size < 60_000
