"""Tolerances between legacy results and bridge results."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from tfmpe.migrate.replay.compare import Tolerance
from tfmpe.migrate.replay.targets import REPLAYED

ONE_CALL = Tolerance(1e-5, 1e-4, "rounding of one evaluation")
"""Tolerance for a network, and for each of its layers."""

_DRAWS = REPLAYED["StructuredCNF.sample"]
_FIT = Tolerance(1e-5, 1e-4, "rounding, carried through all steps")
_ROUNDS = Tolerance(1e-4, 1e-3, "rounding, carried through all rounds")
_STATISTIC = Tolerance(1e-5, 1e-4, "rounding of a statistic")
_FORMULA = Tolerance(1e-6, 1e-6, "a formula in another order")
_OF_NETWORKS = "*.vector_field", "*.encode", "*.decode", "*.__call__"

TRAINING = {
    **dict.fromkeys(("*.fit", "fit_*", "train_l*", "precompute_null_*"), _FIT),
    **dict.fromkeys(("train_fmpe_rounds", "train_bottom_up"), _ROUNDS),
}
"""Names of training calls, with tolerances of losses and weights."""

# The first matching pattern applies; without one, comparison is exact.
_TOLERANCES = TRAINING | {
    "PyTreeBijector.*": Tolerance(2e-5, 2e-5, "rounding of a bijector"),
    "create_zscaling_*": Tolerance(1e-4, 1e-4, "rounding of a mean"),
    **dict.fromkeys(("theta_t_linear", "ut_linear"), _FORMULA),
    **dict.fromkeys(
        ("sample_power_law", "evaluate_l*", "mmd_test"), _STATISTIC
    ),
    **dict.fromkeys(("*.sample", "*.sample_*"), _DRAWS),
    "*.log_prob*": REPLAYED["StructuredCNF.log_prob"],
    **dict.fromkeys(_OF_NETWORKS, ONE_CALL),
}

_PICTURE = "draws a picture and returns no numbers"
_FILES = "writes pictures, which a second call would overwrite"
_USED_UP = "its result can be read only once"

NOT_COMPARED = {
    "lc2st_quant_plot": _PICTURE,
    "plot_*": _PICTURE,
    "train_l_c2st_nf_main_classifier": _FILES,
    "apply_lc2stnf": _FILES,
    "DataLoader*": _USED_UP,
    "as_*_iterator*": _USED_UP,
}
"""Names whose calls are not compared, and why."""


def tolerance_of(name: str, of_network: bool) -> Tolerance | None:
    """Return the tolerance of a function; None for an exact comparison."""
    found = matching(name, _TOLERANCES)
    if found is None or isinstance(found, Tolerance):
        return found
    return found.of_network if of_network else found.tolerance


def matching(name: str, patterns: Mapping[str, Any]) -> Any:
    """Return the table's entry for the first pattern that matches a name."""
    return next((x for p, x in patterns.items() if fnmatchcase(name, p)), None)
