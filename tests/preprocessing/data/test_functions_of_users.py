"""User functions with side effects on their own copies of arguments."""

import jax
import numpy as np
import pytest

from tfmpe import TokenGenerator, generate_static_dataset


def prior(key, n):
    mu = np.asarray(jax.random.uniform(key, (n, 1, 1))).copy()
    return {"mu": mu, "site": {"tau": np.ones((n, 2, 1))}}


def other_units(key, parameters):
    parameters["mu"] *= 1000.0
    parameters["site"]["tau"] *= 1000.0
    return {"obs": parameters["mu"].copy()}


def rebinds(key, parameters):
    parameters["mu"] = parameters["mu"] * 1000.0
    return {"obs": parameters["mu"]}


def takes_out(key, parameters):
    parameters.pop("site")
    return {"obs": parameters.pop("mu") * 1000.0}


@pytest.mark.parametrize("simulator", [other_units, rebinds, takes_out])
def test_what_the_prior_drew_is_recorded(simulator):
    tokens = TokenGenerator(prior, simulator, None, {}, 8, 8, seed=0)[0]
    drawn = tokens.decode()
    assert drawn["mu"].max() < 1
    assert drawn["site"]["tau"].tolist() == np.ones((8, 2, 1)).tolist()
    np.testing.assert_allclose(drawn["obs"], drawn["mu"] * 1000, rtol=1e-6)
    whole = generate_static_dataset(
        jax.random.key(0), prior, simulator, None, {}, 8
    )
    np.testing.assert_array_equal(whole.data, tokens.data)


@pytest.mark.parametrize("kind", ["xarray.DataArray", "pandas.Series"])
def test_arrays_of_other_packages_are_copied(kind):
    package, _, name = kind.partition(".")
    array = getattr(pytest.importorskip(package), name)

    def prior(key, n):
        return {"mu": array(np.ones(n))}

    def simulator(key, parameters):
        parameters["mu"] *= 1000.0
        return {"obs": np.asarray(parameters["mu"])}

    tokens = TokenGenerator(
        prior, simulator, None, {}, 4, 4, seed=0, batch_ndims=0, jit=False
    )[0]
    drawn = tokens.decode()
    assert drawn["mu"].max() == 1
    assert drawn["obs"].min() == 1000


def test_batches_of_other_dtypes_do_not_become_one_data_set():
    dtypes = iter([np.int32, np.float32])

    def prior(key, n):
        return {"mu": np.arange(n).reshape(n, 1, 1)}

    def simulator(key, parameters):
        return {"obs": (parameters["mu"] + 0.5).astype(next(dtypes))}

    with pytest.raises(
        ValueError, match=r"at sample 2 is .*\['float32'\], but"
    ):
        generate_static_dataset(
            jax.random.key(0),
            prior,
            simulator,
            None,
            {},
            4,
            batch_size=2,
            jit=False,
        )


def test_functional_inputs_are_recorded_as_they_were_made():
    def times(key, parameters):
        parameters.clear()
        return {"obs": np.zeros((1, 1))}

    def simulator(key, parameters, inputs):
        inputs["obs"] += 5.0
        return {"obs": parameters["mu"]}

    tokens = TokenGenerator(prior, simulator, times, {}, 4, 4, seed=0)[0]
    assert tokens.select_tokens(["obs"]).functional_inputs.max() == 0


def draws(seed):
    def simulator(key, parameters):
        return {"obs": parameters["mu"]}

    return TokenGenerator(prior, simulator, None, {}, 4, 4, seed=seed)[0].data


def test_all_bits_of_a_seed_count():
    seeds = [0, 1, 2**32, 2**32 + 1, 2**64, 2**100, 2**100 + 2**40]
    found = {np.asarray(draws(seed)).tobytes() for seed in seeds}
    assert len(found) == len(seeds)
    np.testing.assert_array_equal(draws(7), draws(jax.random.key(7)))


def test_a_seed_below_0_is_refused():
    with pytest.raises(ValueError, match="seed is -1, expected 0 or more"):
        draws(-1)
