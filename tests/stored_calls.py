"""Access of the tests to the stored legacy calls."""

import functools
import random
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from nightly import some_of
from tfmpe.migrate.recordings.cases import Case
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder

_read = functools.cache(read_cases)


def stored_files(*functions: str) -> list[str]:
    """Return the stored files of some functions, such as ``'seir/pad_1d'``.

    Parameters
    ----------
    functions
        Names of files without their suffix, such as ``'pad_1d'``.
    """
    return [
        f"{example.name}/{function}"
        for example in sorted(stored_folder().iterdir())
        for function in functions
        if (example / f"{function}.json").exists()
    ]


def cases_of(file: str) -> list[Case]:
    """Return the cases of one stored file."""
    folder = stored_folder()
    return _read(folder / f"{file}.json", folder)


def stored_cases(*functions: str) -> list[Case]:
    """Return every stored case of some functions, by example and file."""
    return [
        case for file in stored_files(*functions) for case in cases_of(file)
    ]


def one_of_each(
    cases: Sequence[Case], kind: Callable[[Case], Hashable]
) -> list[Any]:
    """Return parameters: one of each kind drawn by seed, the others nightly."""
    drawn = random.Random(0).sample(cases, len(cases))
    kept = {kind(case): case for case in drawn}
    return some_of(cases, kept.values(), "stored calls")
