"""Draw the pictures of this folder: ``python docs/pictures/draw.py``.

Needs the extra ``plot``. The same versions of matplotlib draw the same bytes.
"""

import argparse
import warnings
from pathlib import Path

import matplotlib
import numpy as np

from tfmpe import (
    PaddingWarning,
    Tokens,
    concatenate_tokens,
    plot_cross_mask,
    plot_layout,
    plot_mask,
)


def hierarchical_gaussian(n_sites: int = 5, n_obs: int = 3) -> Tokens:
    """One mean, one parameter and some observations per site."""
    return Tokens.from_pytree(
        {
            "mu": np.zeros((8, 1, 1)),
            "theta": np.zeros((8, n_sites, 1)),
            "obs": np.zeros((8, n_sites, n_obs, 1)),
        },
        {
            "local": ["theta", "obs"],
            "cross": [("mu", "obs"), ("obs", "mu")],
            "cross_local": [("theta", "obs", (0, 0))],
        },
    )


def seir(n_sites: int, n_times: int = 1) -> Tokens:
    """Three global and three local parameters, a time series per site."""
    shared, local = ("beta_0", "alpha", "sigma"), ("A", "T_season", "phi")
    return Tokens.from_pytree(
        {
            **{name: np.zeros((8, 1, 1)) for name in shared},
            **{name: np.zeros((8, n_sites, 1)) for name in local},
            "obs": np.zeros((8, n_sites, n_times, 1)),
        },
        {
            "local": [*local, "obs"],
            "cross_local": [(name, "obs", (0, 0)) for name in local],
        },
    )


def joined() -> Tokens:
    """Two data sets of different sizes, and places of two values each."""

    def simulated(n_samples: int, n_sites: int, n_obs: int) -> Tokens:
        return Tokens.from_pytree(
            {
                "mu": np.zeros((n_samples, 1, 1)),
                "theta": np.zeros((n_samples, n_sites, 1)),
                "place": np.zeros((n_samples, n_sites, 2)),
                "obs": np.zeros((n_samples, n_sites, n_obs, 4)),
            },
            {"cross_local": [("theta", "obs", (0, 0))]},
        )

    with warnings.catch_warnings():
        # The width padding is what the picture shows.
        warnings.simplefilter("ignore", PaddingWarning)
        return concatenate_tokens(simulated(8, 5, 3), simulated(12, 3, 2))


def draw(folder: Path) -> list[Path]:
    """Draw all pictures into a folder; return the files."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    gaussian = hierarchical_gaussian()
    pictures = {
        "gaussian_mask": plot_mask(gaussian),
        "gaussian_cross_mask": plot_cross_mask(
            gaussian, ["mu", "theta"], ["obs"]
        ),
        "gaussian_layout": plot_layout(gaussian),
        "seir_5_mask": plot_mask(seir(5, 4)),
        "seir_5_layout": plot_layout(seir(5, 4)),
        "seir_100_mask": plot_mask(seir(100)),
        "seir_100_layout": plot_layout(seir(100)),
        "joined_layout": plot_layout(joined()),
    }
    files = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, ax in pictures.items():
        files.append(folder / f"{name}.png")
        # Without the version of matplotlib, which would change the bytes.
        ax.figure.savefig(files[-1], dpi=110, metadata={"Software": None})
        pyplot.close(ax.figure)
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    for file in draw(parser.parse_args().out):
        print(file)
