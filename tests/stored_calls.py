"""The stored legacy calls, as tests ask for them."""

import functools

from tfmpe.migrate.recordings.cases import Case
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder

_read = functools.cache(read_cases)


def stored_cases(*functions: str) -> list[Case]:
    """Return every stored case of some functions, by example and file.

    Parameters
    ----------
    functions
        Names of files without their suffix, such as ``'flatten_structured'``.
    """
    folder = stored_folder()
    return [
        case
        for example in sorted(folder.iterdir())
        for function in functions
        if (file := example / f"{function}.json").exists()
        for case in _read(file, folder)
    ]
