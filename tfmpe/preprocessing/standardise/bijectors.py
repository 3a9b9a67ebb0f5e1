"""Maps between bounded and unbounded values, from three sources.

The sources are functions, bijectors of TensorFlow Probability and transforms of
NumPyro. The last two map unbounded to bounded values in their forward
direction. A standardizer starts with the opposite direction, so ``forward`` is
their inverse here. Neither package is imported.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tfmpe._base.arrays import AnyArray
from tfmpe._base.errors import raise_faults, unknown_key


class Bijector(NamedTuple):
    """Functions of one number; hashable, and equal if the functions are equal.

    The last function is the log of ``|d to_unbounded / d value|`` at a bounded
    value; by default JAX computes it.
    """

    to_unbounded: Callable[[Any], Any]
    to_bounded: Callable[[Any], Any]
    to_unbounded_log_det: Callable[[Any], Any] | None = None

    def forward(self, values: AnyArray) -> Array:
        """Return unbounded values, element by element."""
        return jnp.vectorize(self.to_unbounded)(values)

    def inverse(self, values: AnyArray) -> Array:
        """Return bounded values, element by element."""
        return jnp.vectorize(self.to_bounded)(values)

    def log_det(self, values: AnyArray) -> Array:
        """Return log |d forward / d value|, element by element."""
        log_det = self.to_unbounded_log_det
        if log_det is None:
            slope = jax.grad(self.to_unbounded)
            return jnp.log(jnp.abs(jnp.vectorize(slope)(values)))
        return jnp.vectorize(log_det)(values)


@dataclass(frozen=True)
class _TFPLogDet:
    """Log derivative; equal if its method is, unlike ``functools.partial``."""

    method: Callable[..., Any]

    def __call__(self, bounded: AnyArray) -> Array:
        return self.method(bounded, event_ndims=0)


@dataclass(frozen=True)
class _NumPyroLogDet:
    """Log derivative; its method also needs the result of the inverse."""

    inverse: Callable[[Any], Any]
    method: Callable[[Any, Any], Any]

    def __call__(self, bounded: AnyArray) -> Array:
        return self.method(bounded, self.inverse(bounded))


def read_bijectors(given: object, names: Iterable[str]) -> dict[str, Bijector]:
    """Read the bijectors of some keys; all must act on single numbers."""
    if not isinstance(given, Mapping):
        raise TypeError(
            "bijectors must be a mapping from keys to bijectors, not "
            f"{given!r} of type {type(given).__name__}."
        )
    names = list(names)
    for name in given:
        if name not in names:
            raise unknown_key(name, names)
    bijectors = {name: _read(name, value) for name, value in given.items()}
    faults = [
        f"the bijector of {name!r} {fault}"
        for name, bijector in bijectors.items()
        if (fault := _fault(bijector))
    ]
    raise_faults(
        ValueError,
        "Bijectors must act on single numbers and be written with jax.numpy",
        faults,
    )
    return bijectors


def _read(name: str, given: Any) -> Bijector:
    # Bound methods of the same object are equal and hashable, even if the
    # object cannot be hashed.
    if hasattr(given, "inverse_log_det_jacobian"):
        log_det = _TFPLogDet(given.inverse_log_det_jacobian)
        return Bijector(given.inverse, given.forward, log_det)
    if hasattr(given, "log_abs_det_jacobian"):
        inverse = given.inv.__call__
        log_det = _NumPyroLogDet(inverse, given.inv.log_abs_det_jacobian)
        return Bijector(inverse, given.__call__, log_det)
    if (
        isinstance(given, (tuple, list))
        and len(given) in (2, 3)
        and all(map(callable, given))
    ):
        return Bijector(*given)
    raise TypeError(
        f"The bijector of {name!r} is {given!r} of type "
        f"{type(given).__name__}, expected functions (forward, inverse) or "
        "(forward, inverse, forward_log_det) with forward from bounded to "
        "unbounded values, a bijector of TensorFlow Probability, or a "
        "transform of NumPyro."
    )


def _fault(bijector: Bijector) -> str:
    """Apply every function to an abstract number; return a fault, if any."""
    number = jax.ShapeDtypeStruct((), jnp.float32)
    for function in filter(None, bijector):
        try:
            # JAX makes weak references, which not all callables allow.
            result = jax.eval_shape(lambda x, f=function: f(x), number)
        except Exception as error:
            text = textwrap.shorten(str(error), 200)
            return f"raises {type(error).__name__} for a number ({text})"
        if getattr(result, "shape", None) != ():
            return f"returns {result} for a number"
    return ""
