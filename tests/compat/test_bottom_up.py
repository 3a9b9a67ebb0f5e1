"""Bottom-up training: calls, shapes, keys and data."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from compat.runs import calls_of_run
from compat.values import assert_identical
from nightly import some_of
from tfmpe.compat._bottom_up import rounds, stages
from tfmpe.compat.bottom_up import train_bottom_up
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.migrate.recordings.nodes import Abstract

pytestmark = pytest.mark.usefixtures("quiet")

# Three of the six recorded runs: without functional inputs, with drawn
# inputs, and with keys in a changing order.
RUNS = {
    "hierarchical_gaussian": "n3_o5",
    "hierarchical_brownian": "n4_o3_prior",
    "seir": "s5_o5_prior",
}

ROLES = [
    "r0_local1_swap",
    "r0_vectorised_swap",
    "r0_vectorised",
    "r0_a",
    "r0_b",
    "r1_y_observed",
    "r1_local1_swap",
    "r1_append",
    "r1_vectorised_swap",
    "r1_vectorised",
    "r1_a",
    "r1_b",
]


@functools.cache
def _calls_of(example, *files):
    """Return the recorded calls of one run, in order."""
    return calls_of_run(example, RUNS[example], *files)


def _recorded(example):
    return _calls_of(
        example, "flatten_structured", "combine_data", "split_data"
    )


def _role(example, role):
    return next(case for case in _recorded(example) if case.role == role)


def normal(key, shape):
    """Return normal values that depend only on a key, without compiling."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return rng.normal(size=shape).astype(np.float32)


class Distribution:
    """Independent normals around means; seeds depend on names, as in TFP."""

    def __init__(self, means):
        self.means = means

    def sample(self, sample_shape=(), seed=None):
        return {
            name: mean + normal(seed, (*sample_shape, *mean.shape))
            for name, mean in self.means.items()
        }


class Model:
    """A model with the names and shapes of a recorded run."""

    def __init__(self, example):
        first = _role(example, "r0_local1_swap")
        theta = first.args[0]["y"]
        y = first.args[0]["theta"]
        listed = _role(example, "r1_vectorised").args[0]["theta"]
        target = _role(example, "r1_y_observed")
        self.n, self.n_obs = y["obs"].shape[0], y["obs"].shape[2]
        self.n_local = target.args[0]["y"]["obs"].shape[1]
        self.local_names = [k for k, v in listed.items() if v.shape[1] > 1]
        self.global_names = [k for k in listed if k not in self.local_names]
        # This order is neither sorted nor the listed one.
        self.names = sorted(theta, reverse=True)
        self.y_observed = target.args[0]["y"]
        self.independence = first.kwargs["independence"]
        self.index = first.kwargs["index"]
        self.seen = []

    def prior(self, n):
        self.seen.append(("prior", n))
        return Distribution(
            {name: np.zeros((n, 1), np.float32) for name in self.names}
        )

    def local(self, parents, n):
        shapes = {name: leaf.shape for name, leaf in parents.items()}
        self.seen.append(("local", shapes, n))
        mean = np.zeros((self.n, n, 1), np.float32)
        return Distribution(dict.fromkeys(self.local_names, mean))

    def simulate(self, seed, theta, f_in=None):
        shapes = {name: leaf.shape for name, leaf in theta.items()}
        self.seen.append(("simulate", shapes, f_in is not None))
        shape = (self.n, 1, self.n_obs, 1)
        mean = sum(np.asarray(leaf)[..., None] for leaf in theta.values())
        return {"obs": jnp.asarray(mean + normal(seed, shape))}

    def inputs(self, n):
        """Return positions for observations, and zeros for the other keys."""
        shapes = {name: (n, 1) for name in self.local_names}
        shapes |= {name: (1, 1) for name in self.global_names}
        # As in the recordings, seir has inputs for parameters not inferred.
        zeros = {
            name: np.zeros(shapes.get(name, (n, 1)), np.float32)
            for name in self.index
        }
        zeros["obs"] = np.zeros((n, self.n_obs, 1), np.float32)
        return Distribution(zeros)

    def arguments(self):
        given = {
            "prior_fn": self.prior,
            "local_fn": self.local,
            "simulator_fn": self.simulate,
            "global_names": self.global_names,
            "local_names": self.local_names,
            "n_local": self.n_local,
            "n_rounds": 2,
            "n_simulations": self.n,
            "n_epochs": 1,
            "y_observed": self.y_observed,
            "independence": self.independence,
            "batch_size": self.n // 10,
        }
        if self.index is not None:
            given |= {
                "f_in": self.inputs,
                "f_in_args": (1,),
                "f_in_args_global": (self.n_local,),
                "f_in_target": _repeat(self.inputs(self.n_local).means, 1),
            }
        return given


