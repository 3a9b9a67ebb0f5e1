"""Two-way bridge between legacy dictionaries and Tokens."""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from tfmpe._base.arrays import grow, join, take
from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import SEPARATOR
from tfmpe.compat._flatten import SIDES, build_attention
from tfmpe.compat._to_legacy import as_legacy as as_legacy
from tfmpe.compat._to_legacy import nine_arguments as nine_arguments
from tfmpe.preprocessing import (
    PAD_VALUE,
    Independence,
    KeyLayout,
    TokenLayout,
    Tokens,
)
from tfmpe.preprocessing.layout.layout import rank_labels
from tfmpe.preprocessing.layout.rules import check_rules


def as_tokens(
    flat: Mapping[str, Any],
    slices: Mapping[str, Mapping[str, Any]],
    independence: Any = None,
) -> Tokens:
    """Convert a result of ``flatten_structured`` to Tokens.

    Parameters
    ----------
    flat, slices : dict
        As returned by ``flatten_structured``.
    independence : dict, optional
        The rules that ``flat`` was built with. Needed if it has attention
        masks, which are checked against the rules.

    Returns
    -------
    Tokens
        The keys of theta, then those of y. Rows of the index are reordered to
        match the data (L1). An index without sample axes is repeated for
        every sample.

    Raises
    ------
    ValueError
        If ``flat`` cannot be converted: the sides differ in their numbers of
        samples, a key is on both sides (L3), there are fewer index rows than
        tokens (L2), tokens no longer match the slices after ``combine_data``,
        or attention masks have no rules or contradict them. The error lists
        all faults.

    Notes
    -----
    Works under ``jit`` with ``slices`` and ``independence`` closed over;
    masks and labels are then not checked. :func:`as_legacy` is the inverse.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe.compat import flatten_structured
    >>> data = {
    ...     "theta": {"mu": np.zeros((4, 1, 1))},
    ...     "y": {"obs": np.ones((4, 3, 1))},
    ... }
    >>> tokens = as_tokens(*flatten_structured(data))
    >>> tokens.key_order, tokens.data.shape
    (['mu', 'obs'], (4, 4, 1))
    """
    rules = Independence.parse(independence)
    faults = _faults(flat, slices, rules)
    raise_faults(ValueError, "Cannot turn legacy data into Tokens", faults)
    ranks = rank_labels([*slices["theta"], *slices["y"]])
    ranks = _read_labels(flat, slices) or ranks
    index = flat.get("index")
    layout = TokenLayout(
        tuple(
            KeyLayout(
                name,
                tuple(name.split(SEPARATOR)),
                0,
                entry["event_shape"],
                entry["batch_shape"],
                ranks[name],
                None if index is None else index[side].shape[-1],
            )
            for side in SIDES
            for name, entry in slices[side].items()
        ),
        rules,
    )
    check_rules(layout)
    data = join([flat["data"][side] for side in SIDES], axis=-2)
    sample_shape = data.shape[:-2]
    inputs = None
    if index is not None:
        width = max(index[side].shape[-1] for side in SIDES)
        rows = [
            _unsort(
                grow(index[side], index[side].ndim - 1, (width,), PAD_VALUE),
                layout.select(slices[side]),
            )
            for side in SIDES
        ]
        inputs = join(
            [
                jnp.broadcast_to(each, (*sample_shape, *each.shape[-2:]))
                for each in rows
            ],
            axis=-2,
        )
    padding = flat.get("masks", {}).get("padding")
    if padding is not None:
        padding = join([padding[side] for side in SIDES], axis=-1) != 0
        padding = jnp.broadcast_to(padding, (*sample_shape, layout.n_tokens))
    return Tokens(data, layout, inputs, padding)


def _unsort(rows: Any, layout: TokenLayout) -> Any:
    """Reorder rows from sorted keys to the order of a layout."""
    by_sorted = layout.select(sorted(layout.names))
    return take(rows, by_sorted.blocks(layout.names), -2)


def _faults(
    flat: Mapping[str, Any],
    slices: Mapping[str, Mapping[str, Any]],
    rules: Independence,
) -> list[str]:
    """List the reasons why a flat dictionary cannot become Tokens."""
    data = flat["data"]
    faults = []
    shared = sorted(set(slices["theta"]) & set(slices["y"]))
    if shared:
        faults.append(f"the keys {shared} are on both sides (L3)")
    shapes = {side: data[side].shape for side in SIDES}
    if shapes["theta"][:-2] != shapes["y"][:-2]:
        faults.append(
            f"theta and y have the shapes {shapes}: repeat the side with "
            "fewer samples"
        )
    for side in SIDES:
        n_tokens = sum(
            int(np.prod(entry["event_shape"]))
            for entry in slices[side].values()
        )
        if data[side].shape[-2] != n_tokens:
            faults.append(
                f"slices specify {n_tokens} tokens of {side!r} but there are "
                f"{data[side].shape[-2]}"
            )
        elif "labels" in flat and not _uniform(flat["labels"][side]):
            faults.append(
                f"the labels of {side!r} differ between samples, as after "
                "combine_data of different sizes: use concatenate_tokens"
            )
        if "index" in flat and flat["index"][side].shape[-2] != n_tokens:
            faults.append(
                f"the index of {side!r} has {flat['index'][side].shape[-2]} "
                f"rows for {n_tokens} tokens (L2)"
            )
    attention = flat.get("masks", {}).get("attention")
    if attention is not None and not faults:
        faults += _mask_faults(attention, slices, rules)
    return faults


def _mask_faults(
    attention: Mapping[str, Any],
    slices: Mapping[str, Mapping[str, Any]],
    rules: Independence,
) -> list[str]:
    """List attention masks that do not follow from the rules."""
    if not rules.declared:
        return [
            "there are attention masks: pass the independence that they were "
            "built with"
        ]
    declared = build_attention(slices, rules)
    return [
        f"the attention mask of {name!r} does not follow from the rules"
        for name, mask in attention.items()
        if not isinstance(mask, Tracer)
        and not np.array_equal(
            np.broadcast_to(declared[name], mask.shape), mask
        )
    ]


def _uniform(labels: Any) -> bool:
    """Return whether all samples have the same labels; True if traced."""
    if isinstance(labels, Tracer):
        return True
    rows = _rows(labels)
    return bool((rows == rows[:1]).all())


def _rows(labels: Any) -> np.ndarray:
    n_samples = math.prod(labels.shape[:-1])
    return np.asarray(labels).reshape((n_samples, labels.shape[-1]))


def _read_labels(
    flat: Mapping[str, Any], slices: Mapping[str, Mapping[str, Any]]
) -> dict[str, int] | None:
    """Return the label of each key's first token, or None if unknown."""
    labels: dict[str, int] = {}
    for side in SIDES:
        row = flat.get("labels", {}).get(side)
        if row is None or isinstance(row, Tracer) or not row.size:
            return None
        row = _rows(row)[0]
        for name, entry in slices[side].items():
            if 0 in entry["event_shape"]:
                return None
            labels[name] = int(row[entry["offset"]])
    return labels
