"""Mirror of the legacy module ``sfmpe.plot.plot`` (ArviZ: extra ``legacy``).

Figures are not shown or saved: each function returns its axes.
"""

from typing import Any

import numpy as np

from tfmpe._base.extras import import_extra
from tfmpe.compat._extras import import_legacy

_SAMPLE_DIMS = ("chain", "draw")
_LEGEND_PLACE = (0.95, 0.7)


def plot_trace(inference_data: Any, axes: Any = None, **kwargs: Any) -> Any:
    """Draw density and trace of each variable.

    Parameters
    ----------
    inference_data : arviz.InferenceData
    axes : array of Axes, shape (n_variables, 2), optional
    **kwargs
        Passed to ``arviz.plot_trace``.

    Returns
    -------
    array of Axes, shape (n_variables, 2)

    Notes
    -----
    Legacy: ``sfmpe.plot.plot.plot_trace``.
    """
    arviz = _arviz("plot_trace")
    pyplot, ticker = _matplotlib("plot_trace")
    if axes is None:
        n_variables = len(inference_data.posterior.data_vars)
        axes = pyplot.subplots(n_variables, 2, squeeze=False)[1]
    arviz.plot_trace(inference_data, axes=axes, **kwargs)
    for ax in np.ravel(axes):
        ax.yaxis.set_major_locator(ticker.MaxNLocator(5))
    np.ravel(axes)[0].figure.tight_layout()
    return axes


def plot_posterior(inference_data: Any, axes: Any = None) -> Any:
    """Draw a histogram of every component of every variable.

    Parameters
    ----------
    inference_data : arviz.InferenceData
    axes : array of Axes, shape (n_components,), optional

    Returns
    -------
    array of Axes, shape (n_components,)

    Raises
    ------
    ValueError
        Without ``axes``, if no variable has an axis for its components.

    Notes
    -----
    Legacy: ``sfmpe.plot.plot.plot_posterior``.
    """
    arviz = _arviz("plot_posterior")
    if axes is None:
        axes = _row("plot_posterior", sum(_widths(inference_data)))
    arviz.plot_posterior(
        inference_data,
        ax=axes,
        kind="hist",
        color="C2",
        edgecolor="black",
        hdi_prob="hide",
        point_estimate=None,
    )
    for ax in axes:
        ax.set_xlabel("")
    return axes


def plot_rank(inference_data: Any, axes: Any = None) -> Any:
    """Plot the ranks of the draws among all chains.

    Parameters
    ----------
    inference_data : arviz.InferenceData
    axes : array of Axes, shape (n,), optional
        By default one for each component of the widest variable, so with
        several variables the last components are omitted.

    Returns
    -------
    array of Axes, shape (n,)

    Raises
    ------
    ValueError
        Without ``axes``, if no variable has an axis for its components.

    Notes
    -----
    Legacy: ``sfmpe.plot.plot.plot_rank``.
    """
    arviz = _arviz("plot_rank")
    _, ticker = _matplotlib("plot_rank")
    if axes is None:
        axes = _row("plot_rank", max(_widths(inference_data)))
    arviz.plot_rank(inference_data, ax=axes)
    _share_ordinate(axes)
    for ax in axes:
        ax.yaxis.set_major_locator(ticker.AutoLocator())
    return axes


def plot_ess(inference_data: Any, axes: Any = None) -> Any:
    """Draw the effective sample size for growing numbers of draws.

    Parameters
    ----------
    inference_data : arviz.InferenceData
    axes : array of Axes, shape (n,), optional
        By default as in :func:`plot_rank`.

    Returns
    -------
    array of Axes, shape (n,)
        The third and later ones have legends.

    Raises
    ------
    ValueError
        Without ``axes``, if no variable has an axis for its components.

    Notes
    -----
    Legacy: ``sfmpe.plot.plot.plot_ess``.
    """
    arviz = _arviz("plot_ess")
    _, ticker = _matplotlib("plot_ess")
    if axes is None:
        axes = _row("plot_ess", max(_widths(inference_data)))
    arviz.plot_ess(inference_data, kind="evolution", ax=axes)
    _share_ordinate(axes)
    for number, ax in enumerate(axes):
        ax.yaxis.set_major_locator(ticker.MaxNLocator(5))
        if number > 1:
            ax.legend(
                *ax.get_legend_handles_labels(), bbox_to_anchor=_LEGEND_PLACE
            )
        elif ax.get_legend():
            ax.get_legend().remove()
    return axes


