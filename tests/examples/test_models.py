"""Masks of the three examples as Tokens, compared with stored masks."""

import numpy as np
import pytest

from stored_calls import cases_of
from tfmpe.examples import models


def _stored_attention(example):
    cases = cases_of(f"{example}/flatten_structured")
    case = next(c for c in cases if c.name == "plain__own_rules")
    return case.output[0]["masks"]["attention"], case.output[1]


BUILT = {
    "hierarchical_gaussian": (5, 3),
    "hierarchical_brownian": (5, 4),
    "seir": (3, 2),
}


@pytest.mark.parametrize(("example", "sizes"), BUILT.items())
def test_the_masks_are_the_stored_ones(example, sizes):
    attention, slices = _stored_attention(example)
    tokens = getattr(models, example)(*sizes)
    theta, y = list(slices["theta"]), list(slices["y"])
    built = {
        "theta": tokens.select_tokens(theta).self_attention_mask,
        "y": tokens.select_tokens(y).self_attention_mask,
        "cross": tokens.cross_attention_mask(theta, y),
    }
    for side, mask in built.items():
        stored = np.asarray(attention[side])[0].astype(bool)
        np.testing.assert_array_equal(np.asarray(mask), stored, err_msg=side)


@pytest.mark.parametrize("example", models.EXAMPLES)
def test_sizes_and_samples_are_parameters(example):
    tokens = getattr(models, example)(4, 3, n_samples=2)
    event_shape = tokens.slices["obs"]["event_shape"]
    assert event_shape == (4, 3)
    assert tokens.data.shape[0] == 2
    assert tokens.data.shape[2] == 1


def test_functional_inputs_are_where_the_examples_have_them():
    assert models.hierarchical_gaussian().functional_inputs is None
    brownian = models.hierarchical_brownian(n_theta=2, n_obs=3)
    times = np.asarray(brownian.functional_inputs)[0, :, 0]
    assert times.tolist() == [0, 0, 0, 0, 1, 2, 0, 1, 2]
    assert models.seir().functional_inputs is not None
