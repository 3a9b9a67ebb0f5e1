"""Bijectors of trees, with the defects that are on by default.

Requires a TensorFlow Probability that supports the installed jax.
"""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.compat import pytree_bijector as module
from tfmpe.compat.defects import (
    ConstantCountedOnceWarning,
    FirstLeafOnlyWarning,
    ScaledByItselfWarning,
    SpecsByLastKeyWarning,
)

# TensorFlow Probability may use deprecated functions of other packages.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def tfb():
    try:
        from tfmpe.compat._bijector_maps import tfb
    except ImportError as error:
        pytest.skip(str(error))
    return tfb


TREE = {
    "site": {"beta": jnp.linspace(0.1, 0.9, 6).reshape(3, 2)},
    "rate": jnp.linspace(1.0, 2.0, 3).reshape(3, 1),
    "more": [jnp.linspace(-1.0, 1.0, 6).reshape(3, 2)],
}


def _make(tfb, specs=None, **options):
    specs = {"beta": tfb.Invert(tfb.Sigmoid()), "rate": tfb.Log()} | (
        specs or {}
    )
    return module.PyTreeBijector(
        module.create_bijector_map(TREE, specs), TREE, **options
    )


def _close(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for pair in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("run", [lambda f: f, jax.jit])
def test_the_inverse_undoes_forward(tfb, run):
    bijector = _make(tfb)
    image = run(bijector.forward)(TREE)
    _close(run(bijector.inverse)(image), TREE)
    _close(image["rate"], jnp.log(TREE["rate"]))
    _close(image["more"], TREE["more"])
    _close(bijector(TREE), image)


def test_any_leaves_are_taken_that_are_known(tfb):
    bijector = _make(tfb)
    assert list(bijector.forward({"rate": TREE["rate"]})) == ["rate"]
    assert bijector.forward({}) == {}
    _close(bijector.forward(TREE, "a name", more=3), bijector.forward(TREE))
    with pytest.raises(KeyError, match="other"):
        bijector.inverse({"other": TREE["rate"]})


def test_it_is_a_bijector_of_tfp(tfb):
    bijector = _make(tfb)
    assert isinstance(bijector, tfb.Bijector)
    assert bijector.name == "pytree_bijector"
    assert bijector.forward_min_event_ndims == 0
    assert type(bijector(bijector)).__name__ == "_Chain"
    assert module.PyTreeBijector({}, {}).inverse_min_event_ndims == 0
    vectors = module.create_bijector_map(TREE, {"beta": tfb.SoftmaxCentered()})
    assert module.PyTreeBijector(vectors, TREE).forward_min_event_ndims == 1
    with pytest.raises(AttributeError, match="forward_min_event_ndims"):
        module.PyTreeBijector({(): TREE["rate"]}, TREE)


def test_dtypes(tfb):
    bijector = _make(tfb, {"[0]": tfb.Scale(2.0)})
    assert bijector.forward_dtype() == {
        "more": [np.float32],
        "rate": None,
        "site": {"beta": None},
    }
    given = jax.tree.map(lambda _: np.dtype("float32"), TREE)
    found = jax.tree.leaves(bijector.forward_dtype(given))
    assert found == [np.float32] * 3


def _exact(bijector, tree):
    """Return the log determinant over all leaves, by differentiation."""
    flat, rebuild = jax.flatten_util.ravel_pytree(tree)
    jacobian = jax.jacfwd(
        lambda x: jax.flatten_util.ravel_pytree(bijector.forward(rebuild(x)))[0]
    )(flat)
    return jnp.linalg.slogdet(jacobian)[1]


@pytest.mark.parametrize("event_ndims", [None, "zeros", "ones"])
def test_log_determinants(tfb, event_ndims):
    """It covers all rows and leaves together, for all event axes."""
    if event_ndims is not None:
        n = int(event_ndims == "ones")
        event_ndims = jax.tree.map(lambda _: n, TREE)
    bijector = _make(tfb)
    found = bijector.forward_log_det_jacobian(TREE, event_ndims)
    np.testing.assert_allclose(found, _exact(bijector, TREE), rtol=1e-5)
    back = bijector.inverse_log_det_jacobian(
        bijector.forward(TREE), event_ndims
    )
    np.testing.assert_allclose(back, -found, rtol=1e-5)
    assert bijector.forward_log_det_jacobian({}) == 0


def test_l37_a_number_counts_for_the_first_leaf(tfb):
    """The seir script passes a number (L37)."""
    with pytest.warns(FirstLeafOnlyWarning, match="the first 1 of 3 leaves"):
        found = _make(tfb).forward_log_det_jacobian(TREE, event_ndims=1)
    assert found == 0
    fixed = _make(tfb, fix=["L37"])
    np.testing.assert_allclose(
        fixed.forward_log_det_jacobian(TREE, event_ndims=1),
        _exact(fixed, TREE),
        rtol=1e-5,
    )
    with pytest.raises(ValueError, match="Pass one number for all leaves"):
        fixed.forward_log_det_jacobian(TREE, {"rate": 0})


@pytest.mark.parametrize("run", [lambda f: f, jax.jit])
def test_l38_a_constant_counts_once(tfb, run):
    """The number of elements is ignored (L38)."""
    tree = {"a": jnp.ones((5, 2))}
    bijectors = module.create_bijector_map(tree, {"a": tfb.Scale(2.0)})
    with pytest.warns(ConstantCountedOnceWarning, match="fix=\\['L38'\\]"):
        found = run(
            module.PyTreeBijector(bijectors, tree).forward_log_det_jacobian
        )(tree)
    np.testing.assert_allclose(found, np.log(2), rtol=1e-6)
    fixed = module.PyTreeBijector(bijectors, tree, fix=["L38"])
    for event_ndims in (None, {"a": 1}):
        found = fixed.forward_log_det_jacobian(tree, event_ndims)
        np.testing.assert_allclose(found, 10 * np.log(2), rtol=1e-6)
    by_row = jax.vmap(fixed.forward_log_det_jacobian)(tree)
    np.testing.assert_allclose(by_row, np.full(5, 2 * np.log(2)), rtol=1e-6)


def test_z_scaling(tfb):
    """Mean is 0 and standard deviation 1 over all axes but the last."""
    specs = {"beta": tfb.Invert(tfb.Sigmoid()), "rate": tfb.Log()}
    scaled = module.create_zscaling_bijector_tree(TREE, TREE, specs)
    image = module.PyTreeBijector(scaled, TREE).forward(TREE)
    for leaf in jax.tree.leaves(image):
        np.testing.assert_allclose(leaf.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(leaf.std(0), 1, rtol=1e-5)


def test_z_scaling_needs_the_same_leaves(tfb):
    less = {name: TREE[name] for name in ("site", "more")}
    for pair in ((TREE, less), (less, TREE)):
        with pytest.raises(KeyError, match="rate"):
            module.create_zscaling_bijector_tree(*pair)


def test_l40_a_vector_is_scaled_by_itself(tfb):
    """A vector is scaled by 1e8 (L40)."""
    tree = {"a": jnp.array([1.0, 2.0, 3.0])}
    with pytest.warns(ScaledByItselfWarning, match="has one axis"):
        (by_itself,) = module.create_zscaling_bijector_tree(tree, tree).values()
    assert by_itself.forward(tree["a"] + 1).min() > 5e7
    scaled = module.create_zscaling_bijector_tree(tree, tree, fix=["L40"])
    image = next(iter(scaled.values())).forward(tree["a"])
    np.testing.assert_allclose(image.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(image.std(), 1, rtol=1e-6)


def test_data_outside_the_domain(tfb):
    tree, specs = {"a": -jnp.ones((3, 1))}, {"a": tfb.Log()}
    with pytest.warns(ScaledByItselfWarning, match="outside the domain"):
        module.create_zscaling_bijector_tree(tree, tree, specs)
    with pytest.raises(ValueError, match=r"of the leaf \['a'\] is not finite"):
        module.create_zscaling_bijector_tree(tree, tree, specs, fix=["L40"])


def test_bijectors_are_chosen_by_the_last_key(tfb):
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(TREE)[0]]
    scale = tfb.Scale(2.0)
    found = module.create_bijector_map(TREE, {"beta": scale, "[0]": scale})
    assert list(found) == paths
    assert [b is scale for b in found.values()] == [True, False, True]
    assert module.create_bijector_map(TREE["rate"], {"": scale}) == {(): scale}
    assert module.create_bijector_map({}) == {}


def test_l41_a_key_without_a_leaf_is_said(tfb):
    """A key that matches several leaves is also reported (L41)."""
    scale, log = tfb.Scale(2.0), tfb.Log()
    with pytest.warns(SpecsByLastKeyWarning, match=r"\['betta'\] belong to no"):
        module.create_bijector_map(TREE, {"betta": scale})
    tree = {"a": {"x": 1.0}, "b": {"x": 2.0}}
    with pytest.warns(SpecsByLastKeyWarning, match=r"\['a/x', 'b/x'\]"):
        found = module.create_bijector_map(tree, {"x": scale})
    assert list(found.values()) == [scale, scale]
    with pytest.raises(KeyError, match="Did you mean 'site/beta'"):
        module.create_bijector_map(TREE, {"site/betta": scale}, fix=["L41"])
    found = module.create_bijector_map(
        tree, {"a/x": scale, "b/x": log}, fix=["L41"]
    )
    assert list(found.values()) == [scale, log]


def test_private_helpers(tfb):
    assert module._chain_with_zscale({}, {}) == {}
    assert module._find_bijector_for_path((), {"a": 1}) == {"a": 1}
    tree = {"site": {"beta": 1}, "rate": 2, "more": [3]}
    found = module._create_path_bijector_mapping(tree, TREE)
    assert list(found.values()) == [3, 2, 1]
