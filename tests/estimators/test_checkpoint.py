"""Interrupted training, resumed with identical results."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from comparisons import assert_same
from estimators.known_flows import (
    ADAM,
    KEY,
    Affine,
    affine,
    fit,
    make_tokens,
    train,
)
from refusals import refused
from tfmpe import StorageError, Tokens
from tfmpe._base.keys import key_words
from tfmpe.estimators import FlowMatchingEstimator
from tfmpe.estimators._training import loop as fitting
from tfmpe.estimators._training import prepare as preparing

N_EPOCHS = 5
N_STEPS = 3  # per epoch: ten rows in batches of four
FILE = "checkpoint.safetensors"


@pytest.fixture(scope="module")
def tokens():
    return make_tokens(10)


@pytest.fixture(scope="module")
def validation():
    return make_tokens(4, seed=9)


@pytest.fixture
def interrupt(monkeypatch):
    """Interrupt after a number of calls of a function of the loop."""

    def after(n, name="batch_gradient"):
        plain, calls = getattr(fitting, name), []

        def counting(*args, **static):
            calls.append(name)
            if len(calls) > n:
                raise KeyboardInterrupt
            return plain(*args, **static)

        monkeypatch.setattr(fitting, name, counting)

    yield after
    monkeypatch.undo()


def assert_same_training(one, other):
    """Compare two trainings bit for bit."""
    (a, history_a), (b, history_b) = one, other
    assert_same(a.vector_field, b.vector_field)
    assert_same(a.standardizer, b.standardizer)
    assert history_a == history_b


@pytest.mark.parametrize("every", [1, 2])
def test_going_on_with_static_data(
    tokens, validation, interrupt, monkeypatch, tmp_path, every
):
    """From the last checkpoint, training repeats the steps after it."""
    options = {
        "validation": validation,
        "n_epochs": N_EPOCHS,
        "checkpoint_every": every,
    }
    whole = train(tokens, **options)
    interrupt(3 * N_STEPS)
    with pytest.raises(KeyboardInterrupt):
        train(tokens, checkpoint=tmp_path, **options)
    assert os.listdir(tmp_path) == [FILE]
    monkeypatch.undo()
    interrupt((N_EPOCHS - 3 + 3 % every) * N_STEPS)
    assert_same_training(train(tokens, checkpoint=tmp_path, **options), whole)
    # Nothing is left to do, also if `every` does not divide the epochs.
    interrupt(0)
    assert_same_training(train(tokens, checkpoint=tmp_path, **options), whole)


def test_going_on_with_batches(tokens, interrupt, monkeypatch, tmp_path):
    """After an interruption within an epoch, the epoch is repeated."""
    batches = [tokens, make_tokens(10, seed=4)]
    options = {"n_epochs": 3, "checkpoint_every": 1}
    whole = train(batches, **options)
    interrupt(8)
    with pytest.raises(KeyboardInterrupt):
        train(batches, checkpoint=tmp_path, **options)
    monkeypatch.undo()
    interrupt(12)
    assert_same_training(train(batches, checkpoint=tmp_path, **options), whole)


def test_an_interrupted_fit_keeps_what_it_learnt(tokens, interrupt):
    one, _ = train(tokens, n_epochs=1)
    interrupt(N_STEPS)
    estimator = affine()
    with pytest.raises(KeyboardInterrupt):
        fit(estimator, tokens)
    np.testing.assert_array_equal(
        estimator.vector_field.weights, one.vector_field.weights
    )


def test_more_epochs_or_patience(tokens, validation, tmp_path):
    options = {"validation": validation, "optimizer": optax.sgd(-0.02)}
    _, history = train(
        tokens, patience=1, n_epochs=9, checkpoint=tmp_path, **options
    )
    assert history.n_epochs == 2
    assert history.stopped_early
    going_on = train(
        tokens, patience=3, n_epochs=9, checkpoint=tmp_path, **options
    )
    assert_same_training(
        train(tokens, patience=3, n_epochs=9, **options), going_on
    )
    assert going_on[1].n_epochs == 4


def test_numbers_of_numpy(tokens, tmp_path):
    train(
        tokens,
        n_epochs=np.int64(1),
        batch_size=np.int64(4),
        n_noise=np.int32(1),
        optimizer=None,
        learning_rate=np.float32(0.5),
        checkpoint=tmp_path,
    )
    assert os.listdir(tmp_path) == [FILE]


@pytest.fixture(scope="module")
def finished(tokens, validation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    train(tokens, n_epochs=1, validation=validation, checkpoint=folder)
    return folder


def resume(tokens, rows, folder, **options):
    arguments = {"n_epochs": 1, "validation": rows, **options}
    return train(tokens, checkpoint=folder, **arguments)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"batch_size": 5}, "batch_size was 4 and is 5"),
        ({"n_noise": 2}, "n_noise was 1 and is 2"),
        (
            {"key": jax.random.PRNGKey(4), "validation": None},
            "key was [0, 3] and is [0, 4]; validation_rows was 4 and is None",
        ),
        (
            {"target_keys": ["mu"]},
            "conditionals was [[['site', 'mu'], ['obs']]] and is [[['mu'], "
            "['obs']]]",
        ),
    ],
)
def test_other_settings_are_refused(
    tokens, validation, finished, options, difference
):
    message = (
        f"{finished / FILE} comes from another training run: {difference}. "
        "Continue with the same settings and data, or use an empty folder."
    )
    with refused(ValueError, message):
        resume(tokens, validation, finished, **options)


def test_other_data_are_refused(tokens, validation, finished):
    """Means differ by more than rounding, although all shapes are equal."""
    data = jnp.where(tokens.value_mask, tokens.data + 1e-6, tokens.data)
    resume(tokens.with_data(data), validation, finished)
    other = make_tokens(10, seed=7)
    with pytest.raises(ValueError, match="the simulations differ"):
        resume(other, validation, finished)
    rows = jax.tree.map(lambda x: x[:9], tokens)
    with pytest.raises(ValueError, match="rows was 10 and is 9"):
        resume(rows, validation, finished)


def with_times(n, seed, start=0.0):
    """Return Tokens without padding, with a time for every observation."""
    arrays = make_tokens(n, seed=seed, padded=False).decode()
    shape = (*arrays["obs"].shape[1:-1], 1)
    inputs = start + np.arange(np.prod(shape), dtype=np.float32)
    return Tokens.from_pytree(
        arrays, {}, functional_inputs={"obs": inputs.reshape(shape)}
    )


@pytest.fixture(scope="module")
def finished_with_times(tmp_path_factory):
    folder = tmp_path_factory.mktemp("times")
    resume(with_times(10, 0), with_times(4, 9), folder)
    return folder


def scaled(tokens, factor):
    return tokens.with_data(tokens.data * factor)


def reversed_rows(tokens):
    return jax.tree.map(lambda leaf: leaf[::-1], tokens)


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("validation data", scaled(with_times(4, 9), 1.01)),
        ("validation data", reversed_rows(with_times(4, 9))),
        ("validation data", with_times(4, 9, start=0.5)),
        ("simulations", reversed_rows(with_times(10, 0))),
        ("simulations", with_times(10, 0, start=0.5)),
    ],
)
def test_other_validation_data_or_inputs_are_refused(
    finished_with_times, what, other
):
    given = [with_times(10, 0), with_times(4, 9)]
    given[what == "validation data"] = other
    message = f"another training run: the {what} differ. Continue"
    with pytest.raises(ValueError, match=message):
        resume(*given, finished_with_times)


def test_other_data_are_refused_without_a_new_standardizer(tokens, tmp_path):
    """A standardizer that is not fitted to the data cannot distinguish them."""
    for folder, options in (("a", {}), ("b", {"standardize": False})):
        estimator = FlowMatchingEstimator(Affine(), **options)
        given = {
            "target_keys": ["mu"],
            "key": KEY,
            "optimizer": ADAM,
            "n_epochs": 1,
            "checkpoint": tmp_path / folder,
        }
        if options == {}:
            estimator.fit(tokens, **given | {"checkpoint": None})
        estimator.fit(tokens, **given)
        with pytest.raises(ValueError, match="the simulations differ"):
            estimator.fit(make_tokens(10, seed=7), **given)


def test_data_may_differ_by_rounding(finished_with_times):
    given = [with_times(10, 0), with_times(4, 9)]
    resume(*given, finished_with_times)
    given = [scaled(tokens, 1 + 1e-6) for tokens in given]
    resume(*given, finished_with_times)


def test_a_checkpoint_without_a_summary_of_its_data(
    tokens, validation, tmp_path, monkeypatch
):
    monkeypatch.setattr(preparing, "summarise", lambda data: {})
    train(tokens, n_epochs=1, validation=validation, checkpoint=tmp_path)
    monkeypatch.undo()
    resume(tokens, validation, tmp_path)


def test_another_optimizer_is_refused(tokens, validation, finished):
    with pytest.raises(StorageError) as caught:
        resume(tokens, validation, finished, optimizer=optax.sgd(0.1))
    assert str(caught.value) == (
        "The file holds another architecture:\n"
        "  - 'optimiser/0/count' is only in the file\n"
        "  - 'optimiser/0/mu/weights' is only in the file\n"
        "  - 'optimiser/0/nu/weights' is only in the file"
    )


def test_a_damaged_checkpoint(tokens, validation, finished, tmp_path):
    content = (finished / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-1])
    with pytest.raises(StorageError, match="it is not a whole safetensors"):
        resume(tokens, validation, tmp_path)
    (tmp_path / FILE).write_bytes(content[:-1] + b"?")
    with pytest.raises(StorageError, match="does not match its checksum"):
        resume(tokens, validation, tmp_path)


def test_a_checkpoint_is_replaced_whole_or_not_at_all(
    tokens, validation, finished, tmp_path, monkeypatch
):
    """If the machine stops while writing, the last checkpoint is intact."""
    content = (finished / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content)

    def fail(source, target):
        raise OSError("The disk is full.")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="The disk is full"):
        resume(tokens, validation, tmp_path, n_epochs=2)
    assert os.listdir(tmp_path) == [FILE]
    assert (tmp_path / FILE).read_bytes() == content


def test_words_of_keys():
    for key in (
        jax.random.key(3),
        jax.random.PRNGKey(3),
        np.array([0, 3], np.uint32),
    ):
        assert key_words(key) == [0, 3]


def test_an_empty_path_is_not_the_current_folder(tokens):
    with pytest.raises(ValueError, match="checkpoint is '', expected the path"):
        train(tokens, checkpoint="")
