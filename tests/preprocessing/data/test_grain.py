"""Generator as the source of a real grain pipeline."""

import grain
import jax
import numpy as np
import pytest

from preprocessing.simulations import RULES, plain_simulator, prior, simulator
from tfmpe import TokenGenerator


@pytest.fixture(params=[simulator, plain_simulator])
def source(request):
    return TokenGenerator(prior, request.param, None, RULES, 24, 2, seed=0)


def number_of(batch, wanted):
    """Return the index of a batch among the expected ones."""
    (number,) = (
        i for i, each in enumerate(wanted) if np.array_equal(each, batch)
    )
    return number


def test_every_batch_once_shuffled(source):
    wanted = [batch.data for batch in source]
    pipeline = grain.MapDataset.source(source).shuffle(seed=1)
    assert len(pipeline) == 12
    order = [number_of(batch.data, wanted) for batch in pipeline]
    assert sorted(order) == list(range(12))
    assert order != list(range(12))


def test_batches_of_batches(source):
    """Grain stacks the leaves; the layout is equal, so nothing is traced."""
    wanted = [batch.data for batch in source]
    pipeline = grain.MapDataset.source(source).shuffle(seed=1).batch(3)
    stacked = list(pipeline)
    assert [batch.sample_shape for batch in stacked] == [(3, 2)] * 4
    assert {batch.layout for batch in stacked} == {source[0].layout}
    order = [number_of(x, wanted) for batch in stacked for x in batch.data]
    assert sorted(order) == list(range(12))


def test_resuming_is_exact(source):
    """The state was taken in the middle of the second pass."""

    def pipeline():
        return (
            grain.MapDataset.source(source)
            .seed(3)
            .shuffle()
            .repeat(2)
            .batch(2)
            .to_iter_dataset()
        )

    iterator = iter(pipeline())
    for _ in range(7):
        next(iterator)
    state = iterator.get_state()
    rest = [batch.data for batch in iterator]
    assert len(rest) == 5
    resumed = iter(pipeline())
    resumed.set_state(state)
    for found, wanted in zip(resumed, rest, strict=True):
        np.testing.assert_array_equal(found.data, wanted)


def test_map_and_device_put(source):
    pipeline = grain.MapDataset.source(source).map(
        lambda batch: batch.with_values(mu=np.zeros((1, 1), "float32"))
    )
    batch = jax.device_put(pipeline[0])
    assert (batch.data[:, 0] == 0).all()
