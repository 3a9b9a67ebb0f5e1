"""Defect L43: printed text and image files from training a classifier."""

from collections.abc import Collection
from typing import Any

from tfmpe._base.extras import import_extra


def show_points(
    base: Any, samples: Any, x: Any, fixes: Collection[str]
) -> None:
    """Print moments of both sets of points, and draw both.

    By default writes ``z_base.png`` and ``z_sampled.png`` into the working
    directory and leaves two empty figures open. If fixed, does nothing.

    Parameters
    ----------
    base, samples : Array, shape (n, latent_dim)
    x : Array, shape (n, x_dim)
    fixes : collection of str

    Raises
    ------
    ImportError
        If seaborn is not installed, after the first lines were printed.
    """
    if "L43" in fixes:
        return
    for name, points in (("z base", base), ("z", samples)):
        print(f"{name} mean: {points.mean()}")
        print(f"{name} std: {points.std()}")
    need = "train_l_c2st_nf_main_classifier draws its points with seaborn"
    instead = ", or pass fix=['L43']"
    seaborn = import_extra("seaborn", "legacy", need, instead)
    plt = import_extra("matplotlib.pyplot", "legacy", need, instead)
    for name, points in (("base", base), ("sampled", samples)):
        plt.figure()
        column = min(1, points.shape[1] - 1)
        grid = seaborn.jointplot(x=x.mean(-1), y=points[:, column])
        grid.savefig(f"z_{name}.png")
        plt.close(grid.figure)


def show_scores(base: Any, samples: Any, fixes: Collection[str]) -> None:
    """Print the mean probabilities of both sets of points."""
    if "L43" in fixes:
        return
    print("d score mean: ", samples.mean())
    print("d score base mean: ", base.mean())
