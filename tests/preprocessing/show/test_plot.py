"""Plots of masks: exact cells, on the given axes."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import cases
from tfmpe import Tokens, plot_cross_mask, plot_layout, plot_mask

matplotlib = pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("pyplot")


@pytest.fixture
def tokens() -> Tokens:
    """Return blocks of different sizes, with an asymmetric mask."""
    return Tokens.from_pytree(
        {
            "mu": np.zeros((2, 1, 1)),
            "theta": np.zeros((2, 2, 1)),
            "obs": np.zeros((2, 2, 3, 1)),
        },
        {
            "local": ["obs"],
            "cross": [("mu", "obs")],
            "cross_local": [("theta", "obs", (0, 0))],
        },
    )


def _image(ax):
    (image,) = ax.get_images()
    return np.asarray(image.get_array()).astype(bool)


def _labels(axis):
    ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
    return {label.get_text(): place for place, label in ticks}


def test_the_image_is_the_mask(tokens):
    """It shows all tokens, with rows from the top."""
    ax = plot_mask(tokens)
    np.testing.assert_array_equal(_image(ax), tokens.self_attention_mask)
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_the_colours_follow_the_mask(tokens):
    """Drawn pixels are dark if a token may attend, and white if not."""
    ax = plot_mask(tokens)
    (image,) = ax.get_images()
    colours = image.to_rgba(image.get_array())
    dark = colours[..., :3].sum(-1) < 1.5
    np.testing.assert_array_equal(dark, tokens.self_attention_mask)


def test_key_names_on_the_axes(tokens):
    """They are at the middle of their blocks."""
    ax = plot_mask(tokens)
    expected = {"mu": 0.0, "theta": 1.5, "obs": 5.5}
    assert _labels(ax.xaxis) == expected
    assert _labels(ax.yaxis) == expected
    lines = {tuple(np.ravel(line.get_xdata())) for line in ax.get_lines()}
    assert {(0.5, 0.5), (2.5, 2.5)} <= lines


def test_cross_attention_mask(tokens):
    """Queries are rows, and keys are columns."""
    ax = plot_mask(tokens, ["theta", "mu"], ["obs"])
    by_name = plot_cross_mask(tokens, ["theta", "mu"], ["obs"])
    for axes in (ax, by_name):
        np.testing.assert_array_equal(
            _image(axes), tokens.cross_attention_mask(["theta", "mu"], ["obs"])
        )
    assert _labels(ax.yaxis) == {"theta": 0.5, "mu": 2.0}
    assert _labels(ax.xaxis) == {"obs": 2.5}


def test_some_keys_and_a_view(tokens):
    """Keys have the requested order."""
    view = tokens.select_tokens(["obs", "mu"])
    for ax in (plot_mask(tokens, ["obs", "mu"]), plot_mask(view)):
        np.testing.assert_array_equal(_image(ax), view.self_attention_mask)
        assert _labels(ax.xaxis) == {"obs": 2.5, "mu": 6.0}


def test_given_axes_are_used(tokens, pyplot):
    """No further figure is created."""
    _, (left, right) = pyplot.subplots(1, 2)
    assert plot_mask(tokens, ax=right) is right
    assert pyplot.get_fignums() == [1]
    assert not left.get_images()
    np.testing.assert_array_equal(_image(right), tokens.self_attention_mask)


def test_a_new_figure_is_opened_otherwise(tokens, pyplot):
    """There is one per call; it is not shown, but it can be drawn."""
    first, second = plot_mask(tokens), plot_mask(tokens)
    assert first.figure is not second.figure
    assert len(pyplot.get_fignums()) == 2
    first.figure.canvas.draw()


@pytest.mark.parametrize(
    ("function", "arguments", "instead"),
    [
        (plot_mask, (), "draw_mask"),
        (plot_cross_mask, (["mu"], ["obs"]), "draw_mask"),
        (plot_layout, (), "tokens.summary()"),
    ],
)
def test_without_matplotlib_the_error_says_what_to_install(
    tokens, monkeypatch, function, arguments, instead
):
    """The error names the extra, and a way without it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError) as caught:
        function(tokens, *arguments)
    assert str(caught.value) == (
        f"{function.__name__} needs matplotlib. Install it with pip install "
        f"'tfmpe[plot]', or use {instead} for text."
    )


DARK, PALE, WHITE = (31, 78, 121), (91, 155, 213), (255, 255, 255)


def _pixels(ax):
    """Draw the figure; return the color at the middle of every cell."""
    (image,) = ax.get_images()
    values = np.asarray(image.get_array())
    # Lines and names would cover some of the middles.
    for artist in [*ax.get_lines(), *ax.spines.values()]:
        artist.set_visible(False)
    ax.figure.canvas.draw()
    drawn = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]
    rows, columns = np.indices(values.shape)
    points = np.stack([columns.ravel(), rows.ravel()], -1)
    x, y = np.floor(ax.transData.transform(points)).astype(int).T
    return drawn[len(drawn) - 1 - y, x].reshape(*values.shape, 3)


