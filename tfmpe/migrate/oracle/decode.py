"""Conversion of flat tokens to dicts of arrays."""

from math import prod


def decode_theta(theta, theta_slices, sample_shape):
    """Split flat tokens (..., n_tokens, width) by key, and reshape them."""
    decoded = {}
    for key, block in theta_slices.items():
        offset = block["offset"]
        event_shape, batch_shape = block["event_shape"], block["batch_shape"]
        tokens = theta[
            ..., offset : offset + prod(event_shape), : prod(batch_shape)
        ]
        # Not unpacked, so that a list as a shape raises TypeError.
        decoded[key] = tokens.reshape(sample_shape + event_shape + batch_shape)
    return decoded


def encode_unknown_theta(*args, **kwargs):
    """Raise ``TypeError``, as the legacy function always does."""
    raise TypeError("'int' object is not subscriptable")
