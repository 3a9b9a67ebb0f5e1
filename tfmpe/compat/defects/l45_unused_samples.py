"""Defect L45: posterior samples that a test takes but does not use."""

from tfmpe.compat.legacy_warnings import LegacyWarning


class UnusedSamplesWarning(LegacyWarning):
    """The samples of a posterior were not tested (L45)."""

    code = "L45"


def warn_of_samples() -> None:
    """Warn that ``apply_lc2stnf`` does not use posterior samples."""
    UnusedSamplesWarning.warn(
        "apply_lc2stnf does not use posterior_samples: it tests the inverse "
        "of the flow at the observation. To test samples, train with "
        "metrics.lc2st.train_lc2st_classifiers and call evaluate_lc2st."
    )
