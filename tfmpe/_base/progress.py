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
    """Return a context manager that yields a tqdm bar, or None if not wanted.

    The default label stays until the first :func:`advance`. In a file, which
    keeps every redraw, the bar is redrawn less often.
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

    The call that ends "compiling" waits for its result, so that compilation
    does not count in the speed and the remaining time.
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
