"""Writer of the golden masks of the three examples.

    python tests/golden/make_golden.py

The masks are from stored output of the legacy package, never from this one.
Every entry is named `<case>.<path in flat['masks']>`, after its stored case.
"""

from pathlib import Path

import numpy as np

from tfmpe.migrate.recordings.cases import Case
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder

GOLDEN = Path(__file__).resolve().parent
EXAMPLES = ("hierarchical_gaussian", "hierarchical_brownian", "seir")
BUILT = (
    "plain__own_rules",
    "indep__own__fwd",
    "indep__own__swap",
    "pad__per_sample__own_rules_index",
)


def golden_cases(example: str) -> list[Case]:
    """Return the stored cases with the example's own rules.

    These are the cases made for this purpose, and every call of a real run that
    created masks.
    """
    folder = stored_folder()
    cases = read_cases(folder / example / "flatten_structured.json", folder)
    return [
        case
        for case in cases
        if (case.name in BUILT or case.source.startswith("trace of"))
        and "masks" in case.output[0]
    ]


def masks_by_name(case_name: str, masks: dict) -> dict[str, np.ndarray]:
    """Return the arrays of a masks dict, by their names in a golden file."""
    return {
        f"{case_name}.{kind}.{side}": np.asarray(mask)
        for kind, sides in masks.items()
        for side, mask in sides.items()
    }


def main() -> None:
    """Write one npz per example."""
    for example in EXAMPLES:
        arrays: dict[str, np.ndarray] = {}
        for case in golden_cases(example):
            arrays |= masks_by_name(case.name, case.output[0]["masks"])
        np.savez_compressed(GOLDEN / f"{example}_masks.npz", **arrays)


if __name__ == "__main__":
    main()
