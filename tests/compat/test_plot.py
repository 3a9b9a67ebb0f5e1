"""Output of the legacy plots; requires a working ArviZ."""

import numpy as np
import pytest

from tfmpe.compat.plot import plot
from tfmpe.compat.util.data import as_inference_data

# ArviZ may use deprecated functions of other packages.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BY_COMPONENT = {
    "plot_posterior": 3,
    "plot_rank": 2,
    "plot_ess": 2,
    "plot_rhat_and_ress": 2,
}


@pytest.fixture
def draws(arviz, pyplot):
    """Return two chains of a scalar and a pair."""
    rng = np.random.default_rng(0)
    samples = {
        "mu": rng.normal(size=(2, 60, 1)),
        "theta": rng.normal(size=(2, 60, 2)),
    }
    return as_inference_data(samples, np.ones(3))


@pytest.mark.parametrize("name", BY_COMPONENT)
def test_a_row_of_axes(draws, name):
    """There is one axes per component, of all or of the widest variable."""
    axes = getattr(plot, name)(draws)
    assert axes.shape == (BY_COMPONENT[name],)


@pytest.mark.parametrize("name", BY_COMPONENT)
def test_axes_are_drawn_on(draws, pyplot, name):
    given = pyplot.subplots(1, 3)[1]
    assert getattr(plot, name)(draws, given) is given
    assert all(ax.has_data() for ax in given[: BY_COMPONENT[name]])


def test_traces_have_two_columns(draws, pyplot):
    assert plot.plot_trace(draws).shape == (2, 2)
    given = pyplot.subplots(3, 2)[1]
    assert plot.plot_trace(draws, given, compact=False) is given
    given = pyplot.subplots(2, 2)[1]
    assert plot.plot_trace(draws, axes=given) is given
    assert [ax.get_title() for ax in given[:, 0]] == ["mu", "theta"]


@pytest.mark.parametrize("name", ["plot_rank", "plot_ess"])
def test_only_the_first_ordinate_has_a_label(draws, pyplot, name):
    axes = getattr(plot, name)(draws, pyplot.subplots(1, 3)[1])
    assert [bool(ax.get_ylabel()) for ax in axes] == [True, False, False]
    assert not any(ax.spines["left"].get_visible() for ax in axes)
    if name == "plot_ess":
        assert [bool(ax.get_legend()) for ax in axes] == [False, False, True]


def test_convergence(draws):
    rhat, relative = plot.plot_rhat_and_ress(draws)
    assert len(rhat.lines[0].get_xdata()) == 3
    assert [line.get_xdata()[0] for line in rhat.lines[1:]] == [1.05, 1.1, 1.0]
    assert rhat.get_xlim()[0] == 0.99
    labels = [text.get_text() for text in relative.get_yticklabels()]
    assert labels == ["mu[0]", "theta[0]", "theta[1]"]


def test_chains_that_differ_show_a_further_line(arviz, pyplot):
    far = {"mu": np.arange(2)[:, None, None] * 9 + np.zeros((2, 60, 1))}
    far["mu"] += np.random.default_rng(0).normal(size=(2, 60, 1))
    rhat, _ = plot.plot_rhat_and_ress(as_inference_data(far, np.ones(1)))
    assert 1.3 in [line.get_xdata()[0] for line in rhat.lines]


@pytest.mark.parametrize("name", BY_COMPONENT)
def test_variables_need_an_axis(arviz, pyplot, name):
    flat = arviz.from_dict(posterior={"mu": np.random.rand(2, 60)})
    with pytest.raises(ValueError, match="axis for components"):
        getattr(plot, name)(flat)


@pytest.mark.parametrize("own", [True, False])
def test_losses(pyplot, own):
    losses = np.array([[3.0, 4.0], [1.0, 2.0]])
    given = pyplot.subplots()[1] if own else None
    axes = plot.plot_loss_profile(losses, given)
    assert own == (axes is given)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["Training loss", "Validation loss"]
    assert [list(line.get_ydata()) for line in axes.lines] == [[3, 1], [4, 2]]


def test_the_result_of_fit_cannot_be_drawn():
    """It fails as in the legacy package (L57), but the message has a remedy."""
    with pytest.raises(TypeError, match=r"Pass numpy.stack\(losses, 1\)"):
        plot.plot_loss_profile((np.ones(3), np.ones(3)))
