"""Types that several modules share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Protocol,
    SupportsIndex,
    TypeAlias,
    runtime_checkable,
)

import numpy as np
from jaxtyping import Num, PyTree

from tfmpe._base.arrays import AnyArray as AnyArray
from tfmpe._base.arrays import PRNGKey as PRNGKey
from tfmpe.preprocessing import Independence, StoredDataset, Tokens, TokenView

AnyTokens: TypeAlias = Tokens | TokenView
"""An object with data, layout, padding and functional inputs."""

ArrayTree: TypeAlias = dict[str, Any]
"""Nested dictionaries of arrays."""

Simulations: TypeAlias = AnyTokens | StoredDataset | Iterable[AnyTokens]
PerKey: TypeAlias = SupportsIndex | Mapping[str, Any] | None
"""One number for all keys, or a tree of numbers."""

Rules: TypeAlias = Independence | Mapping[str, Any] | None

Values: TypeAlias = Num[AnyArray, "n *sample tokens width"] | AnyTokens
"""Draws of target values, as an array or as Tokens."""

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes

    Arrays: TypeAlias = Any
else:  # Matplotlib may be missing; type checkers do not know PyTree.
    Axes = Any
    Arrays = PyTree[AnyArray]

SomeAxes: TypeAlias = Axes | Sequence[Axes] | np.ndarray


@runtime_checkable
class Sampler(Protocol):
    """An object with the ``sample`` method of an estimator."""

    @property
    def sample(self) -> Callable[..., Tokens]:
        """See :meth:`FlowMatchingEstimator.sample`."""
        ...


@runtime_checkable
class TFPBijector(Protocol):
    """A bijector of TensorFlow Probability."""

    def inverse_log_det_jacobian(self, *args: Any, **options: Any) -> Any:
        """Return the log determinant of the Jacobian of the inverse."""
        ...


@runtime_checkable
class NumPyroTransform(Protocol):
    """A transform of NumPyro."""

    def log_abs_det_jacobian(self, *args: Any, **options: Any) -> Any:
        """Return the log absolute determinant of the Jacobian."""
        ...


BijectorLike: TypeAlias = (
    Sequence[Callable[..., Any]] | TFPBijector | NumPyroTransform
)
"""See :meth:`tfmpe.Standardizer.fit`."""
