"""Bottom-up training: stored stages, resuming, refusals, exactness."""

import copy
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from comparisons import assert_same
from estimators.plated_models import (
    N_OBS,
    THREE_LEVEL_RULES,
    THREE_LEVELS,
    TWO_LEVEL_RULES,
    TWO_LEVELS,
    exact_posterior,
    gaussian_tree,
    small_estimator,
    three_level_prior,
    three_level_simulator,
    two_level_prior,
    two_level_simulator,
)
from refusals import refused
from tfmpe import Standardizer, Tokens, UnknownKeyError, concatenate_tokens
from tfmpe.estimators import FlowMatchingEstimator, train_bottom_up
from tfmpe.estimators._bottom_up.plates import Plates
from tfmpe.estimators._bottom_up.proposal import UnitProposal
from tfmpe.estimators._bottom_up.truncation import keep_inside
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.nn import Transformer, TransformerConfig

KEY = jax.random.key(1)
SIZES = {"site": 3}
OBSERVED = {"obs": np.linspace(0.5, 1.5, 6).reshape((3, N_OBS, 1))}
# One object for all trainings; otherwise each would be compiled again.
SGD = optax.sgd(0.05)


def train(estimator=None, **changes):
    """Train the model of sites in two short rounds."""
    arguments = {
        "prior_fn": two_level_prior,
        "simulator_fn": two_level_simulator,
        "key": KEY,
        "plates": TWO_LEVELS,
        "sizes": SIZES,
        "independence": TWO_LEVEL_RULES,
        "n_simulations": 24,
        "n_synthetic": 16,
        "n_rounds": 2,
        "observed": OBSERVED,
        "n_draws": 20,
        "margin": 0.0,
        "sample_options": {"solver": "euler", "n_steps": 1},
        "optimizer": SGD,
        "n_epochs": 2,
        "batch_size": 8,
    }
    return train_bottom_up(
        estimator or small_estimator(), **{**arguments, **changes}
    )


def assert_same_result(found, wanted):
    assert repr(found) == repr(wanted)
    assert_same(found.simulations, wanted.simulations)
    assert_same(found.synthetic, wanted.synthetic)
    for name in ("estimator", "likelihood"):
        a, b = getattr(found, name), getattr(wanted, name)
        assert_same(a.vector_field, b.vector_field)
        assert_same(a.standardizer, b.standardizer)
    for a, b in zip(found.rounds, wanted.rounds, strict=True):
        assert a.posterior.training == b.posterior.training
        assert a.likelihood.training == b.likelihood.training


class Recorder:
    """A simulator that counts its calls, and can stop at one of them."""

    def __init__(self, stop_at=None):
        self.n_calls, self.stop_at = 0, stop_at
        self.shapes = []

    def __call__(self, key, parameters):
        self.n_calls += 1
        if self.n_calls == self.stop_at:
            raise KeyboardInterrupt
        self.shapes.append(parameters["theta"].shape)
        return two_level_simulator(key, parameters)


@pytest.fixture(scope="module")
def result():
    return train()


def test_what_comes_back(result):
    assert str(result.posterior) == "p(mu, theta | obs)"
    assert [each.n_simulations for each in result.rounds] == [24, 24]
    assert [each.n_synthetic for each in result.rounds] == [16, 16]
    assert [each.posterior.n_epochs for each in result.rounds] == [2, 2]
    shapes = {
        name: array.shape for name, array in result.synthetic.decode().items()
    }
    assert shapes == {
        "mu": (16, 1, 1),
        "theta": (16, 3, 1),
        "obs": (16, 3, N_OBS, 1),
    }
    first, second = result.rounds
    assert first.box is None
    assert first.acceptance == first.full_acceptance == 1
    assert sorted(second.box.low) == ["mu", "theta"]
    assert 0 < second.full_acceptance < second.acceptance < 1


def test_all_simulations_are_kept(result):
    """The legacy package drops the simulations of later rounds (L26)."""
    assert result.simulations.sample_shape == (48,)
    second = result.rounds[1]
    arrays = result.simulations.decode()
    inside = second.box.contains(arrays)
    assert inside[24:].all()
    assert second.n_in_box == inside.sum() < 48
    assert result.rounds[0].n_in_box == 24
    assert second.box.contains(result.synthetic.decode()).all()


def test_training_is_on_what_is_in_the_box(result):
    """Round 1 simulations outside the box are not used; scales are new."""
    inside = keep_inside(result.simulations, result.rounds[1].box)
    both = concatenate_tokens(result.synthetic, inside)
    for each, data in ((result.likelihood, inside), (result.estimator, both)):
        assert_same(each.standardizer, Standardizer.fit(data))


