"""Masks as pictures: exactly the mask, on the axes that were given."""

import sys

import numpy as np
import pytest

from tfmpe import Tokens, plot_mask

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def pyplot(monkeypatch):
    """Draw into memory, fail if anything is shown, close what is left."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    def show(*args, **kwargs):
        raise AssertionError("show was called")

    monkeypatch.setattr(pyplot, "show", show)
    monkeypatch.setattr(matplotlib.figure.Figure, "show", show)
    yield pyplot
    pyplot.close("all")


@pytest.fixture
def tokens() -> Tokens:
    """Blocks of different sizes and a mask that is not symmetric."""
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
    """All tokens, rows from the top."""
    ax = plot_mask(tokens)
    np.testing.assert_array_equal(_image(ax), tokens.self_attention_mask)
    bottom, top = ax.get_ylim()
    assert bottom > top


def test_the_colours_follow_the_mask(tokens, pyplot):
    """Drawn pixels: dark where a token may attend, white where not."""
    ax = plot_mask(tokens)
    (image,) = ax.get_images()
    colours = image.to_rgba(image.get_array())
    dark = colours[..., :3].sum(-1) < 1.5
    np.testing.assert_array_equal(dark, tokens.self_attention_mask)


def test_key_names_on_the_axes(tokens):
    """At the middle of their blocks."""
    ax = plot_mask(tokens)
    expected = {"mu": 0.0, "theta": 1.5, "obs": 5.5}
    assert _labels(ax.xaxis) == expected
    assert _labels(ax.yaxis) == expected
    lines = {tuple(np.ravel(line.get_xdata())) for line in ax.get_lines()}
    assert {(0.5, 0.5), (2.5, 2.5)} <= lines


def test_cross_attention_mask(tokens):
    """Queries in the rows, keys in the columns."""
    ax = plot_mask(tokens, ["theta", "mu"], ["obs"])
    np.testing.assert_array_equal(
        _image(ax), tokens.cross_attention_mask(["theta", "mu"], ["obs"])
    )
    assert _labels(ax.yaxis) == {"theta": 0.5, "mu": 2.0}
    assert _labels(ax.xaxis) == {"obs": 2.5}


def test_some_keys_and_a_view(tokens):
    """In the order asked for."""
    view = tokens.select_tokens(["obs", "mu"])
    for ax in (plot_mask(tokens, ["obs", "mu"]), plot_mask(view)):
        np.testing.assert_array_equal(_image(ax), view.self_attention_mask)
        assert _labels(ax.xaxis) == {"obs": 2.5, "mu": 6.0}


def test_given_axes_are_used(tokens, pyplot):
    """And no figure is opened beside them."""
    _, (left, right) = pyplot.subplots(1, 2)
    assert plot_mask(tokens, ax=right) is right
    assert pyplot.get_fignums() == [1]
    assert not left.get_images()
    np.testing.assert_array_equal(_image(right), tokens.self_attention_mask)


def test_a_new_figure_is_opened_otherwise(tokens, pyplot):
    """One per call, never shown; it can be drawn."""
    first, second = plot_mask(tokens), plot_mask(tokens)
    assert first.figure is not second.figure
    assert len(pyplot.get_fignums()) == 2
    first.figure.canvas.draw()


def test_without_matplotlib_the_error_says_what_to_install(tokens, monkeypatch):
    """The extra's name, and the way without it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError) as caught:
        plot_mask(tokens)
    assert str(caught.value) == (
        "plot_mask needs matplotlib. Install it with pip install "
        "'tfmpe[plot]', or use draw_mask for text."
    )
