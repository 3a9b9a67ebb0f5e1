"""Reference numbers of this project."""

import fit
import jax
import numpy as np
import pytest
from growth import model, sides

THETA = model.prior_fn(jax.random.PRNGKey(0), 3, 2)
Y = model.simulator_fn(jax.random.PRNGKey(1), THETA)


def test_posterior():
    rate, site = fit.main().values()
    assert rate.tolist() == pytest.approx([0.60], abs=0.01)
    expected = pytest.approx([0.96, 1.22, 1.34, 1.32], abs=0.01)
    assert site.tolist() == expected


def test_masks(capsys):
    import look

    assert look.cross.sum() == 9
    assert "...###\nas by hand: True\n" in capsys.readouterr().out


def test_swapped_sides():
    target, _, slices = sides.swapped(THETA, Y)
    assert list(slices) == ["height"]
    assert np.array_equal(target.ravel(), Y["height"].ravel())


def test_replaced_values():
    flat = sides.replaced(THETA, {"rate": THETA["rate"] * 0 + 7}, Y)
    assert np.asarray(flat)[:, 0].tolist() == [[7.0]] * 3
    assert np.array_equal(flat[:, 1:], THETA["site"])


def test_global_block():
    block, _ = sides.global_block(THETA, Y)
    assert np.array_equal(block, THETA["rate"])
