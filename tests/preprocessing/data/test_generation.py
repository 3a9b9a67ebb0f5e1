"""Simulation batch by batch, and of a whole dataset."""

import gc
import pickle
import weakref
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

from comparisons import assert_same
from other_process import output_of
from preprocessing.simulations import (
    N_OBS,
    N_SITES,
    RULES,
    plain_simulator,
    prior,
    simulator,
    times,
)
from refusals import refused
from tfmpe import (
    IrreproducibleWarning,
    TokenGenerator,
    Tokens,
    generate_static_dataset,
)


def generator(n_samples=10, batch_size=4, seed=0, **kwargs):
    """Build a generator; those of batches of four are compiled once."""
    made = TokenGenerator(
        prior, simulator, times, RULES, n_samples, batch_size, seed, **kwargs
    )
    if batch_size == 4:
        made._programs = PROGRAMS
    return made


PROGRAMS = {}


def plain_generator(n_samples=10, batch_size=4, seed=0):
    return TokenGenerator(
        prior, plain_simulator, None, RULES, n_samples, batch_size, seed
    )


def joined(batches):
    return jax.tree.map(lambda *rows: jnp.concatenate(rows), *batches)


MAKERS = pytest.mark.parametrize("make", [generator, plain_generator])


def test_the_tokens_are_those_of_the_functions():
    """Batch i depends only on ``fold_in(key(seed), i)``."""

    @jax.jit
    def simulate(key):
        key = jax.random.fold_in(key, 1)
        prior_key, inputs_key, simulator_key = jax.random.split(key, 3)
        parameters = prior(prior_key, 4)
        inputs = times(inputs_key, parameters)
        observations = simulator(simulator_key, parameters, inputs)
        return Tokens.from_pytree(parameters | observations, RULES, inputs)

    wanted = simulate(jax.random.key(7))
    found = generator(seed=7)[1]
    assert found.layout == wanted.layout
    np.testing.assert_allclose(found.data, wanted.data, rtol=1e-6)
    np.testing.assert_array_equal(
        found.functional_inputs, wanted.functional_inputs
    )


@MAKERS
def test_number_and_sizes_of_batches(make):
    batches = list(make())
    assert len(make()) == len(batches) == 3
    assert [batch.sample_shape for batch in batches] == [(4,), (4,), (2,)]
    assert [b.sample_shape for b in make(8)] == [(4,), (4,)]
    assert [b.sample_shape for b in make(3)] == [(3,)]


def test_dropping_the_remainder():
    whole = generator(drop_remainder=True)
    assert len(whole) == 2
    for found, wanted in zip(whole, generator(), strict=False):
        assert_same(found, wanted)
    with pytest.raises(ValueError, match="there is no batch") as error:
        generator(3, drop_remainder=True)
    assert str(error.value) == (
        "With drop_remainder there is no batch: batch_size is 4, but there "
        "are only 3 samples. Use a smaller batch_size."
    )


@MAKERS
def test_iterating_twice_gives_the_same(make):
    source = make()
    for first, second in zip(source, source, strict=True):
        assert_same(second, first)


@MAKERS
def test_batches_in_any_order_are_the_same(make):
    source, wanted = make(), list(make())
    for i in (2, 0, 1, -1):
        assert_same(source[i], wanted[i])
    assert_same(source[np.int64(1)], wanted[1])


@MAKERS
def test_resuming_is_going_on(make):
    wanted = list(make())[1:]
    for found, batch in zip(make().batches(1), wanted, strict=True):
        assert_same(found, batch)


def test_sharing_a_pass_between_processes():
    wanted = list(generator())
    shared = [list(generator().batches(rank, step=2)) for rank in (0, 1)]
    assert_same(joined([shared[0][0], shared[1][0]]), joined(wanted[:2]))
    assert_same(shared[0][1], wanted[2])


def test_another_process_makes_the_same(tmp_path):
    """The result is the same after functions were compiled here."""
    sources = generator(), plain_generator()
    wanted = [source[1].data for source in sources]
    stored, made = tmp_path / "generators", tmp_path / "data.npy"
    stored.write_bytes(pickle.dumps(sources))
    code = (
        "import pickle, sys; import numpy as np\n"
        "sources = pickle.load(open(sys.argv[1], 'rb'))\n"
        "np.save(sys.argv[2], [source[1].data for source in sources])\n"
    )
    output_of(code, stored, made)
    np.testing.assert_array_equal(np.load(made), wanted)


def test_other_seeds_give_other_numbers():
    assert not np.array_equal(
        generator(seed=0)[0].data, generator(seed=1)[0].data
    )
    assert not np.array_equal(generator()[0].data, generator()[1].data)


