"""Progress bars on the error stream, for calls that take long."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax

from .extras import import_extra

_COMPILING = "compiling"


def progress_bar(
    wanted: bool,
    total: int,
    unit: str,
    label: str = _COMPILING,
    initial: int = 0,
) -> AbstractContextManager[Any]:
    """Return a context manager that yields a bar of tqdm, or None.

    The default label stays until the first :func:`advance`. In a file, where
    every redrawn bar stays, it is redrawn less often.
    """
    if not wanted:
        return nullcontext()
    tqdm = import_extra("tqdm.auto", "data", "progress=True needs tqdm")
    seen = sys.stderr.isatty() or "ipykernel" in sys.modules
    return tqdm.tqdm(
        desc=label,
        unit=unit,
        initial=initial,
        total=total,
        mininterval=0.1 if seen else 10,
    )


def advance(bar: Any, label: str, result: Any = None, n: int = 1) -> bool:
    """Move a bar, unless it is None, and return whether it was redrawn.

    Waits for the first result, which includes compilation; the speed and the
    time left are those of the others.
    """
    if bar is None:
        return False
    if not bar.desc.startswith(_COMPILING):
        return bool(bar.update(n))
    jax.block_until_ready(result)
    done = bar.n + n
    bar.reset()
    bar.initial = bar.n = bar.last_print_n = done
    bar.set_description(label)
    return True