def plot_rhat_and_ress(inference_data: Any, axes: Any = None) -> Any:
    """Draw split R-hat and the relative effective sample size.

    Parameters
    ----------
    inference_data : arviz.InferenceData
    axes : array of Axes, shape (2,), optional

    Returns
    -------
    array of Axes, shape (2,)

    Raises
    ------
    ValueError
        If a variable has no axis for its components.

    Notes
    -----
    Legacy: ``sfmpe.plot.plot.plot_rhat_and_ress``.
    """
    arviz = _arviz("plot_rhat_and_ress")
    rhat = _joined(arviz.rhat(inference_data))
    relative = _joined(arviz.ess(inference_data, relative=True))
    if axes is None:
        axes = _row("plot_rhat_and_ress", 2)
    names = [
        f"{name}[{number}]"
        for name, leaf in inference_data.posterior.data_vars.items()
        for number in range(leaf.shape[-1])
    ]
    limits = [1.05, 1.1, *([1.3] if (rhat >= 1.3).any() else [])]
    _draw_stems(axes[0], rhat, 1.0, [*limits, 1.0], names)
    axes[0].set_xlim(left=0.95 if (rhat < 1.0).any() else 0.99)
    axes[0].set(xlabel=r"Split-$\hat{R}$", ylabel=r"$\theta$")
    _draw_stems(axes[1], relative, 0.0, [0.0, 0.1, 0.5, 1.0], names)
    axes[1].set_xlabel("Relative ESS")
    return axes


def plot_loss_profile(losses: Any, axes: Any = None) -> Any:
    """Draw training and validation losses of each epoch.

    Parameters
    ----------
    losses : array, shape (n_epochs, 2)
        Columns: training, validation, as ``fit_model`` returns them.
    axes : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If ``losses`` is the pair that ``fit`` returns (L57).

    Notes
    -----
    Only needs matplotlib. Legacy: ``sfmpe.plot.plot.plot_loss_profile``.
    """
    if isinstance(losses, tuple):
        raise TypeError(
            "losses is a tuple; expected an array with the columns training "
            "and validation. Pass numpy.stack(losses, 1)."
        )
    pyplot, ticker = _matplotlib("plot_loss_profile")
    if axes is None:
        axes = pyplot.subplots()[1]
    axes.plot(np.asarray(losses[:, 0]), label="Training loss")
    axes.plot(np.asarray(losses[:, 1]), label="Validation loss")
    axes.yaxis.set_major_locator(ticker.MaxNLocator(5))
    axes.legend()
    return axes


def _arviz(function: str) -> Any:
    return import_legacy("arviz", "arviz", function)


def _matplotlib(function: str) -> tuple[Any, Any]:
    need = f"{function} needs matplotlib"
    pyplot, ticker = (
        import_extra(f"matplotlib.{module}", "plot", need)
        for module in ("pyplot", "ticker")
    )
    return pyplot, ticker


def _widths(inference_data: Any) -> list[int]:
    """Return the number of components of each variable that has an axis."""
    variables = inference_data.posterior.data_vars
    widths = [
        leaf.sizes[dim]
        for leaf in variables.values()
        for dim in leaf.dims
        if dim not in _SAMPLE_DIMS
    ]
    if not widths:
        raise ValueError(
            f"The variables {list(variables)} have no axis for components; "
            "expected the dimensions chain, draw and one more. Pass axes, or "
            "give every variable an axis of size 1."
        )
    return widths


def _joined(dataset: Any) -> np.ndarray:
    """Return one value for every component of every variable."""
    values = [leaf.values for leaf in dataset.data_vars.values()]
    if not all(np.ndim(each) for each in values):
        raise ValueError(
            f"Some of the variables {list(dataset.data_vars)} have no axis for "
            "components; give every variable an axis of size 1."
        )
    return np.concatenate(values)


def _row(function: str, n: int) -> np.ndarray:
    pyplot, _ = _matplotlib(function)
    return pyplot.subplots(1, n, squeeze=False)[1][0]


def _share_ordinate(axes: Any) -> None:
    """Hide every left spine, and the y label of every plot but the first."""
    for number, ax in enumerate(axes):
        ax.spines["left"].set_visible(False)
        if number:
            ax.set_ylabel("")


def _draw_stems(
    ax: Any, values: np.ndarray, start: float, limits: list, names: list
) -> None:
    places = np.arange(len(values))
    ax.plot(values, places, "o", color="C0")
    ax.hlines(places, start, values, color="C0")
    for limit in limits:
        ax.axvline(limit, color="grey", linestyle="--", linewidth=0.8)
    ax.set_yticks(places, names)