class Still:
    """A fast estimator that learns nothing."""

    def __init__(self):
        self.fitted, self.asked = [], []

    def fit(self, train, val, optimizer=None, n_iter=1000, batch_size=100):
        self.fitted.append((len(train["data"]["y"]), n_iter, batch_size))

    def sample_posterior(self, context, labels, theta_slices, **given):
        self.asked.append((context.shape, given))
        n, drawn = given["n_samples"], {}
        for name, entry in theta_slices.items():
            shape = (n, *entry["event_shape"], *entry["batch_shape"])
            places = jnp.arange(np.prod(shape), dtype=jnp.float32)
            drawn[name] = places.reshape(shape) + context.mean()
        return drawn


@pytest.fixture
def calls(monkeypatch):
    """List the legacy functions that a run calls, and their results."""
    seen = []

    def spy(module, name, shown):
        function = getattr(module, name)

        def noting(*args, **kwargs):
            result = function(*args, **kwargs)
            seen.append((shown, args, kwargs, result))
            return result

        monkeypatch.setattr(module, name, noting)

    spy(stages, "flatten_structured", "flatten_structured")
    spy(rounds, "combine_data", "combine_data")
    spy(stages, "split_rows", "split_data")
    return seen


def _of(calls, function):
    """Return the calls of one function."""
    return [call for call in calls if call[0] == function]


def _abstract(tree):
    """Return the tree with shapes and dtypes instead of arrays."""
    if isinstance(tree, dict):
        return {name: _abstract(leaf) for name, leaf in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map(_abstract, tree))
    if hasattr(tree, "dtype") and not isinstance(tree, np.generic | Abstract):
        return Abstract(tree.shape, tree.dtype.name)
    return tree


def _run(model, estimator=None, **options):
    return train_bottom_up(
        jax.random.key(0),
        Still() if estimator is None else estimator,
        **{**model.arguments(), **options},
    )


@pytest.mark.parametrize(
    "example", some_of(RUNS, ["hierarchical_brownian"], "trainings")
)
def test_a_run_calls_what_the_legacy_run_called(example, calls):
    """The order of calls, shapes, dtypes, keys, rules, masks, labels agree."""
    model = Model(example)
    _run(model)
    recorded = _recorded(example)
    assert [case.role for case in recorded if case.role] == ROLES
    assert [name for name, *_ in calls] == [c.function for c in recorded]
    for case, (_, args, _, result) in zip(recorded, calls, strict=True):
        wanted, found = (_abstract(tree) for tree in (case.output, result))
        if case.function == "flatten_structured":
            # Masks, labels and slices are bit-identical.
            wanted[0]["masks"] = case.output[0]["masks"]
            found[0]["masks"] = result[0]["masks"]
            wanted[0]["labels"] = case.output[0]["labels"]
            found[0]["labels"] = result[0]["labels"]
            assert_identical(_abstract(args), _abstract(case.args))
        assert_identical(found, wanted)


