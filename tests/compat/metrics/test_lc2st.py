"""Classifiers of draws: training, evaluation, defects."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from refusals import refused
from tfmpe.compat._flow import epochs
from tfmpe.compat.defects.l61_shared_key import own_keys
from tfmpe.compat.metrics._fit import _ce_loss
from tfmpe.compat.metrics.lc2st import (
    BinaryMLPClassifier,
    MultiBinaryMLPClassifier,
    evaluate_lc2st,
    fit_classifier,
    train_lc2st_classifiers,
)

KEY = jax.random.key(0)


def _classifiers():
    rngs = nnx.Rngs(0)
    return (
        BinaryMLPClassifier(2, 4, 1, nnx.relu, rngs),
        MultiBinaryMLPClassifier(2, 4, 1, nnx.relu, 3, rngs),
    )


def _train(batch_size=8, fix=()):
    main, null = _classifiers()
    data = tuple(np.asarray(jax.random.normal(KEY, (3, 10, 1))))
    train_lc2st_classifiers(KEY, data, main, null, 1, batch_size, fix=fix)
    return main, null


def _weights(model):
    return np.asarray(jax.tree.leaves(nnx.state(model, nnx.Param))[0])


@pytest.mark.slow
def test_training_changes_both_and_compiles_once():
    trained = _train()
    for before, after in zip(_classifiers(), trained, strict=True):
        assert not np.array_equal(_weights(before), _weights(after))
    n = epochs._run_epochs.cache_info().misses
    _train()
    assert epochs._run_epochs.cache_info().misses == n


def test_l44_rows_left_over():
    message = (
        "Batch size (5) must divide n_train (16), which is int(0.8 rows): "
        "choose another batch_size, or pass fix=['L44']."
    )
    with refused(AssertionError, message):
        _train(batch_size=5)
    main, _ = _train(batch_size=100, fix=["L44"])
    assert not np.array_equal(_weights(main), _weights(_classifiers()[0]))


def test_l61_keys():
    """With different keys, the null classifiers learn something else."""
    first, second = own_keys(KEY, ())
    assert first is second is KEY
    first, second = own_keys(KEY, ["L61"])
    assert not jnp.array_equal(*map(jax.random.key_data, (first, second)))
    shared, own = _train()[1], _train(fix=["L61"])[1]
    assert not np.array_equal(_weights(shared), _weights(own))


def test_cross_entropy_is_bounded():
    data = {"u": jnp.array([0.0, 1.0]), "y": jnp.array([1.0, 1.0])}
    loss = _ce_loss(lambda u: u, None, {"data": data})
    assert float(loss) == pytest.approx(-np.log(1e-7) / 2, rel=1e-3)


class _Spy:
    """A classifier with one probability for all points, or one per column."""

    def __init__(self, probabilities):
        self.probabilities = jnp.asarray(probabilities)
        self.n = self.probabilities.size

    def __call__(self, u):
        self.shape = u.shape
        return jnp.broadcast_to(self.probabilities, u.shape[:-1])


def test_evaluation():
    main, null = _Spy(0.8), _Spy([0.5, 0.9, 0.7])
    found, statistic, p_value = evaluate_lc2st(
        jnp.ones(2), jnp.ones((5, 1)), main, null
    )
    assert (main.shape, null.shape) == ((5, 3), (5, 3, 3))
    np.testing.assert_allclose(found, [0.0, 0.16, 0.04], atol=1e-6)
    assert float(statistic) == pytest.approx(0.09)
    assert float(p_value) == pytest.approx(1 / 3)


def test_a_p_value_is_above_0():
    null = _Spy([0.5, 0.5, 0.5])
    *_, p_value = evaluate_lc2st(jnp.ones(2), jnp.ones((5, 1)), _Spy(0.9), null)
    assert float(p_value) == 0.25


def test_an_observation_has_no_row_axis():
    with pytest.raises(ValueError, match=r"pass observation\[0\]"):
        evaluate_lc2st(jnp.ones((1, 2)), jnp.ones((5, 1)), *_classifiers())


def test_losses_are_returned():
    u = jnp.ones((10, 2))
    losses = fit_classifier(KEY, _classifiers()[0], u, jnp.ones(10), 2, 8)
    assert [part.shape for part in losses] == [(2,), (2,)]
