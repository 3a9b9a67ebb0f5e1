"""Training: static data, batches, several questions, and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from estimators.known_flows import (
    _AFFINE,
    KEY,
    affine,
    fit,
    make_tokens,
    spoil_padding,
    train,
)
from refusals import refused
from tfmpe import Tokens
from tfmpe.estimators import (
    FlowMatchingEstimator,
    TrainingDivergedError,
    TrainingHistory,
)
from tfmpe.estimators._training import loop as fitting
from tfmpe.estimators._training.batches import cut
from tfmpe.estimators._training.data import one_axis, read_batches
from tfmpe.estimators._training.optimizer import default_optimizer
from tfmpe.estimators._training.options import FitOptions, _check_optimizer

N = 10


@pytest.fixture(scope="module")
def tokens():
    """Return rows whose number is not a multiple of the batch size four."""
    return make_tokens(N)


@pytest.fixture(scope="module")
def trained(tokens):
    return train(tokens, n_epochs=6)


def rows_of(tokens, rows):
    return jax.tree.map(lambda x: x[rows], tokens)


def test_the_loss_goes_down(trained):
    """There is one loss per epoch; the field has new parameters."""
    estimator, history = trained
    assert isinstance(history, TrainingHistory)
    assert history.n_epochs == len(history.training) == 6
    assert history.training[-1] < history.training[0]
    assert history.validation == []
    assert history.best_epoch is None
    assert not history.stopped_early
    assert (estimator.vector_field.weights != jnp.array([0.0, 0, 0, 3])).all()


def test_everything_follows_from_the_key(tokens, trained):
    """Results are bit-identical, and a second training compiles nothing."""
    traces = _AFFINE.count
    estimator, history = train(make_tokens(N), n_epochs=6)
    assert history == trained[1]
    np.testing.assert_array_equal(
        estimator.vector_field.weights, trained[0].vector_field.weights
    )
    _, other = train(tokens, n_epochs=1, key=jax.random.key(4))
    assert other.training != history.training[:1]
    assert _AFFINE.count == traces


def test_training_goes_on_where_it_ended(tokens, trained):
    """A second fit starts with the parameters and moments of the first."""
    weights = trained[0].vector_field.weights
    estimator, first = train(tokens, weights, n_epochs=1)
    moments = estimator.standardizer
    second = fit(estimator, tokens, n_epochs=1)
    assert first.training[0] < trained[1].training[0]
    assert second.training[0] < trained[1].training[0]
    assert estimator.standardizer is moments


def test_what_padding_holds_does_not_matter(tokens, trained):
    """All bits of the parameters are equal."""
    estimator, history = train(spoil_padding(tokens, 1e6), n_epochs=6)
    assert history == trained[1]
    np.testing.assert_array_equal(
        estimator.vector_field.weights, trained[0].vector_field.weights
    )


@pytest.mark.parametrize("shuffled", [False, True])
def test_every_row_counts_once(shuffled):
    """The number of rows does not matter; only the last batch is filled up."""
    for n_rows in (1, 3, 4, 10):
        tokens = Tokens.from_pytree({"x": np.arange(n_rows)[:, None, None]}, {})
        order = np.random.default_rng(0).permutation(n_rows)
        order = order if shuffled else None
        batches = list(cut(tokens, 4, order))
        rows = np.stack([batch.tokens.data[:, 0, 0] for batch in batches])
        weights = np.stack([batch.weights for batch in batches])
        assert rows.shape == weights.shape == (-(-n_rows // 4), 4)
        found = rows[weights == 1].tolist()
        assert found == (order.tolist() if shuffled else list(range(n_rows)))
        assert weights[:-1].all()


def test_views_and_sample_axes(tokens, trained):
    """Sample axes are flattened; a view contains only its own keys."""
    view = tokens.select_tokens(["mu", "site", "obs"])
    _, history = train(view, n_epochs=6)
    assert history == trained[1]
    folded = jax.tree.map(lambda x: x.reshape((2, 5, *x.shape[1:])), tokens)
    _, history = train(folded, n_epochs=6)
    assert history == trained[1]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tfmpe.estimators.DiscreteValuesWarning")
def test_whole_numbers():
    """Values may be integers if they are not standardized."""
    data = {
        name: np.arange(n * N).reshape((N, n, 1)) % 3
        for name, n in (("mu", 1), ("site", 2), ("obs", 3))
    }
    _, history = train(Tokens.from_pytree(data, {}), standardize=False)
    assert history.training[-1] < history.training[0]


def test_batches(tokens):
    """Batches have the same order every time; the last may be smaller."""
    batches = [rows_of(tokens, slice(4)), rows_of(tokens, slice(4, 7))]
    estimator, history = train(batches, n_epochs=2)
    again, other = train(tuple(batches), n_epochs=2)
    assert history == other
    np.testing.assert_array_equal(
        estimator.vector_field.weights, again.vector_field.weights
    )
    # The moments are those of the first batch.
    alone, _ = train(batches[0], n_epochs=1)
    np.testing.assert_array_equal(
        estimator.standardizer.mean, alone.standardizer.mean
    )


def test_batches_are_cut_to_steps(tokens, monkeypatch):
    """Steps are filled up; none has more rows than the first batch."""
    steps = []

    def gradient(parameters, rest, part, key, *, plan):
        weights = np.asarray(part.weights).tolist()
        steps.append((part.tokens.sample_shape, weights))
        return parameters, (jnp.float32(1), jnp.float32(1))

    monkeypatch.setattr(fitting, "batch_gradient", gradient)
    train([tokens], n_epochs=1)
    assert steps == [
        ((4,), [1, 1, 1, 1]),
        ((4,), [1, 1, 1, 1]),
        ((4,), [1, 1, 0, 0]),
    ]
    steps.clear()
    train([rows_of(tokens, slice(3)), tokens], n_epochs=1, batch_size=100)
    assert [shape for shape, _ in steps] == [(3,)] * 5


def _prior(key, n):
    return {"mu": jax.random.normal(key, (n, 1, 1))}


def _simulator(key, parameters):
    noise = jax.random.normal(key, (len(parameters["mu"]), 3, 1))
    return {"obs": parameters["mu"] + noise}


def test_a_generator():
    """It simulates again in every epoch, with the same result as a list."""
    from tfmpe import TokenGenerator

    generator = TokenGenerator(_prior, _simulator, None, {}, 10, 4, seed=0)
    options = {"target_keys": ["mu"], "n_epochs": 2}
    _, history = train(generator, **options)
    _, other = train(list(generator), **options)
    assert history == other


def test_validation_keeps_the_best(tokens):
    """The best parameters are those of the first epoch."""
    uphill = optax.sgd(-0.02)
    options = {"validation": rows_of(tokens, slice(4)), "optimizer": uphill}
    estimator, history = train(tokens, n_epochs=9, patience=2, **options)
    assert history.n_epochs == 3
    assert history.validation == sorted(history.validation)
    assert history.best_epoch == 0
    assert history.stopped_early
    one, _ = train(tokens, n_epochs=1, **options)
    np.testing.assert_array_equal(
        estimator.vector_field.weights, one.vector_field.weights
    )


@pytest.mark.slow
def test_a_share_is_set_aside(tokens):
    """Rows for validation are not used for training."""
    estimator, history = train(tokens, validation=0.2, n_epochs=2)
    assert len(history.validation) == 2
    assert history.best_epoch == int(np.argmin(history.validation))
    # The moments are those of the training rows.
    all_rows, _ = train(tokens, n_epochs=1)
    assert (estimator.standardizer.mean != all_rows.standardizer.mean).any()


CONDITIONALS = [
    (["site", "mu"], ["obs"]),
    (["obs"], ["site", "mu"]),
    (["site"], None),
]


def test_several_questions(tokens, monkeypatch):
    """Every batch trains one of them, chosen at random."""
    asked = []
    plain = _AFFINE.field

    def field(given, conditioning, time):
        names = given[1].layout.names, conditioning.layout.names
        jax.debug.callback(lambda: asked.append(names))
        return plain(given, conditioning, time)

    monkeypatch.setattr(_AFFINE, "field", field)
    options = {"target_keys": None, "conditioning_keys": None}
    # A different number of noises avoids programs of other tests.
    _, history = train(
        tokens, conditionals=CONDITIONALS, n_epochs=10, n_noise=2, **options
    )
    jax.effects_barrier()
    assert history.training[-1] < history.training[0]
    assert set(asked) == {
        (("site", "mu"), ("obs",)),
        (("obs",), ("site", "mu")),
        (("site",), ("mu", "obs")),
    }


def spoiled_at(step):
    """Return an optimizer that makes parameters NaN at a step."""

    def update(gradients, count, parameters=None):
        del parameters
        bad = jnp.where(count == step, jnp.nan, -0.01)
        return jax.tree.map(lambda x: bad * x, gradients), count + 1

    return optax.GradientTransformation(lambda _: jnp.zeros((), int), update)


@pytest.mark.parametrize(
    ("step", "epoch"), [pytest.param(4, 2, marks=pytest.mark.slow), (8, 3)]
)
def test_divergence_names_the_step(tokens, step, epoch):
    """The last step is included; parameters of the previous epoch are kept."""
    optimizer = spoiled_at(step)
    estimator = affine()
    with pytest.raises(TrainingDivergedError) as caught:
        fit(estimator, tokens, optimizer=optimizer)
    assert str(caught.value) == (
        "The loss, or a parameter that it changed, is not finite at step "
        f"{step % 3 + 1} of 3 in epoch {epoch}. The parameters of the last "
        "finished epoch were kept. Look for NaN or extreme values in the "
        "data, lower the learning rate, or clip gradients."
    )
    weights = estimator.vector_field.weights
    kept, _ = train(tokens, optimizer=optimizer, n_epochs=epoch - 1)
    np.testing.assert_array_equal(weights, kept.vector_field.weights)


def test_nan_in_the_data(tokens):
    """The standardizer finds it or, without one, a check before the epoch."""
    spoiled = tokens.with_data(tokens.data.at[7, 0, 0].set(jnp.nan))
    with pytest.raises(ValueError, match="in 1 of 10 samples; correct the"):
        train(spoiled)
    with pytest.raises(ValueError, match="1 of 10 values") as caught:
        train(spoiled, standardize=False)
    assert str(caught.value) == (
        "Simulations must be finite: 1 of 10 values of 'mu' are NaN or "
        "infinite, or outside the support of a bijector (leave out tokens "
        "that were not observed, or set them to False in Tokens.padding)"
    )


def test_extreme_values_in_the_validation_data(tokens):
    extreme = tokens.with_data(tokens.data.at[7, 0, 0].set(1e30))
    with pytest.raises(TrainingDivergedError) as caught:
        train(tokens, standardize=False, validation=extreme)
    assert str(caught.value) == (
        "The validation loss is inf after epoch 1. Look for extreme values "
        "in the validation data, or lower the learning rate."
    )


def test_a_refused_fit_leaves_no_trace(tokens):
    """The next fit uses the moments of its own data."""
    estimator = FlowMatchingEstimator(lambda target, conditioning, time: 0)
    with pytest.raises(ValueError, match="no parameters") as caught:
        estimator.fit(tokens, ["mu"], key=KEY)
    assert str(caught.value) == (
        "The vector field function has no parameters to train. Pass an NNX "
        "module, or a pytree with arrays of floats."
    )
    assert estimator.standardizer is None


def test_progress(tokens, capsys):
    """It is written to stderr with the losses; by default nothing is."""
    train(tokens)
    assert capsys.readouterr() == ("", "")
    _, history = train(tokens, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "compiling:   0%" in err
    assert "training: 100%" in err
    assert f"loss {history.training[-1]:.4f}" in err


def test_one_step_of_the_default_optimizer_moves_something():
    """The rate is at most the given one, and ends at 0."""
    for n_steps in (1, 2, 1000):
        optimizer, rate = default_optimizer(0.1, n_steps)
        assert optimizer is default_optimizer(0.2, 7).transformation
        rates = [rate(step) for step in range(n_steps)]
        assert 1e-4 < rates[0] <= max(rates) <= 0.1
        assert rate(max(n_steps, 2)) == pytest.approx(0)
        parameters = {"x": jnp.ones(())}
        state = optimizer.init(parameters)
        gradient = {"x": jnp.ones(())}
        with jax.numpy_dtype_promotion("standard"):
            change, _ = optimizer.update(gradient, state, parameters)
        assert -1.1 < change["x"] < -0.9


def test_history():
    """A history is available as text, and as data of a plot."""
    history = TrainingHistory()
    assert repr(history) == "TrainingHistory(no epoch)"
    history = TrainingHistory([2.0])
    assert repr(history) == "TrainingHistory(1 epoch, loss 2.0000)"
    history = TrainingHistory([2.0, 1.0], [3.0, 4.0], 0, True)
    assert repr(history) == (
        "TrainingHistory(2 epochs, loss 1.0000, validation 3.0000, stopped "
        "early)"
    )


def test_plot_of_a_history(pyplot):
    """The plot uses given axes or new ones, and is never shown."""
    history = TrainingHistory([2.0, 1.0], [3.0, 4.0], 0, True)
    _, ax = pyplot.subplots()
    assert history.plot(ax) is ax
    lines = [line.get_ydata().tolist() for line in ax.lines[:2]]
    assert lines == [[2.0, 1.0], [3.0, 4.0]]
    assert TrainingHistory([1.0]).plot() is not ax


def _once():
    yield make_tokens(4)


@pytest.mark.parametrize(
    ("error", "data", "options", "message"),
    [
        (
            ValueError,
            make_tokens(4),
            {"n_epochs": 0},
            "n_epochs is 0, expected at least 1.",
        ),
        (
            ValueError,
            make_tokens(4),
            {"batch_size": 0},
            "batch_size is 0, expected at least 1.",
        ),
        (
            ValueError,
            make_tokens(4),
            {"patience": 3},
            "patience=3 needs a validation loss: pass validation=0.1 to use a "
            "tenth of the data for validation.",
        ),
        (
            ValueError,
            make_tokens(4),
            {"validation": 1.5},
            "validation is 1.5, expected a number between 0 and 1, or Tokens.",
        ),
        (
            ValueError,
            [make_tokens(4)],
            {"validation": 0.1},
            "validation=0.1 is a share, but the data are batches. Pass Tokens "
            "for validation.",
        ),
        (
            TypeError,
            make_tokens(4),
            {"target_keys": None, "conditioning_keys": None},
            "fit needs target_keys, the keys to infer, some of ['mu', 'site', "
            "'obs'].",
        ),
        (
            TypeError,
            make_tokens(4),
            {"conditionals": CONDITIONALS},
            "fit takes target_keys and conditioning_keys, or conditionals, "
            "not both.",
        ),
        (
            ValueError,
            make_tokens(4),
            {
                "target_keys": None,
                "conditioning_keys": None,
                "conditionals": [],
            },
            "conditionals is empty. Pass at least one.",
        ),
        (
            TypeError,
            _once(),
            {},
            "A generator can be iterated only once, but training needs 3 "
            "epochs, after a look at the first batch. Pass a TokenGenerator, "
            "a list, or another iterable that starts again; or pass "
            "steps_per_epoch=, so that every epoch continues where the last "
            "one stopped.",
        ),
        (ValueError, [], {}, "The list has no batches."),
        (
            ValueError,
            make_tokens(),
            {},
            "The tokens have the sample shape (), so there is no simulation "
            "to learn from. Build them with sample_ndims=1.",
        ),
    ],
)
def test_errors(error, data, options, message):
    with refused(error, message):
        train(data, **options)


# With public functions, these fail at their annotations in tests.
@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (
            _check_optimizer,
            1e-3,
            "optimizer is 0.001, expected an Optax transformation such as "
            "optax.adam(1e-3). For a learning rate, pass learning_rate=.",
        ),
        (
            lambda data: read_batches(data, FitOptions(*[None] * 4)),
            3,
            "fit expects Tokens, a stored dataset or an iterable of Tokens, "
            "got int.",
        ),
        *(
            (
                check,
                {"mu": np.zeros((3, 1))},
                "fit expects Tokens, got dict. Build them with "
                "Tokens.from_pytree.",
            )
            for check in (
                one_axis,
                lambda data: read_batches(data, FitOptions(*[None] * 4)),
            )
        ),
    ],
)
def test_arguments_of_other_types(check, value, message):
    with refused(TypeError, message):
        check(value)
