"""Legacy names of the flow, the estimator and the network."""

from .entry import LegacyName

__all__ = ["FLOWS"]

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

FLOWS = (
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
        ("vector_field_model", "rngs"),
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
        ("config", "value_dim", "n_labels", "index_dim", "rngs"),
    ),
    LegacyName(
        "svf",
        "StructuredVectorFieldModel",
        "class",
        "T207",
        "vector_field(target, conditioning, time)",
    ),
    *(
        LegacyName(
            "fmpe",
            name,
            "function",
            "T208",
            "flow_matching_loss(...)",
            parameters,
        )
        for name, parameters in (
            ("theta_t_linear", ("theta_0", "times", "theta", "sigma_min")),
            ("ut_linear", ("theta_t", "theta", "times", "sigma_min")),
        )
    ),
)
"""In the order of the migration guide."""