def _assert_drawn(ax):
    """Compare every cell's pixel with its value."""
    (image,) = ax.get_images()
    values = np.asarray(image.get_array())
    expected = np.array([WHITE, PALE, DARK])[(2 * values).astype(int)]
    wrong = (_pixels(ax) != expected).any(-1)
    # Before 3.11 matplotlib moved some cells of two pixels by one of them.
    new = tuple(map(int, matplotlib.__version__.split(".")[:2])) >= (3, 11)
    assert wrong.mean() <= (0 if new else 0.02)


def _from_sizes(sizes, rules):
    """Build keys with these numbers of tokens, or event shapes."""
    shapes = {name: np.zeros(n).shape for name, n in sizes.items()}
    return Tokens.from_pytree(
        {name: np.zeros((1, *shape, 1)) for name, shape in shapes.items()},
        rules,
    )


def _many_keys(n_keys=30, n_tokens=2000):
    """Build keys of which a third have one token, and the others are equal."""
    n_ones = n_keys // 3
    size = (n_tokens - n_ones) // (n_keys - n_ones)
    sizes = {f"parameter_{i}": 1 if i < n_ones else size for i in range(n_keys)}
    names = list(sizes)
    local = names[n_ones:-1]
    return _from_sizes(
        sizes,
        {
            "local": names[n_ones:],
            "cross_local": [(name, names[-1], (0, 0)) for name in local],
        },
    )


def _seir(n_sites):
    sizes = dict.fromkeys(("beta_0", "alpha", "sigma"), 1)
    local = ("A", "T_season", "phi")
    sizes |= dict.fromkeys((*local, "obs"), n_sites)
    rules = {
        "local": [*local, "obs"],
        "cross_local": [(name, "obs", (0, 0)) for name in local],
    }
    return _from_sizes(sizes, rules)


PICTURES = {
    "8 tokens": lambda: _from_sizes({"mu": 1, "theta": 2, "obs": 5}, {}),
    "403 tokens": lambda: _seir(100),
    "2000 tokens": lambda: _seir(499),
    "30 keys": _many_keys,
    "30 keys of one token": lambda: _from_sizes(
        {f"parameter_{i}": 1 for i in range(30)}, {"cross": []}
    ),
    "long names": lambda: _from_sizes(
        {"a_very_long_name_of_a_parameter_" * 3: 1, "b" * 80: 1, "c": 800}, {}
    ),
}
picture_cases = pytest.mark.parametrize(
    "build", PICTURES.values(), ids=list(PICTURES)
)


def test_small_masks_are_drawn_cell_by_cell(tokens):
    """Pixels are compared: dark if a token may attend, white if not."""
    _assert_drawn(plot_mask(tokens))
    _assert_drawn(plot_cross_mask(tokens, ["mu", "theta"], ["obs"]))


@picture_cases
def test_large_masks_are_drawn_cell_by_cell(build):
    """No cell is lost between the pixels."""
    tokens = build()
    _assert_drawn(plot_mask(tokens))
    names = tokens.key_order
    _assert_drawn(plot_cross_mask(tokens, names[:1], names[1:]))


def test_a_thin_diagonal_of_thousands_stays_visible():
    """It is in every row and column, as wide as there is room."""
    n = 3000
    tokens = _from_sizes(
        {"a": n, "b": n}, {"cross_local": [("a", "b", (0, 0))]}
    )
    ax = plot_cross_mask(tokens, ["a"], ["b"])
    values = np.asarray(ax.get_images()[0].get_array())
    assert 200 < len(values) < n
    np.testing.assert_array_equal(values, np.eye(len(values)) / 2)
    _assert_drawn(ax)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["may attend", "some pairs may", "may not"]


def test_merged_cells_show_every_pair():
    """Each cell merges several sites and several of their values."""
    tokens = _from_sizes(
        {"a": 900, "b": (900, 2)}, {"cross_local": [("a", "b", (0, 0))]}
    )
    ax = plot_cross_mask(tokens, ["a"], ["b"])
    drawn = np.asarray(ax.get_images()[0].get_array())
    assert drawn.shape[0] < 900
    assert drawn.shape[1] < 1800
    # Every site is drawn: no cells are omitted by sampling.
    assert (drawn > 0).any(0).all()
    assert (drawn > 0).any(1).all()
    _assert_drawn(ax)


def _borders(ax):
    """Return the cells at which keys begin and end, by axis."""
    (image,) = ax.get_images()
    shape = np.shape(image.get_array())
    found = ([0], [0])
    for line in ax.get_lines():
        # Lines between the tokens of a key are thinner.
        if line.get_linewidth() >= 1:
            vertical = np.ptp(line.get_xdata()) == 0
            data = line.get_xdata() if vertical else line.get_ydata()
            found[int(vertical)].append(int(data[0] + 0.5))
    return [[*starts, stop] for starts, stop in zip(found, shape, strict=True)]


def _blocks(starts):
    return [slice(*pair) for pair in itertools.pairwise(starts)]


