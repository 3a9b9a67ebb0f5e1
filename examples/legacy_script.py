"""What the legacy-style examples share: a prior class, a network, the end."""

import numpy as np
from comparison import (
    Posterior,
    columns,
    figure,
    names_of,
    plot_intervals,
    print_table,
    save,
)
from flax import nnx

from tfmpe.compat.nn.transformer import Transformer
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF

CONFIG = {
    "latent_dim": 32,
    "label_dim": 4,
    "index_out_dim": 0,
    "n_encoder": 1,
    "n_decoder": 2,
    "n_heads": 4,
    "n_ff": 2,
    "dropout": 0.0,
}


class Distribution:
    """As much of a TFP distribution as a legacy script uses."""

    def __init__(self, draw):
        self._draw = draw

    def sample(self, sample_shape=(), seed=None):
        """Return draws, ``(*sample_shape, ...)`` for every name."""
        return self._draw(seed, tuple(np.atleast_1d(sample_shape)))


def make_estimator(seed, n_labels, *, index_dim=0):
    """Return an estimator around the legacy network."""
    rngs = nnx.Rngs(seed)
    config = CONFIG | {"index_out_dim": 2 * index_dim}
    network = Transformer(
        config, n_labels=n_labels, index_dim=index_dim, rngs=rngs
    )
    return SFMPE(StructuredCNF(network, rngs=rngs), rngs=rngs)


def finish(name, posterior, truth, out, exact=None):
    """Print and draw the posterior of one observation.

    Parameters
    ----------
    name : str
    posterior : dict of array, each of shape (draws, *event, 1)
    truth : dict of array, each of shape (1, *event, 1)
    out : Path
    exact : Posterior, optional
    """
    posterior = {key: posterior[key] for key in truth}
    names, draws = names_of(truth), columns(posterior)
    found = Posterior(draws.mean(0), draws.std(0))
    print_table(names, found, exact, columns(truth)[0])
    drawing, (intervals,) = figure(1, f"{name}, legacy form")
    plot_intervals(intervals, names, found, exact, columns(truth)[0])
    save(drawing, out / f"{name}_legacy.png")