def test_more_samples_leave_those_before_as_they_are():
    """The last batch is truncated, not simulated in another size."""
    assert_same(
        joined(generator(10)),
        jax.tree.map(lambda x: x[:10], joined(generator(12))),
    )


@pytest.mark.parametrize(
    ("make", "batch_size"),
    [(generator, 4), *((plain_generator, n) for n in (1, 3, 4, 10, 16))],
)
def test_the_static_dataset_is_equal(make, batch_size):
    """Every sample is equal, also in the last partial batch."""
    inputs, simulate = (
        (times, simulator) if make is generator else (None, plain_simulator)
    )
    for n_samples in (10, 12):
        dataset = generate_static_dataset(
            jax.random.key(3),
            prior,
            simulate,
            inputs,
            RULES,
            n_samples,
            batch_size=batch_size,
        )
        assert dataset.sample_shape == (n_samples,)
        assert isinstance(dataset.data, jax.Array)
        assert_same(dataset, joined(make(n_samples, batch_size, seed=3)))


def test_the_static_dataset_has_proper_shapes():
    dataset = generate_static_dataset(
        jax.random.key(0), prior, simulator, times, RULES, 1_050
    )
    n_tokens = 1 + N_SITES + N_SITES * N_OBS
    assert dataset.data.shape == (1_050, n_tokens, 1)
    assert dataset.functional_inputs.shape == (1_050, n_tokens, 1)
    assert dataset.key_order == ["mu", "theta", "obs"]
    assert len(np.unique(dataset.data[:, 0])) == 1_050


def test_one_compilation_for_all_batches():
    calls = []

    def counted(key, parameters):
        calls.append(isinstance(parameters["mu"], jax.core.Tracer))
        return simulator(key, parameters)

    source = TokenGenerator(prior, counted, None, RULES, 10, 4, 0)
    list(source)
    first = len(calls)
    assert all(calls)
    list(source)
    assert len(calls) == first
    # A step is traced once for all full batches, also of another generator.
    traces = []

    @jax.jit
    def step(batch):
        traces.append(1)
        return batch.data.sum()

    for seed in (0, 1):
        for batch in TokenGenerator(prior, counted, None, RULES, 8, 4, seed):
            step(batch)
    assert len(traces) == 1


def test_plain_python_is_called_once_per_batch():
    calls = []

    def counted(key, parameters):
        theta = np.asarray(parameters["theta"])
        calls.append(len(theta))
        return plain_simulator(key, parameters)

    list(TokenGenerator(prior, counted, None, RULES, 10, 4, 0))
    assert calls == [4, 4, 4]


def test_compiled_or_not_as_asked_for():
    seen = []

    def watched(key, parameters):
        seen.append(isinstance(parameters["mu"], jax.core.Tracer))
        return simulator(key, parameters)

    for jit in (False, True):
        seen.clear()
        batch = TokenGenerator(prior, watched, None, RULES, 4, 4, 0, jit=jit)[0]
        assert seen == [jit]
    np.testing.assert_allclose(
        batch.data,
        TokenGenerator(prior, simulator, None, RULES, 4, 4, 0)[0].data,
        rtol=1e-6,
    )
    with pytest.raises(jax.errors.TracerArrayConversionError):
        TokenGenerator(prior, plain_simulator, None, RULES, 4, 4, 0, jit=True)[
            0
        ]


def test_numbers_from_elsewhere_are_not_frozen():
    """If traced once, the noise would be the same in every batch."""
    rng = np.random.default_rng(0)

    def impure(key, parameters):
        noise = rng.normal(size=(4, N_SITES, N_OBS, 1)).astype("float32")
        return {"obs": parameters["theta"][:, :, None] + noise}

    source = TokenGenerator(prior, impure, None, RULES, 8, 4, 0)
    with pytest.warns(IrreproducibleWarning, match="Derive every random"):
        first = source[0]
    noise = [
        b.data[:, 1 + N_SITES :, 0] - np.repeat(b.data[:, 1:4, 0], N_OBS, 1)
        for b in (first, source[1])
    ]
    assert not np.allclose(*noise)


def test_functions_with_custom_derivatives_are_compiled():
    """Their jaxpr contains addresses, which differ in every trace."""
    traced = []

    def softened(key, parameters):
        traced.append(isinstance(parameters["mu"], jax.core.Tracer))
        obs = simulator(key, parameters)["obs"]
        return {"obs": jax.nn.relu(jax.nn.softplus(obs))}

    TokenGenerator(prior, softened, None, RULES, 4, 4, 0)[0]
    assert all(traced)


class _Alive:
    """A counter of the bytes of live jax arrays."""

    def __init__(self):
        gc.collect()
        self.before = self.now()
        self.most = 0

    @staticmethod
    def now():
        return sum(array.nbytes for array in jax.live_arrays())

    def look(self):
        self.most = max(self.most, self.now() - self.before)


