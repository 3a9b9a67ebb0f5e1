"""Stacked trees, and conversion of draws to and from ArviZ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from refusals import refused
from tfmpe.compat._extras import import_legacy
from tfmpe.compat.defects import NamesNotComparedWarning
from tfmpe.compat.util.data import (
    as_inference_data,
    inference_data_as_dictionary,
    stack_data,
)


def _tree(n):
    return {"a": jnp.arange(2.0 * n).reshape(n, 2), "b": [np.ones((n, 3, 1))]}


def test_none_stands_for_no_rows():
    tree = _tree(3)
    assert stack_data(None, tree) is tree
    assert stack_data(tree, None) is tree
    assert stack_data(None, None) is None


@pytest.mark.parametrize("run", [lambda f: f, jax.jit])
def test_rows_are_joined(run):
    found = run(stack_data)(_tree(3), _tree(2))
    assert found["b"][0].shape == (5, 3, 1)
    assert found["a"][3:].tolist() == _tree(2)["a"].tolist()
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(found))


def test_a_vector_counts_as_a_row():
    assert stack_data([jnp.ones(3)], [jnp.zeros(3)])[0].shape == (2, 3)


def test_types_promote_as_in_jax():
    pair = [{"a": np.ones((1, 2), dtype)} for dtype in (np.int32, np.float32)]
    assert stack_data(*pair)["a"].dtype == jnp.float32


def test_names_are_not_compared():
    """A warning says so (L49)."""
    one, other = ({name: jnp.ones((2, 1))} for name in "ab")
    with pytest.warns(
        NamesNotComparedWarning, match="are at the same position"
    ):
        found = stack_data(one, other)
    assert list(found) == ["a"]
    assert found["a"].shape == (4, 1)


@pytest.mark.usefixtures("legacy_warnings_off")
def test_trees_that_do_not_fit():
    with pytest.raises(ValueError, match="Too few leaves"):
        stack_data(_tree(2), {"a": jnp.ones((2, 2))})
    with pytest.raises(TypeError, match="concatenate"):
        stack_data({"a": jnp.ones((2, 2))}, {"a": jnp.ones((2, 3))})


@pytest.mark.usefixtures("arviz")
def test_draws_to_arviz_and_back():
    samples = {"z": jnp.ones((2, 5, 1)), "a": np.arange(30.0).reshape(2, 5, 3)}
    data = as_inference_data(samples, jnp.ones((1, 4)))
    posterior = data.posterior
    assert posterior["a"].dims == ("chain", "draw", "a_dim")
    assert posterior["a"].coords["a_dim"].values.tolist() == [0, 1, 2]
    assert data.observed_data["y"].dims == ("y_dim_0", "y_dim_1")
    back = inference_data_as_dictionary(posterior)
    assert list(back) == ["a", "z"]
    assert np.array_equal(back["a"], samples["a"].reshape(10, 3))
    assert inference_data_as_dictionary(data) == {}


@pytest.mark.usefixtures("arviz")
def test_draws_need_an_axis_of_chains():
    message = (
        "The samples have the shapes {'mu': (5, 2)}; expected (chains, draws, "
        "width). For a single chain, add an axis: samples[name][None]."
    )
    with refused(ValueError, message):
        as_inference_data({"mu": np.ones((5, 2))}, np.ones(3))


def test_a_missing_package_is_named():
    message = (
        "this needs arviz. Install it with pip install 'tfmpe[legacy]'; known "
        "to work: arviz 0.20 with matplotlib 3.10, or arviz 0.23."
    )
    with refused(ImportError, message):
        import_legacy("no_such_package", "arviz", "this")


@pytest.mark.parametrize("error", ["ImportError('x')", "AttributeError('x')"])
def test_a_package_that_does_not_fit_is_named(error, tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text(f"raise {error}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        "tfmpe.compat._extras.version", lambda name: f"1 {name}"
    )
    message = (
        "this needs arviz, whose version 1 arviz cannot be imported with "
        "matplotlib 1 matplotlib (x). Install versions that work together: "
        "arviz 0.20 with matplotlib 3.10, or arviz 0.23."
    )
    with refused(ImportError, message):
        import_legacy("broken_package", "arviz", "this")
