"""Training loops: one compilation, counts, early stopping."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from tfmpe.compat.train import (
    EarlyStopping,
    _validation_loss,
    fit_model,
    fit_model_no_branch,
)

SGD = optax.sgd(0.1)
KEY = jax.random.key(0)


class Line(nnx.Module):
    """A model with one weight, whose dropout changes the loss."""

    def __init__(self, rate=0.0):
        self.weight = nnx.Param(jnp.ones(()))
        self.dropout = nnx.Dropout(rate, rngs=nnx.Rngs(0))

    def __call__(self, u):
        return self.weight * self.dropout(u)


def _squared_error(model, key, batch):
    del key
    return ((model(batch["data"]["u"]) - batch["data"]["y"]) ** 2).mean()


def _draw(model, key, batch):
    """Return a draw that shows which key was passed."""
    return jax.random.uniform(key) + 0 * _squared_error(model, key, batch)


def _rows(n, slope=2.0):
    u = jnp.linspace(1.0, 2.0, n)
    return {"data": {"u": u, "y": slope * u}}


def _fit(model, loss_fn=_squared_error, n=4, n_iter=1, batch_size=2, **options):
    return fit_model_no_branch(
        model, KEY, loss_fn, _rows(n), _rows(3), SGD, n_iter, batch_size,
        **options,
    )  # fmt: skip


def test_a_line_is_learnt():
    model = Line()
    losses, val_losses = _fit(model, n_iter=50)
    assert losses.shape == val_losses.shape == (50,)
    assert float(model.weight[...]) == pytest.approx(2, abs=1e-3)


def test_the_reported_loss_counts_each_batch_and_their_mean():
    model = Line()
    losses, _ = fit_model_no_branch(
        model, KEY, _squared_error, _rows(4), _rows(3), optax.sgd(0.0), 1, 2
    )
    mean = _squared_error(model, None, _rows(4))
    np.testing.assert_allclose(losses, [2 * mean + mean], rtol=1e-5)


def test_a_second_training_traces_nothing():
    seen = []

    def loss(model, key, batch):
        seen.append(batch)
        return _squared_error(model, key, batch)

    _fit(Line(), loss)
    n = len(seen)
    _fit(Line(), loss)
    assert 0 < len(seen) == n
    _fit(Line(), loss, n=6)
    assert len(seen) > n


def test_streams_are_counted_in_training_and_validation():
    model = Line(0.5)
    model.eval()
    _fit(model, n_iter=3)
    count = nnx.state(model, nnx.RngCount)
    assert [int(leaf) for leaf in jax.tree.leaves(count)] == [3 * (2 + 1)]
    assert not model.dropout.deterministic


def test_no_epoch():
    model = Line()
    losses, val_losses = _fit(model, n_iter=0)
    assert losses.shape == val_losses.shape == (0,)
    assert model.weight[...] == 1


@pytest.mark.parametrize(
    ("batch_size", "error"),
    [(3, TypeError), (5, TypeError), (0, ZeroDivisionError)],
)
def test_rows_left_over(batch_size, error):
    with pytest.raises(error):
        _fit(Line(), batch_size=batch_size)


def test_l24_every_row_is_trained_on():
    """The last batch is smaller, and its loss is that of its own rows."""
    sizes = []

    def loss(model, key, batch):
        sizes.append(batch["data"]["u"].shape[0])
        return _squared_error(model, key, batch)

    losses, _ = _fit(Line(), loss, n=5, fix=["L24", "L26"])
    assert set(sizes) == {2, 1, 3}
    whole, _ = _fit(Line(), loss, n=4, fix=["L24"])
    np.testing.assert_array_equal(whole, _fit(Line(), loss, n=4)[0])
    assert np.isfinite(losses).all()


def test_l32_validation_key():
    """It is the key of the first batch or, fixed, a separate one."""
    losses, val_losses = _fit(Line(), _draw, batch_size=4)
    # With one batch, its loss and the mean are equal.
    np.testing.assert_allclose(losses, 2 * val_losses, rtol=1e-6)
    fixed, val_fixed = _fit(Line(), _draw, batch_size=4, fix=["L32"])
    np.testing.assert_array_equal(fixed, losses)
    assert abs(float(val_fixed[0] - val_losses[0])) > 1e-3


def test_l33_validation_without_dropout():
    model, plain = Line(0.5), Line(0.0)
    _, val_losses = _fit(model, fix=["L33"])
    plain.weight = model.weight
    wanted = _squared_error(plain, None, _rows(3))
    np.testing.assert_allclose(val_losses, [wanted], rtol=1e-5)
    assert model.dropout.deterministic


class _Batches(list):
    num_samples = 4


def _batches(slope=2.0):
    rows = _rows(4, slope)
    halves = (slice(0, 2), slice(2, 4))
    return _Batches(
        jax.tree.map(lambda leaf, half=half: leaf[half], rows)
        for half in halves
    )


def _fit_model(model, val, n_iter=5):
    return fit_model(
        KEY, model, _squared_error, _batches(), val, SGD, n_iter, 1, 0.0
    )


def test_the_best_epoch_is_kept():
    """The validation loss rises as the weight moves away from the optimum 1."""
    model = Line()
    losses = _fit_model(model, _batches(1.0))
    # The first epoch is the best, and training stops two epochs later.
    assert losses.shape == (3, 2)
    assert losses[0, 1] < losses[1, 1] < losses[2, 1]
    other = Line()
    _fit_model(other, _batches(1.0), n_iter=1)
    assert model.weight[...] == other.weight[...]
    assert not model.dropout.deterministic


def test_losses_are_means_over_rows():
    model = Line()
    found = _validation_loss(KEY, model, _squared_error, _batches())
    wanted = _squared_error(model, None, _rows(4))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert _validation_loss(KEY, model, _squared_error, _Batches()) == 0.0


def test_no_epoch_of_fit_model():
    with pytest.raises(ValueError, match="n_iter is 0, expected at least 1"):
        _fit_model(Line(), _batches(), n_iter=0)


def _stops(metrics):
    stopping = EarlyStopping(patience=1)
    return [stopping.update(metric)[1].should_stop for metric in metrics]


def test_l48_stops_are_final(monkeypatch):
    """Unless fixed, a first loss of NaN also remains the best."""
    assert _stops([2.0, 3.0, 3.0, 1.0]) == [False, False, True, True]
    assert _stops([np.nan, 1.0, 0.5]) == [False, False, True]
    monkeypatch.setenv("TFMPE_COMPAT_FIX", "L48")
    assert _stops([2.0, 3.0, 3.0, 1.0]) == [False, False, True, False]
    assert _stops([np.nan, 1.0, 0.5]) == [False, False, False]


def test_it_can_be_reset():
    stopping = EarlyStopping(patience=0)
    stopping.update(1.0)
    assert stopping.update(2.0) == (False, stopping)
    assert stopping.should_stop
    assert stopping.reset() == EarlyStopping()
