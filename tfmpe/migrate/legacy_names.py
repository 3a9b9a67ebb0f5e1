"""Every public name of the legacy package, and what becomes of it.

The one list that scanning, rewriting, running and the migration guide share.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["BRIDGE", "LEGACY", "MODULES", "NAMES", "LegacyName", "lookup"]

LEGACY = "sfmpe"
"""The legacy package."""

BRIDGE = "tfmpe.compat"
"""Where its modules are, each under its own name."""

Kind = Literal["function", "class", "method", "constant"]


@dataclass(frozen=True)
class LegacyName:
    """One name that legacy scripts use.

    Attributes
    ----------
    module : str
        Its module below the legacy package, such as ``'util.dataloader'``.
    name : str
        The name there; of a method with its class, ``'SFMPE.fit'``.
    kind : str
        ``'function'``, ``'class'``, ``'method'`` or ``'constant'``.
    code : str
        The rule that finds its uses; see ``tfmpe.migrate.catalogue``.
    becomes : str
        What it is on Tokens, as code or in words.
    parameters : tuple of str
        Names of the arguments in their order, without ``self``; empty where
        they were never recorded.
    """

    module: str
    name: str
    kind: Kind
    code: str
    becomes: str
    parameters: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """The full legacy name."""
        return f"{LEGACY}.{self.module}.{self.name}"

    @property
    def bridge(self) -> str:
        """The same name in the bridge."""
        return f"{BRIDGE}.{self.module}.{self.name}"


_DATALOADER = "util.dataloader"
_NINE = (
    "context",
    "context_label",
    "context_index",
    "context_mask",
    "theta_shape",
    "theta_label",
    "theta_index",
    "theta_mask",
    "cross_mask",
)
_ENCODED = ("context", "labels", "theta_slices", "masks", "index")

_ALL = (
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
            "blocks",
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
        ("slices", "independence"),
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
            ("arr", *sizes, "pad_value"),
        )
        for name, sizes in (
            ("pad_1d", ("max_len",)),
            ("pad_2d", ("max_len",)),
            ("pad_2d_cross", ("max_rows", "max_cols")),
        )
    ),
    LegacyName(
        _DATALOADER,
        "event_indices",
        "function",
        "T107",
        "list(numpy.ndindex(*event_shape))",
        ("event_shape",),
    ),
    LegacyName(
        _DATALOADER,
        "flatten_index_tuple",
        "function",
        "T107",
        "numpy.ravel_multi_index(index, event_shape)",
        ("index", "event_shape"),
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
    LegacyName(
        "sfmpe",
        "_make_attention_masks",
        "function",
        "T112",
        "view.attention_mask()",
        ("masks",),
    ),
    LegacyName(
        "structured_cnf",
        "StructuredCNF",
        "class",
        "T201",
        "ContinuousFlow(vector_field)",
        ("vf_model", "rngs"),
    ),
    LegacyName(
        "structured_cnf",
        "StructuredCNF.sample",
        "method",
        "T202",
        "flow.sample(tokens, target_keys, conditioning_keys, key=key)",
        (*_NINE, "sample_size", "theta_0", "direction"),
    ),
    LegacyName(
        "structured_cnf",
        "StructuredCNF.log_prob",
        "method",
        "T203",
        "flow.log_prob(tokens, target_keys, conditioning_keys)",
        (
            "theta",
            "theta_label",
            "theta_index",
            "theta_mask",
            "context",
            "context_label",
            "context_index",
            "context_mask",
            "cross_mask",
            "n_epsilon",
        ),
    ),
    LegacyName(
        "structured_cnf",
        "StructuredCNF.vector_field",
        "method",
        "T207",
        "vector_field(target, conditioning, time)",
    ),
    LegacyName(
        "sfmpe",
        "SFMPE",
        "class",
        "T204",
        "FlowMatchingEstimator(network)",
        ("structured_cnf", "rngs"),
    ),
    LegacyName(
        "sfmpe",
        "SFMPE.fit",
        "method",
        "T204",
        "estimator.fit(tokens, target_keys, ...)",
        ("train", "val", "optimizer", "n_iter", "batch_size"),
    ),
    *(
        LegacyName(
            "sfmpe",
            f"SFMPE.{name}",
            "method",
            "T204",
            "estimator.sample(...)",
            (*_ENCODED, "n_samples", "theta_0", "direction"),
        )
        for name in ("sample_posterior", "sample_posterior_encoded")
    ),
    LegacyName(
        "sfmpe",
        "SFMPE.sample_base_dist",
        "method",
        "T204",
        "flow.sample(..., direction='backward')",
        ("theta", *_ENCODED),
    ),
    LegacyName(
        "sfmpe",
        "SFMPE.log_prob_posterior_samples",
        "method",
        "T204",
        "estimator.log_prob(..., values=draws)",
        ("posterior_samples_encoded", "context", "labels", "masks", "index"),
    ),
    LegacyName(
        "bottom_up",
        "train_bottom_up",
        "function",
        "T205",
        "tfmpe.estimators.train_bottom_up",
        (
            "key",
            "estim",
            "prior_fn",
            "local_fn",
            "simulator_fn",
            "global_names",
            "local_names",
            "n_local",
            "n_rounds",
            "n_simulations",
            "n_epochs",
            "y_observed",
            "independence",
            "optimiser",
            "batch_size",
            "f_in",
            "f_in_args",
            "f_in_args_global",
            "f_in_target",
        ),
    ),
    LegacyName(
        "nn.transformer.transformer",
        "Transformer",
        "class",
        "T206",
        "tfmpe.nn.Transformer.for_tokens(tokens, config)",
    ),
    LegacyName(
        "svf",
        "StructuredVectorField",
        "class",
        "T207",
        "vector_field(target, conditioning, time)",
    ),
    *(
        LegacyName("fmpe", name, "function", "T208", "flow_matching_loss(...)")
        for name in ("theta_t_linear", "ut_linear")
    ),
)

NAMES: dict[str, LegacyName] = {entry.qualified: entry for entry in _ALL}
"""All names, by the full legacy name."""

MODULES: tuple[str, ...] = (
    LEGACY,
    *(
        f"{LEGACY}.{name}"
        for name in (
            "bottom_up",
            "fmpe",
            "nn",
            "nn.transformer",
            "nn.transformer.transformer",
            "sfmpe",
            "structured_cnf",
            "svf",
            "util",
            "util.dataloader",
            "utils",
        )
    ),
)
"""The legacy modules that the bridge mirrors."""


def lookup(qualified: str) -> LegacyName | None:
    """Return what is known of a full legacy name, or None.

    Parameters
    ----------
    qualified
        Such as ``'sfmpe.util.dataloader.flatten_structured'``. Names that a
        package shows as well, such as ``'sfmpe.nn.transformer.Transformer'``,
        are found by the last part.

    Returns
    -------
    LegacyName or None

    Examples
    --------
    >>> lookup("sfmpe.utils.split_data").code
    'T110'
    >>> lookup("sfmpe.utils.no_such_name") is None
    True
    """
    if qualified in NAMES:
        return NAMES[qualified]
    package, _, name = qualified.rpartition(".")
    for entry in _ALL:
        shown_by = f"{LEGACY}.{entry.module}."
        if entry.name == name and shown_by.startswith(f"{package}."):
            return entry
    return None
