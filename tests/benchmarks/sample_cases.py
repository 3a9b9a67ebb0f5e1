"""Drawing from a posterior with the legacy network, again and again.

The same network, tolerances and base draws on both sides. The legacy call
compiles anew every time and solves one equation per draw; ``floor`` is its
bare computation, compiled once.
"""

from functools import lru_cache, partial

import jax
import numpy as np
from flax import nnx

import reference
from benchmarks.cases import Call, case
from benchmarks.models import RULES, Size, seir
from tfmpe.compat.nn.transformer import Transformer, parameters
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF

CONFIG = {
    "latent_dim": 32,
    "label_dim": 4,
    "index_out_dim": 4,
    "n_encoder": 1,
    "n_decoder": 2,
    "n_heads": 4,
    "n_ff": 1,
    "dropout": 0.0,
}
N_DRAWS = 100
# Two solutions by different adaptive methods of tolerance 1e-5, through a
# network with kinks, as for the stored cases: half of the values and all.
TYPICAL, LARGEST = 2e-3, 0.1


class _Problem:
    """An observation, a network with random weights, and base draws."""

    def __init__(self, size):
        flat, slices = reference.flatten_structured(
            seir(size).sides, index=seir(size).inputs, independence=RULES
        )
        self.network = Transformer(
            CONFIG, n_labels=7, index_dim=1, rngs=nnx.Rngs(0)
        )
        self.network.eval()
        n_tokens = flat["data"]["theta"].shape[1]
        self.arguments = {
            "context": flat["data"]["y"],
            "labels": flat["labels"],
            "theta_slices": slices["theta"],
            "masks": flat["masks"],
            "index": flat["index"],
        }
        self.theta_0 = jax.random.normal(
            jax.random.key(0), (N_DRAWS, n_tokens, 1)
        )


_problem = lru_cache(maxsize=2)(_Problem)


def _assert_close(old, new):
    difference = np.abs(np.asarray(new) - np.asarray(old))
    assert np.median(difference) <= TYPICAL
    assert difference.max() <= LARGEST


def _draws(n_sites, side, small):
    problem = _problem(Size(2 if small else n_sites, 1))
    weights = parameters.read_parameters(problem.network)
    field = partial(reference.transformer, weights)
    if side == "bridge":
        rngs = nnx.Rngs(0)
        estimator = SFMPE(StructuredCNF(problem.network, rngs=rngs), rngs=rngs)
        call = estimator.sample_posterior_encoded
    elif side == "floor":
        solve = reference.posterior_sampler(field, **problem.arguments)
        return Call(lambda: solve(problem.theta_0))
    else:
        call = partial(reference.sample_posterior_encoded, field)
    return Call(
        lambda: call(
            **problem.arguments, n_samples=N_DRAWS, theta_0=problem.theta_0
        )
    )


for n_sites in (10, 50):
    case(
        f"100 posterior draws, {n_sites} sites",
        ("old", "bridge", "floor"),
        _assert_close,
        floor="the bare legacy computation",
    )(partial(_draws, n_sites))