def test_no_two_draws_are_equal(result):
    """Noise and local parameters are drawn for every simulation (L19, L26)."""
    for tokens in (result.simulations, result.synthetic):
        for values in tokens.decode().values():
            assert len(np.unique(values)) == values.size
    small, large = result.simulations.decode(), result.synthetic.decode()
    assert not np.isin(large["theta"], small["theta"]).any()


def test_the_estimator_is_trained_and_the_likelihood_is_another(result):
    weights = [
        each.vector_field.args[0]
        for each in (result.estimator, result.likelihood)
    ]
    assert all(jnp.abs(each).sum() > 0 for each in weights)
    assert not np.array_equal(*weights)


def test_the_result_can_be_read(result):
    lines = repr(result).splitlines()
    assert lines[:2] == [
        "BottomUpResult(p(mu, theta | obs), {'site': 3})",
        "  round 1: 24 simulations of one unit, 16 synthetic full models",
    ]
    assert lines[-1].startswith("    parameters in Box(mu: ")
    assert lines[-1].endswith("% for the full model")


def test_a_likelihood_is_refined_near_draws(result):
    draws = Tokens.from_pytree(
        {"mu": np.full((5, 1, 1), 4.0), "theta": np.full((5, 3, 1), 7.0)},
        {},
    )
    before = result.likelihood.vector_field
    refined = result.refined(draws, key=KEY, n_simulations=8, n_epochs=3)
    new = {name: v[-8:] for name, v in refined.simulations.decode().items()}
    assert refined.simulations.sample_shape == (56,)
    assert_same(refined.simulations.data[:48], result.simulations.data)
    np.testing.assert_allclose(new["mu"], 4, rtol=1e-5)
    np.testing.assert_allclose(new["theta"], 7, rtol=1e-5)
    assert 0.5 < new["obs"].std() < 2
    assert abs(new["obs"].mean() - 7) < 1
    # Only the new result has the new likelihood.
    assert result.likelihood.vector_field is before
    assert refined.likelihood.vector_field is not before
    assert refined.estimator is result.estimator
    made = refined.rounds[-1]
    assert (made.n_simulations, made.n_in_box, made.posterior) == (8, 56, None)
    assert made.likelihood.n_epochs == 3
    lines = repr(refined).splitlines()
    assert lines[-2] == (
        "  round 3: 8 simulations of one unit near draws, 56 in all"
    )
    with pytest.raises(ValueError, match=r"spread is -1\.0"):
        result.refined(draws, key=KEY, n_simulations=8, spread=-1.0)
    with pytest.raises(TypeError, match="'steps' is not an option"):
        result.refined(draws, key=KEY, n_simulations=8, steps=1)
    only = draws.select_tokens(["theta"]).to_tokens()
    with pytest.raises(UnknownKeyError, match="'mu' not found"):
        result.refined(only, key=KEY, n_simulations=8)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_parameters_of_one_unit_are_those_of_one_draw(spread):
    plates = Plates.read(THREE_LEVELS, {"region": 3, "site": 2})
    n = 6
    mu = 1 + np.arange(n, dtype=np.float32).reshape((n, 1, 1))
    region = mu + 0.1 * np.arange(1, 4, dtype=np.float32)[:, None]
    site = region[:, :, None] + 0.01 * np.arange(1, 3)[:, None]
    draws = Tokens.from_pytree({"mu": mu, "region": region, "site": site}, {})
    bounds = {name: (jnp.log, jnp.exp) for name in ("mu", "region", "site")}
    standardizer = Standardizer.fit(draws, bijectors=bounds)
    found = UnitProposal(draws, plates, standardizer, spread)(KEY, 200)
    assert {k: v.shape for k, v in found.items()} == {
        "mu": (200, 1, 1),
        "region": (200, 1, 1),
        "site": (200, 1, 1, 1),
    }
    mu, region, site = (np.ravel(each) for each in found.values())
    assert min(mu.min(), region.min(), site.min()) > 0
    if spread:
        assert len(np.unique(region)) == 200
        return
    # Places are read from the digits of the values.
    assert set(np.round(mu)) == set(range(1, n + 1))
    assert set(np.round(10 * (region - mu))) == {1, 2, 3}
    assert set(np.round(100 * (site - region))) == {1, 2}


