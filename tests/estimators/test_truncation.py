"""Truncated priors: the box, and prior draws within it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estimators.plated_models import normal, two_level_prior
from tfmpe.estimators._bottom_up.truncation import (
    Box,
    TruncatedPrior,
    box_of_draws,
)

KEY = jax.random.key(3)


def prior(box, min_acceptance=1e-3, sizes=None, function=two_level_prior):
    return TruncatedPrior(function, sizes or {"site": 4}, box, min_acceptance)


def box(**bounds):
    """Return a box with bounds for keys of one value."""
    return Box(
        {name: np.full((1, 1), low) for name, (low, _) in bounds.items()},
        {name: np.full((1, 1), high) for name, (_, high) in bounds.items()},
    )


def test_the_box_spans_all_units_and_keeps_other_axes():
    draws = {
        "mu": np.array([[[1.0, 5.0]], [[2.0, 9.0]]]),
        "theta": np.arange(12.0).reshape((2, 3, 2, 1)),
    }
    found = box_of_draws(draws, {"mu": [], "theta": [0]}, margin=0.5)
    assert found.low["mu"].tolist() == [[0.5, 3.0]]
    assert found.high["mu"].tolist() == [[2.5, 11.0]]
    # The first event axis is a plate, the second is not.
    assert found.low["theta"].tolist() == [[[-5.0], [-4.0]]]
    assert found.high["theta"].tolist() == [[[15.0], [16.0]]]


def test_draws_that_are_not_finite_span_no_box():
    draws = {"mu": np.array([[1.0], [np.nan]]), "nu": np.ones((2, 1))}
    with pytest.raises(ValueError, match="'mu' has 1 of 2"):
        box_of_draws(draws, {"mu": [], "nu": []}, 0.1)


def test_a_sample_is_inside_with_all_of_its_values():
    bounds = box(mu=(0, 1), theta=(-1, 1))
    values = {
        "mu": np.array([0.0, 0.5, 2.0, 0.5]).reshape((4, 1, 1)),
        "theta": np.array([[0, 1], [0, 1.1], [0, 0], [-1, np.nan]])[..., None],
        "free": np.full((4, 1, 1), 100.0),
    }
    assert bounds.contains(values).tolist() == [True, False, False, False]


def test_what_two_boxes_have_in_common():
    both = box(a=(0, 2), b=(0, 1)).intersect(box(a=(1, 3), b=(0, 1)))
    assert repr(both) == "Box(a: 1 to 2, b: 0 to 1)"
    with pytest.raises(ValueError, match="Train longer") as error:
        box(a=(0, 1), b=(0, 1)).intersect(box(a=(2, 3), b=(0, 1)))
    assert str(error.value).endswith(
        "'a' would be bounded by 2 below and 1 above"
    )


def test_all_draws_are_inside_and_in_their_order():
    bounds = box(mu=(0, 1), theta=(-1, 1))
    draw = prior(bounds)
    found = draw(KEY, 50)
    assert list(found) == ["mu", "theta"]
    assert found["theta"].shape == (50, 4, 1)
    assert bounds.contains(found).all()
    # Rejected draws are not used, and accepted ones keep their order.
    whole = [
        two_level_prior(jax.random.fold_in(KEY, i), 50, {"site": 4})
        for i in range(draw.n_drawn // 50)
    ]
    rows = np.concatenate([bounds.contains(each) for each in whole])
    wanted = np.concatenate([each["theta"] for each in whole])[rows]
    np.testing.assert_array_equal(found["theta"], wanted[:50])
    assert draw.n_accepted == rows.sum()
    assert len(np.unique(found["theta"])) == found["theta"].size


def test_a_box_that_holds_everything_changes_nothing():
    unbounded = prior(None)
    wide = prior(box(mu=(-99, 99)))
    wanted, found = unbounded(KEY, 20), wide(KEY, 20)
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)
    for each in (unbounded, wide):
        assert (each.n_accepted, each.n_drawn) == (20, 20)


def test_draws_follow_the_prior_inside_the_box():
    draw = prior(box(mu=(0.5, np.inf)))
    mu = np.asarray(draw(KEY, 20_000)["mu"]).ravel()
    # phi(0.5) / (1 - Phi(0.5))
    mean = 0.3520653 / 0.3085375
    sd = np.sqrt(1 + 0.5 * mean - mean**2)
    assert abs(mu.mean() - mean) < 5 * sd / np.sqrt(len(mu))
    assert abs(draw.n_accepted / draw.n_drawn - 0.3085375) < 0.01


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_nested_parameters_and_kinds_of_arrays(kind):
    def nested(key, n, sizes):
        return {"site": {"z": kind(normal(key, (n, sizes["site"], 1)))}}

    bounds = box(**{"site/z": (0.0, 9.0)})
    found = prior(bounds, function=nested)(KEY, 5)
    assert isinstance(found["site"]["z"], type(kind(np.ones(1))))
    assert found["site"]["z"].shape == (5, 4, 1)
    assert (found["site"]["z"] > 0).all()


def test_too_few_draws_in_the_box():
    with pytest.raises(RuntimeError, match="lie in Box") as error:
        prior(box(mu=(50, 60)), min_acceptance=0.1)(KEY, 8)
    assert str(error.value) == (
        "Only 0 of 80 draws from the prior with the sizes {'site': 4} lie in "
        "Box(mu: 50 to 60), a share below min_acceptance=0.1; 8 are needed. "
        "Truncate fewer parameters, such as only the global ones "
        "(truncate=[...]), use a larger margin, or lower min_acceptance."
    )
