"""Finding the line of a person's code that a warning is about."""

import sys
import warnings
from types import FrameType

# Between that line and this package lie only these: transformations, modules
# and solvers, and the wrappers of run-time type checkers.
_SKIPPED_PACKAGES = (
    "tfmpe",
    "jax",
    "jaxlib",
    "flax",
    "equinox",
    "diffrax",
    "jaxtyping",
    "beartype",
)


def warn_at_caller(warning: Warning) -> None:
    """Warn at the innermost line outside this package and jax.

    So the line is the user's own also under ``jit`` or ``jax.tree.map``,
    which a count of stack levels cannot give.
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
    frame = innermost = sys._getframe(1)
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        generated = frame.f_code.co_filename.startswith("<@")
        if package not in _SKIPPED_PACKAGES and not generated:
            return frame
        frame = frame.f_back
    return innermost
