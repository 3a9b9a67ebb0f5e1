"""Network sizes, and the keys that a network knows."""

import pytest

from nn.networks import make_tokens
from refusals import refused
from tfmpe import UnknownKeyError
from tfmpe.nn import KnownKey, TransformerConfig
from tfmpe.nn._config import find_keys, known_keys

LAYOUT = make_tokens().layout
KNOWN = known_keys(LAYOUT)


def test_configs_are_compared_by_value():
    assert TransformerConfig() == TransformerConfig(64, n_heads=4)
    assert hash(TransformerConfig()) == hash(TransformerConfig())
    assert TransformerConfig() != TransformerConfig(remat=True)


def test_hidden_layers_are_rounded():
    assert TransformerConfig(64, mlp_ratio=1.5).hidden_dim == 96
    assert TransformerConfig(4, mlp_ratio=0.01).hidden_dim == 1


def test_all_faults_are_listed():
    with pytest.raises(ValueError, match="Cannot build") as caught:
        TransformerConfig(
            10,
            n_heads=4,
            n_encoder_layers=-1,
            n_decoder_layers=0,
            mlp_ratio=0.0,
            n_frequencies=0,
            compute_dtype="float16",
        )
    assert str(caught.value) == (
        "Cannot build a transformer:\n"
        "  - n_encoder_layers is -1, expected 0 or more\n"
        "  - n_decoder_layers is 0, expected 1 or more\n"
        "  - n_frequencies is 0, expected 1 or more\n"
        "  - mlp_ratio is 0.0, expected above 0\n"
        "  - latent_dim 10 is not a multiple of n_heads 4\n"
        "  - compute_dtype is 'float16', expected one of ['float32', "
        "'bfloat16']"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"latent_dim": 0},
            "Cannot build a transformer: latent_dim is 0, expected 1 or more",
        ),
        (
            {"n_heads": 0},
            "Cannot build a transformer: n_heads is 0, expected 1 or more",
        ),
    ],
)
def test_one_fault(options, message):
    with refused(ValueError, message):
        TransformerConfig(**options)


def test_what_is_known_of_keys():
    assert (
        KnownKey("mu", 1, None),
        KnownKey("site", 2, None),
        KnownKey("obs", 1, 1),
    ) == KNOWN
    assert known_keys(make_tokens(2, sites=5).layout) == KNOWN
    assert find_keys(KNOWN, LAYOUT.select(["obs", "mu"])) == [2, 0]


def test_a_key_without_embedding():
    with pytest.raises(UnknownKeyError) as caught:
        find_keys(KNOWN[:2], LAYOUT)
    assert str(caught.value) == (
        "Key 'obs' not found. Available keys: ['mu', 'site']"
    )
    assert caught.value.__notes__ == [
        "The network only knows the keys of the Tokens it was built from. "
        "Build it from Tokens with all keys."
    ]


def test_keys_of_other_sizes():
    known = [
        KnownKey("mu", 3, None),
        KnownKey("site", 2, 2),
        KnownKey("obs", 1, 1),
    ]
    with pytest.raises(ValueError, match="do not fit the network") as caught:
        find_keys(known, LAYOUT)
    assert str(caught.value) == (
        "These tokens do not fit the network:\n"
        "  - 'mu' has 1 values and None functional inputs per token, but the "
        "network was built for 3 and None\n"
        "  - 'site' has 2 values and None functional inputs per token, but the "
        "network was built for 2 and 2"
    )
