"""Observations of many units, drawn unit by unit."""

import jax
import numpy as np
import pytest

from estimators.plated_models import (
    THREE_LEVEL_RULES,
    THREE_LEVELS,
    TWO_LEVEL_RULES,
    TWO_LEVELS,
    FormulaLikelihood,
    three_level_prior,
    three_level_simulator,
    two_level_prior,
    two_level_simulator,
)
from tfmpe import Tokens, UnknownKeyError
from tfmpe.estimators._bottom_up.plates import Plates
from tfmpe.estimators._bottom_up.synthesis import full_tokens, synthesise

KEY = jax.random.key(5)
N = 6
SIZES = {"region": 4, "site": 3}


def one_unit(prior, simulator, sizes, rules, inputs=None):
    """Return the layout of one unit."""
    parameters = prior(KEY, 2, sizes)
    data = {**parameters, **simulator(KEY, parameters)}
    return Tokens.from_pytree(data, rules, inputs).layout


def three_levels(formula, sd, grown=SIZES):
    """Synthesize the model of regions and sites; return Tokens and rows."""
    plates = Plates.read(THREE_LEVELS, {name: SIZES[name] for name in grown})
    sizes = {**SIZES, **plates.one_unit}
    one = one_unit(
        three_level_prior, three_level_simulator, sizes, THREE_LEVEL_RULES
    )
    parameters = three_level_prior(KEY, N, SIZES)
    tokens = full_tokens(parameters, None, one, plates, N, "prior_fn")
    groups = plates.groups(("mu", "region", "site"), ("obs",))
    likelihood = FormulaLikelihood(formula, sd)
    found = synthesise(likelihood, tokens, one, plates, groups, KEY, {})
    return tokens, found, likelihood.calls


def test_every_unit_sees_its_own_path_and_nothing_else():
    def formula(given):
        mean = (
            100 * given["mu"][:, :, None]
            + 10 * given["region"][:, :, None]
            + given["site"]
        )
        return {"obs": np.concatenate([mean, -mean], -1)}

    tokens, found, calls = three_levels(formula, 0.0)
    values = jax.device_get(tokens.decode())
    mean = (
        100 * values["mu"][:, :, None]
        + 10 * values["region"][:, :, None]
        + values["site"]
    )
    wanted = np.concatenate([mean, -mean], -1)
    np.testing.assert_array_equal(found.decode()["obs"], wanted)
    # Parameters, layout and padding columns do not change.
    assert found.layout == tokens.layout
    for name in ("mu", "region", "site"):
        np.testing.assert_array_equal(found.decode()[name], values[name])
    np.testing.assert_array_equal(
        found.data[..., 1] == -1e8, tokens.data[..., 1] == -1e8
    )
    ((rows, _),) = calls
    assert rows.sample_shape == (N * 4 * 3,)
    assert rows.layout.n_tokens == 4


def test_noise_is_fresh_for_every_simulation_and_unit():
    """The legacy package shares one noise vector (L19)."""

    def formula(given):
        return {"obs": np.repeat(given["site"], 2, -1)}

    tokens, found, _ = three_levels(formula, 1.0)
    noise = np.asarray(found.decode()["obs"] - tokens.decode()["site"])
    assert len(np.unique(noise)) == noise.size
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.std() - 1) < 5 / np.sqrt(2 * noise.size)


def test_a_plate_without_a_size_stays_in_the_unit():
    """The functions return four regions; only sites are combined."""

    def formula(given):
        return {"obs": np.repeat(given["site"], 2, -1)}

    tokens, found, calls = three_levels(formula, 0.0, ["site"])
    np.testing.assert_array_equal(
        found.decode()["obs"], np.repeat(tokens.decode()["site"], 2, -1)
    )
    assert calls[0][0].sample_shape == (N * 3,)


def test_outer_observations_are_drawn_first_and_given():
    plates = Plates.read(
        {"a": ("x",), "total": ("x",), "obs": ("x", "y")}, {"x": 2, "y": 3}
    )
    arrays = {
        "a": np.arange(4.0).reshape((2, 2, 1)),
        "total": np.zeros((2, 2, 1)),
        "obs": np.zeros((2, 2, 3, 1)),
    }
    small = {
        name: array[:, :1, :1] if name == "obs" else array[:, :1]
        for name, array in arrays.items()
    }
    one = Tokens.from_pytree(small, {}).layout
    tokens = Tokens.from_pytree(arrays, {})

    def formula(given):
        if "total" in given:
            return {"obs": 10 * given["total"][:, :, None]}
        return {"total": given["a"] + 1}

    groups = plates.groups(("a",), ("total", "obs"))
    likelihood = FormulaLikelihood(formula, 0.0)
    found = synthesise(
        likelihood, tokens, one, plates, groups, KEY, {}
    ).decode()
    np.testing.assert_array_equal(found["total"], arrays["a"] + 1)
    np.testing.assert_array_equal(
        found["obs"],
        np.broadcast_to(10 * (arrays["a"][:, :, None] + 1), (2, 2, 3, 1)),
    )


def test_functional_inputs_are_those_of_the_unit():
    plates = Plates.read(TWO_LEVELS, {"site": 3})
    times = np.arange(N * 3 * 2.0).reshape((N, 3, 2, 1))
    one = one_unit(
        two_level_prior,
        two_level_simulator,
        plates.one_unit,
        TWO_LEVEL_RULES,
        {"obs": times[:2, :1]},
    )
    parameters = two_level_prior(KEY, N, plates.sizes)
    tokens = full_tokens(parameters, {"obs": times}, one, plates, N, "prior_fn")

    def formula(given):
        return {"obs": np.zeros((len(given["theta"]), 1, 2, 1))}

    likelihood = FormulaLikelihood(formula, 0.0)
    groups = plates.groups(("mu", "theta"), ("obs",))
    synthesise(likelihood, tokens, one, plates, groups, KEY, {"n_steps": 2})
    rows, options = likelihood.calls[0]
    found = rows.select_tokens(["obs"]).functional_inputs
    np.testing.assert_array_equal(found, times.reshape((N * 3, 2, 1)))
    assert options == {"n_steps": 2}


def test_values_that_are_not_of_the_full_model():
    plates = Plates.read(TWO_LEVELS, {"site": 3})
    one = one_unit(
        two_level_prior, two_level_simulator, plates.one_unit, TWO_LEVEL_RULES
    )
    with pytest.raises(ValueError, match="full model") as error:
        full_tokens(
            {"mu": np.zeros((2, 1)), "obs": np.zeros((2, 4, 2, 1))},
            None,
            one,
            plates,
            2,
            "observed",
        )
    assert str(error.value) == (
        "observed does not fit the full model:\n"
        "  - 'mu' has shape (2, 1), expected (2, 1, 1): (1,) for one unit, "
        "and the sizes {'site': 3}\n"
        "  - 'obs' has shape (2, 4, 2, 1), expected (2, 3, 2, 1): (1, 2) for "
        "one unit, and the sizes {'site': 3}"
    )
    with pytest.raises(UnknownKeyError, match="'nu' not found"):
        full_tokens({"nu": np.zeros(2)}, None, one, plates, 2, "observed")
