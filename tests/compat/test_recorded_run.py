"""Complete recorded runs of bottom-up training, from their seeds.

The recordings hold the return values of the user's functions. Everything else
is computed: keys, networks, training, simulations by the estimator, and
posterior draws.
"""

import functools

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from compat.runs import calls_of_run
from nightly import some_of
from tfmpe.compat._bottom_up.stages import Stages
from tfmpe.compat.bottom_up import train_bottom_up
from tfmpe.compat.nn.transformer import read_parameters
from tfmpe.compat.nn.transformer.transformer import Transformer
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF

# Name of the run, seed of the script, and the splits that lead from it to the
# keys of the network and of the training. The splits were found by search, to
# match the recorded keys of split_data.
RUNS = {
    "hierarchical_gaussian": ("n3_o5", 7, (2,), (2, 0)),
    "hierarchical_brownian": ("n4_o3_prior", 7, (3,), (3, 0)),
    "seir": ("s5_o5_prior", 42, (3, 1, 1), (3, 1, 1, 0)),
}


def descend(key, path):
    """Split a key, take one part, split that part, and so on."""
    for part in path:
        key = jax.random.split(key, part + 2)[part]
    return key


# The legacy solver is not exact: its steps depend on rounding, so most draws
# agree closely but a few do not. Weights move by 3e-4 per step.
MEDIAN, FARTHEST = 2e-3, 0.1
WEIGHTS = {"atol": 2e-5, "rtol": 1e-3}


@functools.cache
def recorded(example):
    """Return the calls of a run by role, and all other calls in order."""
    name = RUNS[example][0]
    by_role, others = {}, {}
    files = (
        "flatten_structured",
        "split_data",
        "SFMPE_sample_posterior_encoded",
    )
    for case in calls_of_run(example, name, *files):
        if case.traced:
            continue
        if case.role:
            by_role[case.role] = vars(case)
        else:
            others.setdefault(case.function, []).append(vars(case))
    return by_role, others


class Replies:
    """Distributions and a simulator that return recorded values."""

    def __init__(self, *values):
        self.values = list(values)

    def sample(self, shape=(), seed=None):
        return self.values.pop(0)

    def __call__(self, *args, **kwargs):
        return self


def following(stage, replies):
    """Return a stage that compares its results with replies and returns those.

    Otherwise solver errors would accumulate from stage to stage.
    """
    replies = iter(replies)

    def compared(*args):
        found, wanted = stage(*args), next(replies)
        assert list(found) == list(wanted)
        for name in wanted:
            error = np.abs(np.asarray(found[name]) - wanted[name])
            assert np.median(error) < MEDIAN, name
            assert error.max() < FARTHEST, name
        return wanted

    return compared


@pytest.fixture
def operation_by_operation():
    """Compile operations separately, so that XLA does not fuse their rounding.

    The optimizer divides gradients by their size, so where a gradient is nearly
    zero, rounding determines a whole step.
    """
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.mark.slow
@pytest.mark.usefixtures("operation_by_operation")
@pytest.mark.filterwarnings("ignore::tfmpe.compat.LegacyWarning")
@pytest.mark.parametrize("example", some_of(RUNS, [], "trainings"))
def test_a_run_ends_with_the_recorded_weights(example, monkeypatch):
    by_role, others = recorded(example)
    _, seed, network_path, training_path = RUNS[example]

    def sides(role):
        data = by_role[role]["args"][0]
        return data["theta"], data["y"]

    y0, theta0 = sides("r0_local1_swap")
    y1, theta1 = sides("r1_local1_swap")
    locals_ = [sides(f"r{i}_vectorised")[0] for i in (0, 1)]
    index = [
        by_role[f"r{i}_{role}_swap"]["kwargs"].get("index")
        for i in (0, 1)
        for role in ("local1", "vectorised")
    ]
    target = by_role["r1_y_observed"]
    listed = theta1 | target["args"][0]["theta"]
    local_names = [k for k, v in listed.items() if v.shape[1] > 1]
    n = len(y0["obs"])

    key = jax.random.PRNGKey(seed)
    rngs = nnx.Rngs(descend(key, network_path))
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
    drawn = {
        "infer": [theta1],
        "simulate": [sides(f"r{i}_vectorised")[1] for i in (0, 1)],
    }
    for name, replies in drawn.items():
        stage = following(getattr(Stages, name), replies)
        monkeypatch.setattr(Stages, name, stage)
    simulated = iter([y0, y1])
    train_bottom_up(
        descend(key, training_path),
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
