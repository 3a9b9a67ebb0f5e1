"""Parts that the examples share: options, tables and plots."""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1f4e79", "#d9722e", "0.35"


class Posterior(NamedTuple):
    """Mean and standard deviation of every parameter, ``(n, p)`` or ``(p,)``.

    ``n`` observations, ``p`` parameters.
    """

    mean: np.ndarray
    sd: np.ndarray


def arguments(description, quick=None, **defaults):
    """Read --out, --seed, --no-progress, and options with given defaults.

    If ``quick`` is a dict, the option --quick sets the defaults in it.
    """
    parser = argparse.ArgumentParser(
        description=description.partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), metavar="DIR"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=True
    )
    for name, value in defaults.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), default=value
        )
    if quick is not None:
        parser.add_argument(
            "--quick", action="store_true", help="small run of under a minute"
        )
        if parser.parse_known_args()[0].quick:
            parser.set_defaults(**quick)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def columns(tree):
    """Return the values of a tree as columns, ``(*sample, p)``."""
    arrays = [np.asarray(array) for array in tree.values()]
    sample = arrays[0].shape[:-2]
    return np.concatenate([a.reshape((*sample, -1)) for a in arrays], -1)


def names_of(tree):
    """Return a name for every column of :func:`columns`."""
    return [
        f"{name}[{i}]" if array.shape[-2] > 1 else name
        for name, array in tree.items()
        for i in range(array.shape[-2])
    ]


def estimate(draws):
    """Return the mean and standard deviation of draws, ``(s, n, p)``."""
    return Posterior(draws.mean(0), draws.std(0))


def print_table(names, found, exact=None, truth=None):
    """Print the posterior of one observation beside the exact posterior."""
    header = f"{'':<14}{'truth':>9}" if truth is not None else f"{'':<14}"
    if exact is not None:
        header += f"{'exact mean':>12}{'sd':>8}"
    print(header + f"{'estimate':>12}{'sd':>8}")
    for i, name in enumerate(names):
        row = f"{name:<14}"
        if truth is not None:
            row += f"{truth[i]:9.2f}"
        if exact is not None:
            row += f"{exact.mean[i]:12.2f}{exact.sd[i]:8.2f}"
        print(row + f"{found.mean[i]:12.2f}{found.sd[i]:8.2f}")


def print_errors(found, exact):
    """Print how far estimates are from exact posteriors, ``(n, p)``."""
    error = np.abs(found.mean - exact.mean) / exact.sd
    ratio = found.sd / exact.sd
    print(
        f"over {error.shape[0]} observation(s): error of the posterior "
        f"mean {np.sqrt((error**2).mean()):.3f} sd (root mean square), "
        f"{error.max():.3f} sd (largest); sd {ratio.min():.3f} to "
        f"{ratio.max():.3f} times the exact one"
    )


def plot_intervals(ax, names, found, exact=None, truth=None):
    """Plot 95 % intervals of every parameter for one observation."""
    rows = np.arange(len(names))[::-1]
    # For many parameters, draw thinner lines, and only as many names as fit.
    width = 5 if len(names) <= 20 else 2
    if exact is not None:
        ax.hlines(
            rows + 0.16,
            exact.mean - 1.96 * exact.sd,
            exact.mean + 1.96 * exact.sd,
            color=GREY,
            lw=width,
            label="exact 95 %",
        )
        ax.plot(exact.mean, rows + 0.16, "|", color="white", ms=width + 1)
    ax.hlines(
        rows - 0.16,
        found.mean - 1.96 * found.sd,
        found.mean + 1.96 * found.sd,
        color=BLUE,
        lw=width,
        label="estimate 95 %",
    )
    ax.plot(found.mean, rows - 0.16, "|", color="white", ms=width + 1)
    if truth is not None:
        ax.plot(truth, rows, "o", color=ORANGE, ms=width, label="truth")
    step = -(-len(names) // 30)
    ax.set_yticks(rows[::step], names[::step])
    ax.set_xlabel("value")
    ax.legend(
        frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3
    )


def plot_means(ax, found, exact):
    """Plot estimated against exact means for all observations."""
    ax.errorbar(
        exact.mean.ravel(),
        found.mean.ravel(),
        found.sd.ravel(),
        fmt="o",
        color=BLUE,
        ms=3,
        lw=0.6,
        label="estimate, 1 sd",
    )
    ends = [exact.mean.min(), exact.mean.max()]
    ax.plot(ends, ends, color=GREY, lw=1, label="equal")
    ax.set_xlabel("exact posterior mean")
    ax.set_ylabel("estimated posterior mean")
    ax.legend(frameon=False, loc="lower right")


def figure(n_panels, title):
    """Return a figure with panels in a row."""
    drawing = Figure(figsize=(4.6 * n_panels, 4.4), layout="constrained")
    drawing.suptitle(title)
    panels = drawing.subplots(1, n_panels, squeeze=False)[0]
    return drawing, panels


def save(drawing, file):
    """Save a figure and print its file."""
    drawing.savefig(file, dpi=140)
    print(f"picture: {file}")