def test_no_parameter_is_proposed_at_a_bound():
    plates = Plates.read({"p": ()}, {})
    draws = Tokens.from_pytree({"p": np.linspace(0, 1, 22)[1:-1, None]}, {})
    logit = {"p": (jax.scipy.special.logit, jax.nn.sigmoid)}
    standardizer = Standardizer.fit(draws, bijectors=logit)
    p = UnitProposal(draws, plates, standardizer, 20.0)(KEY, 500)["p"]
    assert 0 < p.min() < 1e-6
    assert 1 - 1e-6 < p.max() < 1


def test_an_observation_as_the_estimator_takes_it(result):
    tokens = result.observe(OBSERVED)
    assert tokens.layout == result.synthetic.layout
    np.testing.assert_allclose(tokens.decode()["obs"][0], OBSERVED["obs"])
    with pytest.raises(ValueError, match="'obs' is missing"):
        result.observe({"mu": np.zeros((1, 1))})
    with pytest.raises(ValueError, match=r"expected \(1, 3, 2, 1\)"):
        result.observe({"obs": np.zeros((2, 2, 1))})


def test_only_one_unit_is_ever_simulated():
    simulator = Recorder()
    train(simulator_fn=simulator, n_rounds=1, simulation_batch_size=10)
    # A trial, then three batches of one size: 24 do not fit into two of 10.
    assert simulator.shapes == [(2, 1, 1)] + [(8, 1, 1)] * 3


def test_an_estimator_for_the_likelihood_can_be_given():
    likelihood = small_estimator()
    given = train(
        likelihood=likelihood, n_rounds=1, likelihood_options={"n_epochs": 3}
    )
    assert given.likelihood is likelihood
    assert given.rounds[0].likelihood.n_epochs == 3
    assert given.rounds[0].posterior.n_epochs == 2


def test_truncating_some_parameters_alone():
    box = train(truncate=["mu"]).rounds[1].box
    assert list(box.low) == ["mu"]
    with pytest.raises(UnknownKeyError, match="'nu' not found"):
        train(truncate=["nu"])


@pytest.mark.parametrize(("stop_at", "n_left"), [(1, 3), (2, 3), (3, 1)])
def test_resuming_gives_the_same_result(result, tmp_path, stop_at, n_left):
    """The simulator raises an error in the trial or in one of two rounds."""
    simulator = Recorder(stop_at)
    estimator = small_estimator()
    with pytest.raises(KeyboardInterrupt):
        train(estimator, simulator_fn=simulator, checkpoint=tmp_path)
    simulator.stop_at = None
    simulator.n_calls = 0
    found = train(estimator, simulator_fn=simulator, checkpoint=tmp_path)
    assert simulator.n_calls == n_left
    assert_same_result(found, result)


def test_resuming_after_an_interrupted_fit(result, tmp_path, monkeypatch):
    fit = FlowMatchingEstimator.fit
    calls = []

    @functools.wraps(fit)
    def interrupted(self, *args, **kwargs):
        calls.append(self)
        if len(calls) == 4:
            kwargs["n_epochs"] = 1
            fit(self, *args, **kwargs)
            raise KeyboardInterrupt
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(FlowMatchingEstimator, "fit", interrupted)
    estimator = small_estimator()
    with pytest.raises(KeyboardInterrupt):
        train(estimator, checkpoint=tmp_path)
    monkeypatch.undo()
    found = train(
        estimator, checkpoint=tmp_path, simulator_fn=Recorder(stop_at=1)
    )
    assert_same_result(found, result)


def test_more_rounds_later(result, tmp_path):
    train(n_rounds=1, checkpoint=tmp_path)
    found = train(small_estimator(start=0.5), checkpoint=tmp_path)
    assert_same_result(found, result)


def test_a_folder_of_another_training(tmp_path):
    train(n_rounds=1, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="another training") as error:
        train(n_simulations=25, margin=0.5, checkpoint=tmp_path)
    assert str(error.value) == (
        f"{tmp_path} comes from another training run: n_simulations was 24 "
        "and is 25; margin was 0.0 and is 0.5. Continue with the same settings "
        "and data, or use an empty folder."
    )
    other = {"obs": OBSERVED["obs"] + 1}
    with pytest.raises(ValueError, match="observed was"):
        train(observed=other, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="independence was"):
        train(independence={}, checkpoint=tmp_path)


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
def test_functional_inputs_at_both_sizes():
    seen = []

    def times(key, parameters):
        shape = (*parameters["theta"].shape[:2], N_OBS, 1)
        return {"obs": np.full(shape, float(shape[1]), np.float32)}

    def simulator(key, parameters, inputs):
        seen.append(inputs["obs"].shape)
        return two_level_simulator(key, parameters)

    found = train(
        n_rounds=1,
        simulator_fn=simulator,
        functional_input_fn=times,
        observed_inputs={"obs": np.full((3, N_OBS, 1), 3.0)},
    )
    assert seen == [(2, 1, N_OBS, 1), (24, 1, N_OBS, 1)]
    for tokens, time in ((found.simulations, 1), (found.synthetic, 3)):
        inputs = tokens.select_tokens(["obs"]).functional_inputs
        assert np.unique(inputs).tolist() == [time]


