"""Dense float32 masks from independence rules; 1 = may attend.

``independence = {'local': [key, ...], 'cross': [(a, b), ...],
'cross_local': [(a, b, (dim_a, dim_b) or None), ...]}``. The kinds of rules act
in a fixed order: cross, local, cross_local. A rule is skipped unless all its
keys are present. Later rules overwrite earlier ones.
"""

from math import prod

import jax.numpy as jnp
import numpy as np


def _n_tokens(block):
    return prod(block["event_shape"])


def _total_tokens(slices):
    return sum(_n_tokens(block) for block in slices.values())


def _span(block):
    return slice(block["offset"], block["offset"] + _n_tokens(block))


def _coordinates(block):
    """Return an int array (n_event_dims, n_tokens), tokens row-major."""
    shape = block["event_shape"]
    return np.indices(shape).reshape(len(shape), _n_tokens(block))


def _opened(block_a, block_b, index_map):
    """Yield the indices of tokens of a and b that a rule opens, elementwise."""
    if index_map is None:
        if _n_tokens(block_a) != _n_tokens(block_b):
            raise ValueError("Cannot do diagonal cross_local if sizes differ")
        yield np.r_[_span(block_a)], np.r_[_span(block_b)]
        return
    dim_a, dim_b = index_map
    shape_a, shape_b = block_a["event_shape"], block_b["event_shape"]
    # Negative dimensions are not checked here: if they are out of range, the
    # tuple itself raises IndexError.
    if dim_a >= len(shape_a) or dim_b >= len(shape_b):
        raise ValueError("Index map has invalid event shape dimensions")
    if shape_a[dim_a] != shape_b[dim_b]:
        raise ValueError("Cannot do cross_local if event shapes do not match")
    along_a = _coordinates(block_a)[dim_a]
    along_b = _coordinates(block_b)[dim_b]
    for i in range(shape_a[dim_a]):
        # Two index arrays are paired elementwise (defect L9).
        yield (
            block_a["offset"] + np.where(along_a == i)[0],
            block_b["offset"] + np.where(along_b == i)[0],
        )


def build_self_attention_mask(slices, independence):
    """Return which tokens may attend to which."""
    return _mask(slices, slices, independence, both_ways=True)


def build_cross_attention_mask(query_slices, key_slices, independence):
    """Return which query tokens may attend to which key tokens.

    A rule applies only if its first key is on the query side and its second on
    the key side. ``local`` is ignored.
    """
    return _mask(query_slices, key_slices, independence, both_ways=False)


def _mask(queries, keys, independence, both_ways):
    shape = _total_tokens(queries), _total_tokens(keys)
    mask = np.ones(shape, dtype=np.float32)

    for a, b in independence.get("cross", []):
        if a in queries and b in keys:
            mask[_span(queries[a]), _span(keys[b])] = 0

    for key in independence.get("local", []) if both_ways else []:
        if key in keys:
            mask[_span(keys[key]), _span(keys[key])] = 0

    for a, b, index_map in independence.get("cross_local", []):
        if a not in queries or b not in keys:
            continue
        block_a, block_b = queries[a], keys[b]
        mask[_span(block_a), _span(block_b)] = 0
        if both_ways:
            mask[_span(block_b), _span(block_a)] = 0
        for rows_a, rows_b in _opened(block_a, block_b, index_map):
            mask[rows_a, rows_b] = 1
            if both_ways:
                mask[rows_b, rows_a] = 1

    return jnp.array(mask)


def build_padding_mask(block_slices, event_shapes):
    """Return which tokens are not padding, given each sample's true sizes."""
    masks = []
    for key, block in block_slices.items():
        sizes = event_shapes[key]
        inside = [
            along < sizes[..., i, None]
            for i, along in enumerate(_coordinates(block))
        ]
        masks.append(jnp.all(jnp.stack(inside), axis=0))
    return jnp.concatenate(masks, axis=-1).astype(jnp.float32)
