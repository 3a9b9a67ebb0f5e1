"""Conversion of Tokens to the arguments of legacy functions."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe._base.arrays import owned
from tfmpe._base.errors import raise_faults
from tfmpe.compat._attention import _make_attention_masks
from tfmpe.compat._flatten import build_attention, build_labels
from tfmpe.preprocessing import (
    Independence,
    TokenLayout,
    Tokens,
    TokenView,
)
from tfmpe.preprocessing.layout.dimensions import find_dimension, matched_dims

_SLICE = ("offset", "event_shape", "batch_shape")


def as_legacy(
    tokens: Tokens | TokenView,
    theta_keys: Iterable[str],
    y_keys: Iterable[str],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Convert Tokens to the form that ``flatten_structured`` returns.

    Parameters
    ----------
    tokens : Tokens or TokenView
    theta_keys, y_keys : sequence of str
        The keys of the two sides, in the order of the result.

    Returns
    -------
    flat, slices : dict
        Equal to the result of ``flatten_structured`` for the same data, rules,
        event shapes and functional inputs, except that the labels are copied
        from ``tokens``. Index rows are in sorted order of keys (L1).

    Raises
    ------
    UnknownKeyError
        If a key does not exist.
    ValueError
        If a key is on both sides, keys of a side have different numbers of
        functional inputs, all keys of a side have none, or a rule matches
        the groups of a ragged key.
    OverflowError
        If a label does not fit into int8 (L3).

    Notes
    -----
    Works under ``jit``. ``as_tokens`` is the inverse.

    Examples
    --------
    >>> import numpy as np
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": np.zeros((4, 1, 1)), "obs": np.ones((4, 3, 1))}, {}
    ... )
    >>> flat, slices = as_legacy(tokens, ["mu"], ["obs"])
    >>> flat["data"]["y"].shape, flat["labels"]["y"].dtype.name
    ((4, 3, 1), 'int8')
    """
    theta_keys, y_keys = list(theta_keys), list(y_keys)
    shared = sorted(set(theta_keys) & set(y_keys))
    if shared:
        raise ValueError(
            f"The keys {shared} are on both sides. Name each on only one."
        )
    views = {
        "theta": tokens.select_tokens(theta_keys),
        "y": tokens.select_tokens(y_keys),
    }
    slices = {
        side: {
            name: {part: entry[part] for part in _SLICE}
            for name, entry in view.slices.items()
        }
        for side, view in views.items()
    }
    labels = {**views["theta"].label_map, **views["y"].label_map}
    flat: dict[str, Any] = {
        "data": {side: owned(view.data) for side, view in views.items()},
        "labels": build_labels(slices, len(tokens.sample_shape), labels),
    }
    masks = {}
    if tokens.independence.declared:
        masks["attention"] = build_attention(slices, _numbered(tokens.layout))
    if tokens.padding is not None:
        masks["padding"] = {
            side: jnp.asarray(view.padding, jnp.float32)
            for side, view in views.items()
        }
    if masks:
        flat["masks"] = masks
    if tokens.functional_inputs is not None:
        flat["index"] = {
            side: _sort(side, view) for side, view in views.items()
        }
    return flat, slices


def nine_arguments(
    tokens: Tokens | TokenView,
    target_keys: Iterable[str],
    conditioning_keys: Iterable[str],
) -> dict[str, Any]:
    """Return the arguments of ``StructuredCNF.sample`` for one observation.

    Parameters
    ----------
    tokens : Tokens or TokenView
        One sample: sample axes, if any, have size 1. Only the values of the
        conditioning keys are read.
    target_keys, conditioning_keys : sequence of str
        The keys to infer and the given keys, in the order of the result.

    Returns
    -------
    dict
        ``context``, ``theta_shape`` and, for both sides, labels (int8),
        index and masks (float32, ``(1, 1, rows, columns)``, or None if there
        are neither rules nor padding).

    Raises
    ------
    UnknownKeyError
        If a key does not exist.
    ValueError
        If there are several samples, or for the reasons in :func:`as_legacy`.
    OverflowError
        If a label does not fit into int8 (L3).

    Notes
    -----
    Works under ``jit``, and under ``vmap`` over Tokens. Rows of the index
    are in sorted order of the keys (L1). ``theta_shape`` contains the width
    of all tokens, including those of the conditioning keys (L21).

    Examples
    --------
    >>> import numpy as np
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": np.zeros((1, 1, 1)), "obs": np.ones((1, 3, 1))},
    ...     {"local": ["obs"]},
    ... )
    >>> arguments = nine_arguments(tokens, ["mu"], ["obs"])
    >>> arguments["theta_shape"], arguments["context_mask"].shape
    ((1, 1), (1, 1, 3, 3))

    Then ``cnf.sample(**arguments, sample_size=100)`` draws ``mu``.
    """
    shape = tokens.sample_shape
    if any(size != 1 for size in shape):
        raise ValueError(
            f"The tokens have the sample axes {shape}, expected one sample. "
            "Take one with jax.tree.map(lambda x: x[i], tokens), or use "
            "jax.vmap."
        )
    if len(shape) != 1:
        tokens = jax.tree.map(
            lambda leaf: leaf.reshape((1, *leaf.shape[len(shape) :])), tokens
        )
    flat, _ = as_legacy(tokens, target_keys, conditioning_keys)
    theta_mask, context_mask, cross_mask = _make_attention_masks(
        flat.get("masks")
    )
    index = flat.get("index", {})
    return {
        "context": flat["data"]["y"],
        "context_label": flat["labels"]["y"],
        "context_index": index.get("y"),
        "context_mask": context_mask,
        "theta_shape": flat["data"]["theta"].shape[1:],
        "theta_label": flat["labels"]["theta"],
        "theta_index": index.get("theta"),
        "theta_mask": theta_mask,
        "cross_mask": cross_mask,
    }


def _numbered(layout: TokenLayout) -> Independence:
    """Return the rules with axes instead of names, as legacy rules need."""
    numbered, faults = [], []
    for rule in layout.independence.cross_local:
        dims = matched_dims(rule)
        if dims is not None:
            first = find_dimension(layout[rule.a], dims[0])
            second = find_dimension(layout[rule.b], dims[1])
            if isinstance(first, int) and isinstance(second, int):
                # Kept as written: legacy rules treat negative axes
                # differently.
                named = isinstance(rule.dims, str)
                dims = (first, second) if named else rule.dims
            else:
                faults.append(f"the rule {tuple(rule)!r}")
        numbered.append(rule._replace(dims=dims))
    raise_faults(
        ValueError, "Legacy rules cannot match groups of ragged keys", faults
    )
    return replace(layout.independence, cross_local=tuple(numbered))


def _sort(side: str, view: Any) -> Any:
    """Return the functional inputs of a side in sorted order of keys."""
    keys = {key.name: key.n_inputs for key in view.layout.keys}
    given = sorted(name for name, n in keys.items() if n is not None)
    widths = {keys[name] for name in given}
    if len(widths) != 1:
        raise ValueError(
            f"The index of {side!r} needs the same number of functional inputs "
            f"for all its keys, but they have {keys}. Pad the shorter "
            "ones, for example with zeros."
        )
    rows = view.select_tokens(given).functional_inputs
    return owned(rows[..., : widths.pop()])
