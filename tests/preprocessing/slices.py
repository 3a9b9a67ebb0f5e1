"""Slices of keys by hand, without Tokens."""

import math


def slices_of(**event_shapes):
    """Return the slices of keys with one value per token, one after another."""
    slices, offset = {}, 0
    for key, shape in event_shapes.items():
        slices[key] = {
            "offset": offset,
            "event_shape": shape,
            "batch_shape": (1,),
        }
        offset += math.prod(shape)
    return slices
