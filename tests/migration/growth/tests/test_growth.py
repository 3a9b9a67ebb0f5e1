"""The numbers that this project has always given."""

import fit
import jax
import numpy as np
import pytest
from growth import sides
from growth.model import prior_fn, simulator_fn

THETA = prior_fn(jax.random.PRNGKey(0), 3, 2)
Y = simulator_fn(jax.random.PRNGKey(1), THETA)


def test_posterior():
    posterior = fit.main()
    expected = {"rate": [0.60], "site": [0.96, 1.22, 1.34, 1.32]}
    assert list(posterior) == list(expected)
    for name, values in expected.items():
        assert np.asarray(posterior[name]) == pytest.approx(values, abs=0.01)


def test_masks(capsys):
    import look

    assert look.cross.sum() == 9
    assert "######\nas by hand: True\n" in capsys.readouterr().out


def test_swapped_sides():
    target, given, slices = sides.swapped(THETA, Y)
    assert given.shape == (3, 3, 1)
    assert list(slices) == ["height"]
    assert np.array_equal(target.ravel(), Y["height"].ravel())


def test_replaced_values():
    flat = sides.replaced(THETA, {"rate": THETA["rate"] * 0 + 7}, Y)
    assert np.asarray(flat)[:, 0].tolist() == [[7.0]] * 3
    assert np.array_equal(flat[:, 1:], THETA["site"])


def test_global_block():
    block, slices = sides.global_block(THETA, Y)
    assert np.array_equal(block, THETA["rate"])
    assert list(slices) == ["rate"]
