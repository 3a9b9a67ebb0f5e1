"""The numbers that this project has always given."""

import fit
import jax
import look
import numpy as np
import pytest
from growth import sides
from growth.model import prior_fn, simulator_fn


@pytest.fixture
def simulated():
    """Return three simulations of two sites."""
    theta = prior_fn(jax.random.PRNGKey(0), 3, 2)
    return theta, simulator_fn(jax.random.PRNGKey(1), theta)


def test_posterior():
    posterior = fit.main()
    assert list(posterior) == ["rate", "site"]
    expected = {"rate": [0.60], "site": [0.96, 1.22, 1.34, 1.32]}
    for name, values in expected.items():
        assert np.asarray(posterior[name]) == pytest.approx(values, abs=0.01)


def test_masks(capsys):
    cross = look.main()
    assert cross.sum() == 9
    assert capsys.readouterr().out.startswith(
        ".........\n###......\n...###...\n......###\nas by hand: True\n"
    )


def test_swapped_sides(simulated):
    theta, y = simulated
    target, given, slices = sides.swapped(theta, y)
    assert target.shape == (3, 6, 1)
    assert given.shape == (3, 3, 1)
    assert list(slices) == ["height"]
    assert np.array_equal(target.ravel(), y["height"].ravel())


def test_replaced_values(simulated):
    theta, y = simulated
    flat = sides.replaced(theta, {"rate": theta["rate"] * 0 + 7}, y)
    assert np.asarray(flat)[:, 0].tolist() == [[7.0]] * 3
    assert np.array_equal(flat[:, 1:], theta["site"])


def test_global_block(simulated):
    theta, y = simulated
    block, slices = sides.global_block(theta, y)
    assert np.array_equal(block, theta["rate"])
    assert list(slices) == ["rate"]
