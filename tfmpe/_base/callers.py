"""Source line of the user's code that a warning is about."""

import inspect
import sys
import sysconfig
import threading
import warnings
from functools import lru_cache
from pathlib import Path
from types import FrameType

# Packages on the stack between the user's line and this package:
# transformations, modules, solvers, and wrappers of run-time type checkers.
_SKIPPED_PACKAGES = (
    "tfmpe",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "equinox",
    "diffrax",
    "numpy",
    "tensorflow_probability",
    "jaxtyping",
    "beartype",
)
_STANDARD = tuple(
    Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")
)
_INSTALLED = {"site-packages", "dist-packages"}
_ANY_ARGUMENTS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS

# File names of code that a type checker, import or decorator generated.
_GENERATED = ("<@", "<frozen ", "<decorator-gen")


def warn_at_caller(warning: Warning) -> None:
    """Warn at the innermost line of the user's own code.

    Unlike a fixed ``stacklevel``, this also works under ``jit``,
    ``jax.tree.map`` and decorators of other packages.
    """
    frame = _caller()
    warnings.warn_explicit(
        warning,
        type(warning),
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _caller() -> FrameType:
    """Return the innermost frame that belongs to no library or wrapper.

    In a pool thread, which has none, return that of the waiting main thread.
    """
    innermost = sys._getframe(1)
    main = sys._current_frames().get(threading.main_thread().ident or 0)
    return _own(innermost) or _own(main) or innermost


def _own(frame: FrameType | None) -> FrameType | None:
    while frame is not None and _passes_on(frame):
        frame = frame.f_back
    return frame


def _passes_on(frame: FrameType) -> bool:
    """Return whether a frame only passes a call on to this package."""
    file, flags = frame.f_code.co_filename, frame.f_code.co_flags
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    if package in _SKIPPED_PACKAGES or file.startswith(_GENERATED):
        return True
    installed, standard = _origin(file)
    # Installed code may be the user's, unless it takes arbitrary arguments.
    takes_anything = flags & _ANY_ARGUMENTS == _ANY_ARGUMENTS
    return takes_anything if installed else standard


@lru_cache(maxsize=1024)
def _origin(file: str) -> tuple[bool, bool]:
    """Return whether a file is installed, and whether it is part of Python."""
    path = Path(file)
    installed = not _INSTALLED.isdisjoint(path.parts)
    standard = any(path.is_relative_to(folder) for folder in _STANDARD)
    return installed, standard
