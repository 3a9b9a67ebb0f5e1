"""Defect L44: classifiers that fail unless training rows fill all batches."""

from collections.abc import Collection


def check_rows(n_train: int, batch_size: int, fixes: Collection[str]) -> None:
    """Raise an error if the training rows do not fill all batches.

    Raises
    ------
    AssertionError
        If the last batch would not be full, unless L44 is fixed.
    """
    if "L44" in fixes or n_train % batch_size == 0:
        return
    raise AssertionError(
        f"Batch size ({batch_size}) must divide n_train ({n_train}), which is "
        "int(0.8 rows): choose another batch_size, or pass fix=['L44']."
    )
