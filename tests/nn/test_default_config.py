"""Default sizes of networks, by keys and rules."""

import numpy as np
import pytest

from tfmpe import Tokens
from tfmpe.nn import default_config


def layout(rules, width=1, **sizes):
    data = {
        name: np.zeros((1, size, width if name == "obs" else 1))
        for name, size in sizes.items()
    }
    return Tokens.from_pytree(data, rules).layout


LEVELS = {
    "local": ["school", "class_", "obs"],
    "cross": [
        pair
        for a, b in [("mu", "class_"), ("mu", "obs"), ("school", "obs")]
        for pair in [(a, b), (b, a)]
    ],
}


@pytest.mark.parametrize(
    ("rules", "targets", "expected"),
    [
        ({}, ["mu"], (2, 2)),
        ({"local": ["obs"]}, ["mu", "school", "class_"], (1, 2)),
        (LEVELS, ["mu", "school"], (2, 2)),
        (LEVELS, ["mu", "school", "class_"], (1, 3)),
    ],
)
def test_layers_follow_from_the_rules(rules, targets, expected):
    keys = layout(rules, mu=1, school=2, class_=4, obs=8)
    config = default_config(keys, targets)
    assert (config.n_encoder_layers, config.n_decoder_layers) == expected
    assert config.latent_dim == 32


def test_many_tokens_have_larger_vectors():
    assert default_config(layout({}, mu=1, obs=100), ["mu"]).latent_dim == 64


@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
def test_wide_tokens_have_vectors_of_128():
    keys = layout({}, mu=1, obs=2, width=17)
    assert default_config(keys, ["mu"]).latent_dim == 128