def test_progress_is_shown(capsys):
    train(n_rounds=1, progress=True)
    shown = capsys.readouterr().err
    for what in ("round 1, likelihood", "round 1, posterior", "4/4"):
        assert what in shown


WRONG = {
    "rounds": (
        {"observed": None, "margin": -1.0},
        ValueError,
        "Cannot train:\n"
        "  - margin is -1.0, expected 0 or more\n"
        "  - n_rounds is 2, but later rounds need an observation to focus on: "
        "pass it as observed",
    ),
    "option": (
        {"n_epoch": 3},
        TypeError,
        "Unknown arguments: 'n_epoch' is not an option of train_bottom_up or "
        "fit. Did you mean 'n_epochs'?",
    ),
    "own option": (
        {"likelihood_options": {"conditionals": []}},
        TypeError,
        "Unknown arguments: 'conditionals' is not an option of train_bottom_up "
        "or fit.",
    ),
    "sample option": (
        {"sample_options": {"step": 3, "theta_0": 0}},
        TypeError,
        "Unknown arguments:\n"
        "  - 'step' is not an option of train_bottom_up or sample. Did you "
        "mean 'n_steps'?\n"
        "  - 'theta_0' is not an option of train_bottom_up or sample.",
    ),
    "simulator": (
        {
            "simulator_fn": lambda key, parameters: {
                "obs": np.zeros((24, 3, 2, 1))
            }
        },
        ValueError,
        "The arrays of simulator_fn do not fit the plates: 'obs' has shape "
        "(24, 3, 2, 1): axis 1 is the plate 'site', whose size should be 1, "
        "not 3",
    ),
    "prior": (
        {"prior_fn": lambda key, n, sizes: two_level_prior(key, n, SIZES)},
        ValueError,
        "The arrays of prior_fn do not fit the plates: 'theta' has shape "
        "(2, 3, 1): axis 1 is the plate 'site', whose size should be 1, not 3",
    ),
    "keys": (
        {
            "plates": {**TWO_LEVELS, "seen": ("site",)},
            "observed": None,
            "n_rounds": 1,
        },
        ValueError,
        "plates has keys that no function returns: 'seen' is returned neither "
        "by prior_fn nor by simulator_fn, which returns ['obs']",
    ),
    "observed": (
        {"observed": {"obs": np.zeros((3, 1, 1))}},
        ValueError,
        "observed does not fit the full model: 'obs' has shape "
        "(1, 3, 1, 1), expected (1, 3, 2, 1): (1, 2) for one unit, and the "
        "sizes {'site': 3}",
    ),
}
NAN, LARGE = np.full((3, N_OBS, 1), np.nan), np.full((3, N_OBS, 1), 1e40)
MASKED = np.ma.array(OBSERVED["obs"], mask=np.eye(3, N_OBS)[..., None])
# The invalid arguments, and the beginning of the message.
TOLD_AT_ONCE = {
    "NaN": (
        {"observed": {"obs": NAN}},
        ValueError,
        "Observed values must be finite: 6 of 6 values of 'obs'",
    ),
    "masked": ({"observed": {"obs": MASKED}}, ValueError, "observed['obs']"),
    "large": (
        {"observed": {"obs": LARGE}},
        ValueError,
        "data['obs'] holds 1e+40, which float32 cannot hold",
    ),
    "missing": ({"observed": {}}, ValueError, "observed does not fit"),
    "unknown": (
        {"observed": {**OBSERVED, "seen": NAN}},
        UnknownKeyError,
        "Key 'seen' not found",
    ),
    "inputs": (
        {"observed_inputs": {"obs": NAN}},
        ValueError,
        "Functional inputs must be finite: those of 'obs' are NaN",
    ),
    "epochs": ({"n_epochs": 0}, ValueError, "n_epochs is 0"),
    "epochs of one": (
        {"likelihood_options": {"n_epochs": 0}},
        ValueError,
        "n_epochs is 0",
    ),
    "steps": ({"steps_per_epoch": 3}, ValueError, "steps_per_epoch=3"),
    "solver": (
        {"sample_options": {"solver": "x"}},
        ValueError,
        "Unknown solver 'x'",
    ),
    "draws at a time": (
        {"sample_options": {"batch_size": 0}},
        ValueError,
        "batch_size is 0",
    ),
    "margin": (
        {"margin": np.nan},
        ValueError,
        "Cannot train: margin is nan, expected 0 or more",
    ),
    "simulations": ({"n_simulations": 0}, ValueError, "n_simulations is 0"),
}