@st.composite
def _shapes_and_rules(draw):
    """Draw keys of one to hundreds of tokens, with all kinds of rules."""
    shape = st.sampled_from(
        [(1,), (2,), (40,), (41,), (150,), (2, 90), (40, 9), (150, 3), (3, 1)]
    )
    drawn = draw(st.lists(shape, min_size=1, max_size=8))
    shapes = {f"k{i}": shape for i, shape in enumerate(drawn)}
    key = st.sampled_from(list(shapes))
    pairs = st.lists(st.tuples(key, key), max_size=6)
    rules = {
        "local": draw(st.lists(key, max_size=3)),
        "cross": draw(pairs),
        "cross_local": [
            (a, b, (0, 0))
            for a, b in draw(pairs)
            if shapes[a][0] == shapes[b][0]
        ],
    }
    return shapes, rules


@given(_shapes_and_rules(), st.sampled_from([(7, 5), (3, 2.2), (12, 4)]))
@cases(100, 15)
def test_blocks_of_the_image_say_what_blocks_of_the_mask_say(drawn, size):
    """Merged or enlarged cells show if all, some or no pairs are allowed."""
    from matplotlib.figure import Figure

    tokens = _from_sizes(*drawn)
    ax = plot_mask(tokens, ax=Figure(size).add_subplot())
    image = np.asarray(ax.get_images()[0].get_array())
    mask = tokens.self_attention_mask
    rows, columns = (_blocks(starts) for starts in _borders(ax))
    keys = tokens.layout.keys
    for (row, a), (column, b) in itertools.product(
        zip(rows, keys, strict=True), zip(columns, keys, strict=True)
    ):
        cells, allowed = image[row, column], mask[a.block, b.block]
        assert (cells > 0).any() == allowed.any()
        assert (cells == 1).all() == allowed.all()
        for axis in (0, 1):
            # Merged rows show what any of their tokens allows.
            assert (cells > 0).any(axis).all() == allowed.any(axis).all()


def _boxes(texts):
    renderer = texts[0].figure.canvas.get_renderer()
    return [t.get_window_extent(renderer) for t in texts if t.get_text()]


def _assert_apart(texts):
    for one, other in itertools.combinations(_boxes(texts), 2):
        # Boxes include margins around the letters; touching is not overlap.
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(width, height) < 0.75


@picture_cases
def test_names_neither_overlap_nor_leave_the_figure(build):
    """In a new figure they have their full size."""
    for ax in (
        plot_mask(build()),
        plot_cross_mask(build(), build().key_order[:2], build().key_order),
    ):
        figure = ax.figure
        figure.canvas.draw()
        texts = [
            *ax.get_xticklabels(),
            *ax.get_yticklabels(),
            ax.xaxis.label,
            ax.yaxis.label,
            *ax.get_legend().get_texts(),
        ]
        _assert_apart(texts)
        assert min(text.get_fontsize() for text in texts) > 8.5
        for box in _boxes(texts):
            assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1


@picture_cases
def test_names_on_given_axes_do_not_overlap(build, pyplot):
    """They are smaller instead."""
    for size, layout in [((7, 5), "constrained"), ((9, 9), None)]:
        figure, axes = pyplot.subplots(figsize=size, layout=layout)
        plot_mask(build(), ax=axes)
        figure.canvas.draw()
        _assert_apart([*axes.get_xticklabels()])
        _assert_apart([*axes.get_yticklabels()])


def test_a_key_of_one_token_among_thousands_can_be_seen():
    """It has rows of its own, as high as its name."""
    ax = plot_mask(_many_keys())
    ax.figure.canvas.draw()
    starts, _ = _borders(ax)
    assert len(starts) == 31
    scale = abs(
        ax.transData.transform([[0, 1]]) - ax.transData.transform((0, 0))
    )
    heights = np.diff(starts) * scale[0, 1]
    assert heights.min() > _boxes(ax.get_yticklabels())[0].height * 0.9


def test_names_are_drawn_as_they_are():
    """Dollar signs are not formulas, and line breaks are not new lines."""
    tokens = _from_sizes({"$a": 1, r"$\frac$": 1, "b\nc": 1, "_d": 1}, {})
    ax = plot_mask(tokens)
    ax.figure.canvas.draw()
    assert list(_labels(ax.xaxis)) == ["$a", r"$\frac$", r"b\nc", "_d"]


def test_keys_without_tokens_are_left_out(tokens):
    """A plot without any tokens can still be drawn."""
    tokens = _from_sizes({"a": 2, "none": 0, "b": 1}, {"local": ["none"]})
    ax = plot_mask(tokens)
    assert list(_labels(ax.xaxis)) == ["a", "b"]
    for empty in (tokens.select_tokens([]), tokens.select_tokens(["none"])):
        ax = plot_mask(empty)
        assert list(_labels(ax.xaxis)) == []
        assert not ax.get_images()
        ax.figure.canvas.draw()


def test_unknown_keys(tokens):
    """They are refused as elsewhere, before a figure is created."""
    with pytest.raises(KeyError, match="Key 'ob' not found"):
        plot_mask(tokens, ["ob"])
    with pytest.raises(TypeError, match="Write \\['obs'\\]"):
        plot_cross_mask(tokens, ["mu"], "obs")
