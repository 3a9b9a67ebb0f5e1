"""Legacy names that take data to tokens and back."""

from .entry import LegacyName

__all__ = ["DATA"]

_DATALOADER = "util.dataloader"

DATA = (
    LegacyName(
        _DATALOADER,
        "flatten_structured",
        "function",
        "T101",
        "Tokens.from_pytree(tree, independence)",
        (
            "data",
            "data_sample_ndims",
            "data_batch_ndims",
            "index",
            "pad_value",
            "event_shapes",
            "independence",
        ),
    ),
    LegacyName(
        _DATALOADER,
        "decode_theta",
        "function",
        "T102",
        "view.decode()",
        ("theta", "theta_slices", "sample_shape"),
    ),
    LegacyName(
        _DATALOADER,
        "combine_data",
        "function",
        "T103",
        "concatenate_tokens(x, y)",
        ("x", "y", "pad_value"),
    ),
    LegacyName(
        _DATALOADER,
        "flatten_blocks",
        "function",
        "T104",
        "flatten_pytree(tree, ...)",
        (
            "data",
            "sample_ndims",
            "batch_ndims",
            "pad_value",
            "max_batch_size",
        ),
    ),
    LegacyName(
        _DATALOADER,
        "build_self_attention_mask",
        "function",
        "T105",
        "tokens.self_attention_mask",
        ("block_slices", "independence"),
    ),
    LegacyName(
        _DATALOADER,
        "build_cross_attention_mask",
        "function",
        "T105",
        "tokens.cross_attention_mask(query_keys, key_keys)",
        ("query_slices", "key_slices", "independence"),
    ),
    LegacyName(
        _DATALOADER,
        "build_padding_mask",
        "function",
        "T105",
        "tokens.padding_mask",
        ("block_slices", "event_shapes"),
    ),
    LegacyName(
        _DATALOADER,
        "pad_multidim_event",
        "function",
        "T106",
        "concatenate_tokens, which pads each key",
        ("arr", "event_start", "max_shape", "pad_value"),
    ),
    *(
        LegacyName(
            _DATALOADER,
            name,
            "function",
            "T106",
            "concatenate_tokens, which pads each key",
            ("a", *sizes, "pad_value"),
        )
        for name, sizes in (
            ("pad_1d", ("new_size",)),
            ("pad_2d", ("new_size",)),
            ("pad_2d_cross", ("new_size_x", "new_size_y")),
        )
    ),
    LegacyName(
        _DATALOADER,
        "event_indices",
        "function",
        "T107",
        "numpy.arange(prod(shape)).reshape(shape), and its axis",
        ("shape", "dim"),
    ),
    LegacyName(
        _DATALOADER,
        "flatten_index_tuple",
        "function",
        "T107",
        "numpy.ravel_multi_index(idx_tuple, shape)",
        ("idx_tuple", "shape"),
    ),
    LegacyName(
        _DATALOADER,
        "_flatten_index",
        "function",
        "T108",
        "view.functional_inputs",
        ("index", "pad_value", "sample_ndims"),
    ),
    LegacyName(
        _DATALOADER,
        "encode_unknown_theta",
        "function",
        "T109",
        "nothing: labels and masks follow from the layout",
    ),
    LegacyName(
        _DATALOADER,
        "as_batch_iterator",
        "function",
        "T110",
        "minibatches(tokens, batch_size, key=key)",
        ("rng_key", "data", "batch_size", "shuffle"),
    ),
    LegacyName(
        _DATALOADER,
        "as_batch_iterators",
        "function",
        "T110",
        "train_validation_split, then minibatches",
        ("rng_key", "data", "batch_size", "split", "shuffle"),
    ),
    LegacyName(_DATALOADER, "PAD_VALUE", "constant", "T111", "tfmpe.PAD_VALUE"),
    LegacyName(
        "utils",
        "split_data",
        "function",
        "T110",
        "train_validation_split(tokens, ...)",
        ("data", "size", "split", "shuffle_rng"),
    ),
)
"""In the order of the migration guide."""
