"""All names of all legacy modules, whatever becomes of them."""

from collections.abc import Mapping
from types import MappingProxyType

from .entry import LEGACY

__all__ = ["MODULES", "SURFACE", "is_mirrored"]

SURFACE: Mapping[str, str] = MappingProxyType(
    {
        "bottom_up": (
            "F_IN F_IN_ARGS SFMPE combine_data flatten_structured logger "
            "pad_multidim_event split_data train_bottom_up"
        ),
        "cnf": "CNF VectorFieldModel",
        "fmpe": (
            "CNF FMPE _cfm_loss fit_model_no_branch sample_power_law "
            "theta_t_linear ut_linear"
        ),
        "infinite": "Index IndexMap index_theta",
        "metrics.lc2st": (
            "BinaryMLPClassifier MultiBinaryMLPClassifier evaluate_lc2st "
            "fit_classifier train_lc2st_classifiers"
        ),
        "metrics.lc2stnf": (
            "BinaryMLPClassifier Classifier FFLayer "
            "MultiBinaryMLPClassifier _ce_loss apply_lc2stnf "
            "create_calibration_dataset evaluate_l_c2st_nf fit_classifier "
            "fit_model_no_branch lc2st_quant_plot logger "
            "precompute_null_distribution_nf_classifiers split_data "
            "train_l_c2st_nf_main_classifier"
        ),
        "metrics.mmd": (
            "_gaussian_kernel _mmd_statistic _permutation_test mmd_test"
        ),
        "nn.mlp": "MLP MLPVectorField VectorFieldModel",
        "nn.smlp": "Embedding MLP MLPStructuredVectorField",
        "nn.transformer.embedding": "Embedding GaussianFourierEmbedding",
        "nn.transformer.encoder": "DecoderBlock EncoderBlock FFLayer MLP",
        "nn.transformer.transformer": (
            "DecoderBlock Embedding EncoderBlock StructuredVectorFieldModel "
            "Transformer"
        ),
        "plot.plot": (
            "plot_ess plot_loss_profile plot_posterior plot_rank "
            "plot_rhat_and_ress plot_trace"
        ),
        "pytree_bijector": (
            "PyTreeBijector _chain_with_zscale "
            "_create_path_bijector_mapping _find_bijector_for_path "
            "create_bijector_map create_zscaling_bijector_tree"
        ),
        "sfmpe": (
            "Direction SFMPE StructuredCNF _cfm_loss _cross_2d_masks "
            "_make_attention_masks decode_theta fit_model_no_branch prod "
            "theta_t_linear ut_linear"
        ),
        "structured_cnf": "StructuredCNF StructuredVectorFieldModel",
        "svf": "Array StructuredVectorFieldModel",
        "train": (
            "Array EarlyStopping _validation_loss fit_model fit_model_no_branch"
        ),
        "train_rounds": "FMPE split_data train_fmpe_rounds",
        "util.data": (
            "_tree_stack as_inference_data inference_data_as_dictionary "
            "stack_data"
        ),
        "util.dataloader": (
            "DataLoader PAD_VALUE _flatten_index _flatten_leaf "
            "_get_batch_ndims _get_flat_labels _get_max_batch_size "
            "as_batch_iterator as_batch_iterators "
            "as_batched_numpy_iterator_from_tf "
            "as_numpy_iterator_from_slices build_cross_attention_mask "
            "build_padding_mask build_self_attention_mask combine_data "
            "cumsum decode_theta encode_unknown_theta event_indices "
            "flatten_blocks flatten_index_tuple flatten_structured pad_1d "
            "pad_2d pad_2d_cross pad_multidim_event prod"
        ),
        "util.early_stopping": "EarlyStopping",
        "util.types": "PyTree",
        "utils": "split_data",
    }
)
"""Names by module, separated by spaces: defined or imported there, without
methods."""

MODULES: tuple[str, ...] = tuple(
    sorted(
        {
            ".".join([LEGACY, *name.split(".")[:n]])
            for name in SURFACE
            for n in range(name.count(".") + 2)
        }
    )
)
"""The legacy modules and packages, all of which the bridge mirrors."""


def is_mirrored(qualified: str) -> bool:
    """Whether a full name is one of a legacy module, or an attribute of one.

    Examples
    --------
    >>> is_mirrored("sfmpe.cnf.CNF"), is_mirrored("sfmpe.cnf.CNF.sample")
    (True, True)
    >>> is_mirrored("sfmpe.utils.no_such_name")
    False
    """
    parts = qualified.split(".")
    return any(
        parts[n] in SURFACE.get(".".join(parts[1:n]), "").split()
        for n in range(2, len(parts))
    )