@pytest.mark.parametrize("jit", [False, True])
def test_never_more_than_one_batch_is_allocated(jit):
    """The test measures live bytes during and between simulations."""
    n, n_batches = 4_096, 8
    alive = _Alive()

    def watched(key, parameters):
        if not jit:
            alive.look()
        return simulator(key, parameters)

    source = TokenGenerator(
        prior, watched, None, RULES, n * n_batches, n, 0, jit=jit
    )
    size = n * (1 + N_SITES + N_SITES * N_OBS) * 4
    for batch in source:
        alive.look()
        del batch
    # During the next simulation its parameters are alive, but no batch.
    assert size <= alive.most < 1.5 * size


def test_the_count_of_bytes_can_fail():
    n, n_batches = 4_096, 8
    source = TokenGenerator(prior, simulator, None, RULES, n * n_batches, n, 0)
    size = n * (1 + N_SITES + N_SITES * N_OBS) * 4
    alive = _Alive()
    kept = list(source)
    alive.look()
    assert alive.most >= n_batches * size
    del kept


def test_no_batch_is_kept():
    source = generator()
    seen = []
    for batch in source:
        seen.append(weakref.ref(batch.data))
        del batch
    gc.collect()
    assert [ref() for ref in seen] == [None] * 3


@MAKERS
def test_prefetching_changes_nothing(make):
    wanted = list(make())
    for n_ahead in (1, 2, 5):
        found = list(make().batches(prefetch=n_ahead))
        for a, b in zip(found, wanted, strict=True):
            assert_same(a, b)


def test_prefetching_looks_so_far_ahead_and_no_farther():
    made = []

    def counted(key, parameters):
        made.append(1)
        return plain_simulator(key, parameters)

    source = TokenGenerator(prior, counted, None, RULES, 40, 4, 0, jit=False)
    batches = source.batches(prefetch=2)
    next(batches)
    batches.close()  # waits for started work
    assert len(made) == 3


def test_an_error_of_the_simulator_comes_through_a_prefetch():
    def broken(key, parameters):
        raise RuntimeError("the solver diverged")

    source = TokenGenerator(prior, broken, None, RULES, 8, 4, 0)
    with pytest.raises(RuntimeError, match="the solver diverged"):
        list(source.batches(prefetch=1))


def test_batches_can_be_put_on_a_device():
    device = jax.devices()[0]
    (batch,) = generator(4).batches(device=device)
    assert batch.data.devices() == {device}
    assert batch.data.committed


def test_epochs_repeat_the_batches():
    wanted = list(generator())
    found = list(generator().epochs(2))
    assert len(found) == 6
    for a, b in zip(found, wanted * 2, strict=True):
        assert_same(a, b)


def test_progress_is_shown_on_request(capsys):
    list(plain_generator())
    assert capsys.readouterr().err == ""
    list(plain_generator().batches(progress=True))
    out, shown = capsys.readouterr()
    assert out == ""
    assert "compiling:   0%" in shown
    assert "simulating: 100%" in shown
    assert "3/3" in shown
    generate_static_dataset(
        jax.random.key(0),
        prior,
        plain_simulator,
        None,
        RULES,
        8,
        batch_size=4,
        progress=True,
    )
    assert "2/2" in capsys.readouterr().err


class _TFP:
    """A distribution that draws like those of TensorFlow Probability."""

    def __init__(self, *event):
        self.event = event

    def sample(self, sample_shape=(), seed=None, name="sample"):
        return jax.random.normal(seed, (sample_shape, *self.event))


def _of_theta(key, n):
    return jax.random.normal(key, (n, N_SITES, 1))


@pytest.mark.parametrize(
    "parts",
    [
        {"mu": _TFP(1, 1), "theta": _of_theta},
        {
            "mu": dist.Normal(0, 1).expand([1, 1]),
            "theta": dist.HalfNormal(1).expand([N_SITES, 1]).to_event(2),
        },
    ],
)
def test_priors_may_be_distributions(parts):
    source = TokenGenerator(parts, simulator, None, RULES, 10, 4, 0)
    batches = list(source)
    assert batches[0].key_order == ["mu", "theta", "obs"]
    assert [b.sample_shape for b in batches] == [(4,), (4,), (2,)]
    draws = batches[0].decode()
    assert len(np.unique(draws["theta"])) == 4 * N_SITES
    if isinstance(parts["theta"], dist.Distribution):
        assert (draws["theta"] > 0).all()


def test_a_joint_distribution_may_return_a_named_tuple():
    from collections import namedtuple

    Parameters = namedtuple("Parameters", ["mu", "theta"])

    class Joint:
        def sample(self, sample_shape=(), seed=None):
            return Parameters(**prior(seed, sample_shape))

    source = TokenGenerator(Joint(), simulator, None, RULES, 4, 4, 0)
    assert_same(
        source[0], TokenGenerator(prior, simulator, None, RULES, 4, 4, 0)[0]
    )


