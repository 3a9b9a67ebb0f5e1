"""Types that the annotations of several files share."""

from collections.abc import Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Protocol,
    SupportsIndex,
    TypeAlias,
    runtime_checkable,
)

import numpy as np
from jaxtyping import Array, Key, UInt32

from tfmpe.preprocessing import Independence, Tokens, TokenView
from tfmpe.preprocessing.tokens.detached import DetachedView

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:  # Matplotlib may be missing.
    Axes = Any

AnyArray: TypeAlias = Array | np.ndarray
PRNGKey: TypeAlias = Key[Array, ""] | UInt32[AnyArray, " words"]
AnyTokens: TypeAlias = Tokens | TokenView
AnyView: TypeAlias = Tokens | TokenView | DetachedView
"""Whatever has data, layout, padding and functional inputs."""

ArrayTree: TypeAlias = dict[str, Any]
"""Nested dictionaries of arrays."""

PerKey: TypeAlias = SupportsIndex | Mapping[str, Any] | None
"""One number for all keys, or a tree of numbers."""

Rules: TypeAlias = Independence | Mapping[str, Any] | None
SomeAxes: TypeAlias = Axes | Sequence[Axes] | np.ndarray


@runtime_checkable
class Sampler(Protocol):
    """An object with the ``sample`` method of an estimator."""

    @property
    def sample(self) -> Any:
        """See :meth:`FlowMatchingEstimator.sample`."""
        ...