@pytest.mark.parametrize("case", TOLD_AT_ONCE)
def test_what_is_wrong_is_said_after_two_simulations_at_most(case):
    changes, error_type, message = TOLD_AT_ONCE[case]
    simulator = Recorder()
    with pytest.raises(error_type) as error:
        train(simulator_fn=simulator, **changes)
    assert str(error.value).startswith(message)
    assert simulator.shapes in ([], [(2, 1, 1)])


def test_the_shape_of_one_unit_is_compared_on_two_simulations(tmp_path):
    """The folder stays empty, so no training seems to have started."""
    simulator = Recorder()
    with pytest.raises(ValueError, match=r"expected \(1, 3, 2, 1\)"):
        train(
            simulator_fn=simulator,
            observed={"obs": np.zeros((3, 1, 1))},
            checkpoint=tmp_path,
        )
    assert simulator.shapes == [(2, 1, 1)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_anything_is_trained(case, monkeypatch):
    monkeypatch.delattr(NetworkEstimator, "sample")
    changes, error_type, message = WRONG[case]
    estimator = small_estimator()
    before = copy.deepcopy(estimator.vector_field)
    with refused(error_type, message):
        train(estimator, **changes)
    assert_same(estimator.vector_field, before)


def test_one_network_cannot_be_both():
    estimator = small_estimator()
    with pytest.raises(ValueError, match="the same object"):
        train(estimator, likelihood=estimator)


def assert_near(result, levels, observations, names):
    """Compare posterior means and deviations with the exact ones."""
    tokens = jax.tree.map(
        lambda *rows: jnp.concatenate(rows),
        *(result.observe({"obs": each}) for each in observations),
    )
    draws = result.estimator.sample(
        tokens, *result.posterior, key=jax.random.key(4), n_samples=500
    ).decode()
    found = np.concatenate(
        [
            np.reshape(draws[name], (500, len(observations), -1))
            for name in names
        ],
        -1,
    )
    mean, sd = exact_posterior(
        levels, observations.reshape((-1, len(levels[-1])))
    )
    error = (found.mean(0) - mean) / sd
    assert np.sqrt((error**2).mean()) < 0.25
    ratio = (found.std(0) / sd).mean(0)
    assert 0.8 < ratio.min() < ratio.max() < 1.25


def network(prior, simulator, plates, rules):
    one = {plate: 1 for axes in plates.values() for plate in axes}
    parameters = prior(KEY, 2, one)
    example = Tokens.from_pytree(
        {**parameters, **simulator(KEY, parameters)}, rules
    )
    config = TransformerConfig(32, n_encoder_layers=0, n_decoder_layers=2)
    return Transformer.for_tokens(example, config, rngs=nnx.Rngs(0))


MODELS = {
    "two levels": (
        (two_level_prior, two_level_simulator, TWO_LEVELS, TWO_LEVEL_RULES),
        {"site": 4},
        ["mu", "theta"],
    ),
    "three levels": (
        (
            three_level_prior,
            three_level_simulator,
            THREE_LEVELS,
            THREE_LEVEL_RULES,
        ),
        {"region": 3, "site": 2},
        ["mu", "region", "site"],
    ),
}


@pytest.mark.nightly("trainings")
@pytest.mark.parametrize("model", MODELS)
def test_near_the_exact_posterior(model):
    (prior, simulator, plates, rules), sizes, names = MODELS[model]
    result = train_bottom_up(
        FlowMatchingEstimator(network(prior, simulator, plates, rules)),
        prior,
        simulator,
        key=KEY,
        plates=plates,
        sizes=sizes,
        independence=rules,
        n_simulations=3000,
        n_epochs=12,
        learning_rate=2e-3,
    )
    levels = gaussian_tree([*sizes.values(), N_OBS])
    truth = prior(jax.random.key(8), 10, sizes)
    observed = simulator(jax.random.key(9), truth)["obs"]
    assert_near(result, levels, observed, names)