def test_joint_distributions_of_tensorflow_probability():
    tfp = pytest.importorskip("tensorflow_probability.substrates.jax")
    tfd = tfp.distributions
    joint = tfd.JointDistributionNamed(
        {
            "mu": tfd.Sample(tfd.Normal(0.0, 1.0), (1, 1)),
            "theta": lambda mu: tfd.Normal(
                jnp.broadcast_to(mu, (*mu.shape[:-2], N_SITES, 1)), 1.0
            ),
        }
    )
    batch = TokenGenerator(joint, simulator, None, RULES, 4, 4, 0)[0]
    assert batch.sample_shape == (4,)


def test_batch_ndims_and_labels_are_passed_on():
    def wide(key, n):
        return {"mu": jax.random.normal(key, (n, 2)), "s": jnp.ones((n,))}

    source = TokenGenerator(
        wide,
        lambda key, parameters: {"obs": parameters["mu"]},
        None,
        {},
        4,
        4,
        0,
        batch_ndims={"s": 0},
        labels={"mu": 5, "s": 6, "obs": 7},
    )
    batch = source[0]
    assert batch.label_map == {"mu": 5, "s": 6, "obs": 7}
    assert batch.slices["s"]["batch_shape"] == ()


def test_a_dataset_of_one_layout_only():
    """Simulations of another size are refused with a remedy."""

    def growing(key, parameters):
        if not hasattr(growing, "n"):
            growing.n = 1
        growing.n += 1
        return {"obs": np.zeros((4, growing.n, 1), "float32")}

    with pytest.raises(ValueError, match="needs one layout") as error:
        generate_static_dataset(
            jax.random.key(0),
            {"mu": partial(_normal, shape=(1, 1))},
            growing,
            None,
            {},
            8,
            batch_size=4,
            jit=False,
        )
    assert "The batch that begins at sample 4 is TokenLayout(" in str(
        error.value
    )


def _normal(key, n, shape):
    return jax.random.normal(key, (n, *shape))


def _pair(key, n):
    return (jnp.zeros((n, 1)),)


def _too_few(key, n):
    return {"mu": jnp.zeros((n - 1, 1, 1)), "theta": jnp.zeros((n - 1, 3, 1))}


@pytest.mark.parametrize(
    ("functions", "error", "message"),
    [
        (
            (_pair, simulator),
            TypeError,
            "prior_fn must return a dictionary of arrays, not a tuple. Use "
            "a key for every array.",
        ),
        (
            (prior, lambda key, parameters: parameters["mu"]),
            TypeError,
            "simulator_fn must return a dictionary of arrays, not a "
            "ArrayImpl. Use a key for every array.",
        ),
        (
            (prior, lambda key, parameters: {"mu": parameters["mu"]}),
            ValueError,
            "prior_fn and simulator_fn both return the keys ['mu']. "
            "Return only the observations from simulator_fn.",
        ),
        (
            (_too_few, simulator),
            ValueError,
            "prior_fn was asked for 4 samples, but its arrays and those of "
            "simulator_fn have 3. The first axis of every array counts the "
            "samples.",
        ),
    ],
)
def test_what_functions_return_is_checked(functions, error, message):
    source = TokenGenerator(*functions, None, {}, 8, 4, 0)
    with refused(error, message):
        source[0]


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("n_samples", 0, ValueError, "n_samples is 0, expected at least 1."),
        (
            "batch_size",
            -1,
            ValueError,
            "batch_size is -1, expected at least 1.",
        ),
        (
            "n_samples",
            2.5,
            TypeError,
            "n_samples must be an integer, not 2.5 of type float.",
        ),
        (
            "seed",
            "a",
            TypeError,
            "seed, unless jax.random.key(0) or the like, must be an integer, "
            "not 'a' of type str.",
        ),
    ],
)
def test_numbers_are_checked(name, value, error, message):
    with refused(error, message):
        generator(**{name: value})


def test_there_are_no_other_batches():
    source = generator()
    for i in (3, -4):
        with pytest.raises(IndexError, match=f"There is no batch {i}: the"):
            source[i]


def test_a_seed_may_be_a_key():
    wanted = generator(seed=5)[0]
    assert_same(generator(seed=jax.random.key(5))[0], wanted)
    assert_same(generator(seed=jax.random.PRNGKey(5))[0], wanted)
    assert_same(generator(seed=jnp.int32(5))[0], wanted)


def test_it_is_shown_in_one_line():
    assert repr(generator()) == "TokenGenerator(3 batches of 4, 10 samples)"
