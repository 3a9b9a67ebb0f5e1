"""The stored legacy calls, as tests ask for them."""

import functools

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
