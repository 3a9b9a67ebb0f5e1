"""Whole recorded runs of bottom-up training, from their seeds to the end.

The recordings hold what the user's functions returned; everything else is
computed: which key goes where, networks, trainings, simulations by the
estimator, draws from the posterior.
"""

import functools

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from reference.stored import rebuild, stored_cases
from tfmpe.compat.bottom_up import train_bottom_up
from tfmpe.compat.nn.transformer import read_parameters
from tfmpe.compat.nn.transformer.transformer import Transformer
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF

# Run and seed of the script.
RUNS = {
    "hierarchical_gaussian": ("n3_o5", 7),
    "hierarchical_brownian": ("n4_o3_prior", 7),
    "seir": ("s5_o5_prior", 42),
}

# Errors of the solver, whose steps follow the rounding of the machine, then
# trained on; weights move by 3e-4 a step.
DRAWS = {"atol": 2e-3, "rtol": 1e-3}
WEIGHTS = {"atol": 2e-5, "rtol": 1e-3}


@functools.cache
def recorded(example):
    """Return the calls of a run: by role, and the others in order."""
    name, _ = RUNS[example]
    by_role, others = {}, {}
    files = (
        "flatten_structured",
        "split_data",
        "SFMPE_sample_posterior_encoded",
    )
    cases = [
        stored
        for stored in stored_cases(files)
        if stored.example == example
        and stored.case["case"].startswith(f"{name}__trace")
        and not stored.case.get("traced")
    ]
    for stored in sorted(cases, key=lambda stored: stored.case["seq"]):
        case = stored.case
        parts = {
            part: rebuild(case[part], stored.arrays)
            for part in ("args", "kwargs", "output", "extra")
            if case.get(part) is not None
        }
        if case.get("role"):
            by_role[case["role"]] = parts
        else:
            others.setdefault(case["function"], []).append(parts)
    return by_role, others


class Replies:
    """Distributions and a simulator that return what was recorded."""

    def __init__(self, *values):
        self.values = list(values)

    def sample(self, shape=(), seed=None):
        return self.values.pop(0)

    def __call__(self, *args, **kwargs):
        return self


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tfmpe.compat.LegacyWarning")
@pytest.mark.parametrize("example", RUNS)
def test_a_run_ends_with_the_recorded_weights(example):
    by_role, others = recorded(example)
    _, seed = RUNS[example]

    def sides(role):
        data = by_role[role]["args"][0]
        return data["theta"], data["y"]

    (y0, theta0), (y1, _) = sides("r0_local1_swap"), sides("r1_local1_swap")
    locals_ = [sides(f"r{i}_vectorised")[0] for i in (0, 1)]
    index = [
        by_role[role]["kwargs"].get("index")
        for role in (
            "r0_local1_swap",
            "r0_vectorised_swap",
            "r1_local1_swap",
            "r1_vectorised_swap",
        )
    ]
    target = by_role["r1_y_observed"]
    listed = target["args"][0]["theta"]
    local_names = [k for k, v in listed.items() if v.shape[1] > 1]
    n = len(y0["obs"])

    key, _, network_key = jax.random.split(jax.random.PRNGKey(seed), 3)
    rngs = nnx.Rngs(network_key)
    inputs = index[0] is not None
    network = Transformer(
        {
            "latent_dim": 8,
            "label_dim": 2,
            "index_out_dim": 2 * inputs,
            "n_encoder": 1,
            "n_decoder": 1,
            "n_heads": 2,
            "n_ff": 1,
            "dropout": 0.1,
            "activation": nnx.relu,
        },
        1,
        len(listed) + 1,
        int(inputs),
        rngs=rngs,
    )
    estimator = SFMPE(StructuredCNF(network, rngs=rngs), rngs=rngs)
    simulated = iter([y0, y1])
    train_bottom_up(
        key,
        estimator,
        Replies(theta0),
        Replies(*locals_),
        lambda seed, theta, f_in=None: next(simulated),
        [name for name in listed if name not in local_names],
        local_names,
        listed[local_names[0]].shape[1],
        2,
        n,
        1,
        target["args"][0]["y"],
        by_role["r0_local1_swap"]["kwargs"]["independence"],
        optimiser=optax.adam(3e-4),
        batch_size=n // 10,
        f_in=Replies(*index) if inputs else None,
        f_in_args=(),
        f_in_args_global=(),
        f_in_target=target["kwargs"].get("index"),
    )
    after = others["SFMPE.sample_posterior_encoded"][-1]["extra"]["params"]
    weights = read_parameters(network)
    assert weights.keys() == after.keys()
    for path, wanted in after.items():
        np.testing.assert_allclose(
            weights[path], wanted, err_msg=path, **WEIGHTS
        )
