"""Calls of the recorded runs of bottom-up training."""

from stored_calls import stored_cases


def calls_of_run(example, run, *files):
    """Return the recorded calls of some functions in one run, in order."""
    found = [
        case
        for case in stored_cases(*files)
        if case.example == example and case.name.startswith(f"{run}__trace")
    ]
    return sorted(found, key=lambda case: case.seq)