@pytest.mark.parametrize("example", RUNS)
def test_the_estimator_is_called_as_it_was(example):
    model, estimator = Model(example), Still()
    _run(model, estimator)
    n = model.n
    assert estimator.fitted == [
        (int(0.8 * rows), 1, n // 10) for rows in (n, 2 * n, 3 * n, 2 * n)
    ]
    recorded = _calls_of(example, "SFMPE_sample_posterior")
    assert len(recorded) == len(estimator.asked) == 3
    for case, (shape, given) in zip(recorded, estimator.asked, strict=True):
        assert shape == case.args[0].shape
        assert given.keys() == case.kwargs.keys()
        assert given["n_samples"] == case.kwargs["n_samples"]
        wanted, found = _abstract(case.kwargs), _abstract(given)
        assert_identical(found["masks"], wanted["masks"])
        assert_identical(found.get("index"), wanted.get("index"))


def test_callbacks_get_what_they_need():
    model = Model("hierarchical_brownian")
    _run(model)
    one = {"mu": (10, 1, 1), "theta": (10, 1, 1)}
    assert model.seen == [
        ("prior", 1),
        ("simulate", one, True),
        ("local", {"mu": (10, 1, 1)}, 4),
        ("simulate", one, True),
        ("local", {"mu": (10, 1, 1)}, 4),
    ]


def test_data_flow_from_stage_to_stage(calls):
    """As recorded, the second stage is trained on rows of the first round."""
    model = Model("hierarchical_gaussian")
    _run(model)
    others = [call for call in calls if call[0] != "split_data"]
    by_role = dict(zip(ROLES, others, strict=True))

    def result(role):
        value = by_role[role][3]
        return value[0] if isinstance(value, tuple) else value

    def rows(role):
        return jax.tree.map(lambda leaf: leaf[: model.n], result(role))

    for number in (0, 1):
        a, b = by_role[f"r{number}_a"][1], by_role[f"r{number}_b"][1]
        assert_identical(a[0], result(["r0_local1_swap", "r1_append"][number]))
        assert_identical(a[1], result(f"r{number}_vectorised"))
        assert_identical(b[0], rows(f"r{number}_a"))
        assert_identical(b[1], result(f"r{number}_vectorised"))
    x, y = by_role["r1_append"][1]
    assert_identical(x, result("r0_a"))
    assert_identical(y, result("r1_local1_swap"))
    split = [call[1][0] for call in _of(calls, "split_data")]
    roles = ("r0_local1_swap", "r0_b", "r1_append", "r1_b")
    for found, role in zip(split, roles, strict=True):
        assert_identical(found, result(role))


def test_keys_go_where_they_went(calls):
    """Test each key split of the recorded runs, which were found by search."""
    model = Model("hierarchical_brownian")
    drawn = []

    class Spy(Distribution):
        def sample(self, sample_shape=(), seed=None):
            drawn.append(seed)
            return super().sample(sample_shape, seed)

    options = {
        name: (lambda f: lambda *args: Spy(f(*args).means))(function)
        for name, function in (
            ("prior_fn", model.prior),
            ("local_fn", model.local),
            ("f_in", model.inputs),
        )
    }
    _run(model, **options)

    def at(*path):
        key = jax.random.key(0)
        for place in path:
            key = jax.random.split(key, 3)[place]
        return jax.random.key_data(key)

    wanted = [(0,), (2, 0), (2, 1, 1, 0), (2, 1, 1, 1, 0)]
    second = (2, 1, 1, 1, 1, 1)
    wanted += [(*second, *path) for path in wanted[1:]]
    found = [jax.random.key_data(key) for key in drawn]
    np.testing.assert_array_equal(found, [at(*path) for path in wanted])
    shuffled = [call[1][3] for call in _of(calls, "split_data")]
    wanted = [(2, 1, 0), (2, 1, 1, 1, 1, 0)]
    wanted += [(*second, *path) for path in wanted]
    found = [jax.random.key_data(key) for key in shuffled]
    np.testing.assert_array_equal(found, [at(*path) for path in wanted])


def test_what_is_returned_fits_the_estimator(calls):
    model = Model("seir")
    labels, slices, masks = _run(model)
    flat, both = _of(calls, "flatten_structured")[-1][3]
    assert slices == both["theta"]
    assert list(slices) == [*model.global_names, *model.local_names]
    assert_identical(labels, flat["labels"])
    assert_identical(masks, flat["masks"])


def test_a_real_estimator_is_trained(affine):
    """Compile and run one complete round."""
    model = Model("hierarchical_gaussian")
    net = affine()
    rngs = nnx.Rngs(0)
    estimator = SFMPE(StructuredCNF(net, rngs), rngs)
    labels, slices, masks = _run(
        model, estimator, n_rounds=1, optimiser=optax.sgd(1e-3)
    )
    assert np.abs(net.weights[...]).min() > 0
    draws = estimator.sample_posterior(
        model.y_observed["obs"].reshape((1, -1, 1)),
        labels,
        slices,
        masks,
        n_samples=model.n,
    )
    assert {k: v.shape for k, v in draws.items()} == {
        "mu": (20, 1, 1),
        "theta": (20, 3, 1),
    }
    # One key for each of the two trainings; this network draws no numbers.
    assert int(rngs.base_dist.count[...]) == 2


@pytest.mark.parametrize(
    "f_in",
    [
        lambda model: model.inputs,
        lambda model: lambda n: _repeat(model.inputs(n).means, model.n),
    ],
    ids=["factory", "thunk"],
)
def test_functional_inputs_of_a_function(f_in, calls):
    model = Model("hierarchical_brownian")
    _run(model, f_in=f_in(model))
    indices = [call[2]["index"] for call in _of(calls, "flatten_structured")]
    assert [index["obs"].shape[1] for index in indices] == [1, 4, 4, 4, 1, 4, 4]
    assert [len(index["obs"]) for index in indices] == [10] * 3 + [1] + [10] * 3


def _repeat(tree, n):
    return {
        name: np.broadcast_to(leaf, (n, *leaf.shape))
        for name, leaf in tree.items()
    }


def test_functional_inputs_of_one_row_for_all(calls):
    """A tree with one row applies to every simulation."""
    model, estimator = Model("hierarchical_brownian"), Still()
    rows = {name: leaf[None] for name, leaf in model.inputs(1).means.items()}
    _run(model, estimator, f_in=rows, f_in_args=None, n_local=1, n_rounds=1)
    (_, given) = estimator.asked[0]
    assert given["index"]["theta"].shape == (1, 3, 1)


@pytest.mark.parametrize(
    "simulator",
    [
        lambda model: lambda theta, key: model.simulate(key, theta),
        lambda model: lambda rng, theta, index: model.simulate(rng, theta),
        lambda model: lambda *args: model.simulate(*args),
        lambda model: model.simulate,
    ],
    ids=["key last", "with inputs", "any number", "usual"],
)
def test_simulators_of_many_forms(simulator):
    model = Model("hierarchical_brownian")
    _run(model, n_rounds=1, simulator_fn=simulator(model))
    assert [what for what, *_ in model.seen] == ["prior", "simulate", "local"]


def test_distributions_of_numpyro():
    """NumPyro distributions take the key as first argument."""

    class Normal:
        def __init__(self, distribution):
            self.distribution = distribution

        def sample(self, key, sample_shape=()):
            return self.distribution.sample(sample_shape, key)

    model = Model("hierarchical_gaussian")
    _run(model, n_rounds=1, prior_fn=lambda n: Normal(model.prior(n)))
    assert [what for what, *_ in model.seen] == ["prior", "simulate", "local"]


def test_without_a_round_there_is_nothing_to_return():
    with pytest.raises(ValueError, match="n_rounds is 0, expected at least 1"):
        _run(Model("hierarchical_gaussian"), n_rounds=0)
