"""Defect L17: joins that use y's number of samples and always pad axis 1."""

from collections.abc import Mapping
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class SamplesMixedUpWarning(LegacyWarning):
    """Masks and labels do not match the samples of the joined data (L17)."""

    code = "L17"


def n_samples(data: Mapping[str, Any]) -> int:
    """Return the number of samples of y, used for labels and masks."""
    return data["y"].shape[0]


def check_samples(number: int, data: Mapping[str, Any]) -> None:
    """Warn if the numbers of samples differ, or there are two sample axes."""
    for side, array in data.items():
        if array.ndim > 3:
            SamplesMixedUpWarning.warn(
                f"data[{side!r}] of argument {number} of combine_data has "
                f"the shape {array.shape}: its second sample axis is padded "
                "as if it were tokens. Flatten the sample axes first."
            )
    samples = {side: array.shape[0] for side, array in data.items()}
    if len(set(samples.values())) > 1:
        SamplesMixedUpWarning.warn(
            f"argument {number} of combine_data has {samples} samples; "
            "labels, masks and index get as many rows as y. Repeat y first."
        )
