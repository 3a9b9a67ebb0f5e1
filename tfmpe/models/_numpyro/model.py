"""Model whose functions have the arguments that it was read with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import Tree
from tfmpe.models.model import Model
from tfmpe.preprocessing import Tokens

from .supports import VARIES


class NumpyroModel(Model):
    """A model from NumPyro, whose data have known supports."""

    def __init__(
        self, *args: Any, supports: Mapping[str, Any], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._supports = dict(supports)

    def condition(self, observed: Tree, **options: Any) -> Tokens:
        """Return Tokens with observed values; check their supports."""
        tokens = super().condition(observed, **options)
        if isinstance(tokens.data, Tracer):
            return tokens
        faults = []
        given = [n for n in self.conditioning_keys if n in tokens.layout]
        for name in given:
            support = self._supports[name]
            if support is VARIES:
                continue
            values = np.asarray(tokens[name])
            inside = np.asarray(support(values))
            # Numbers with a given sum may be rounded.
            if inside.shape != values.shape:
                continue
            # NaN is refused where values are used.
            wrong = ~(inside | np.isnan(values))
            if wrong.any():
                faults.append(
                    f"{wrong.sum()} of {wrong.size} values of {name!r} are "
                    f"outside of its support, {support}"
                )
        raise_faults(
            ValueError,
            "The model cannot produce these observed values, such as counts "
            "below 0 or codes for missing values",
            faults,
        )
        return tokens

    def check_arguments(self, tokens: Tokens) -> None:
        """Raise if data have other covariates, groups or sizes."""
        own = self._template
        faults = []
        for key in tokens.layout.keys:
            expected = own.layout[key.name]
            if key.event_shape != expected.event_shape:
                faults.append(
                    f"{key.name!r} has the event shape {key.event_shape}, not "
                    f"{expected.event_shape}"
                )
                continue
            if key.groups != expected.groups:
                names = [group.name for group in expected.groups]
                faults.append(f"{key.name!r} is in other groups of {names}")
            if not _same_inputs(own, tokens, key.name):
                faults.append(f"the functional inputs of {key.name!r} differ")
        raise_faults(
            ValueError,
            "These data do not fit the arguments that this model was read "
            "with. Pass model= (or its simulator_fn as simulator_fn=) of a "
            "model that from_numpyro reads with the arguments of the data",
            faults,
        )


def _same_inputs(a: Tokens, b: Tokens, name: str) -> bool:
    """Return whether all samples have the same functional inputs of a key."""
    mine, theirs = _inputs(a, name), _inputs(b, name)
    return mine.shape[-1] == theirs.shape[-1] and bool(
        np.isclose(mine, theirs, rtol=1e-5).all()
    )


def _inputs(
    tokens: Tokens, name: str
) -> Float[np.ndarray, "*sample tokens inputs"]:
    """Return the functional inputs of a key, of width 0 if it has none."""
    key = tokens.layout[name]
    if tokens.functional_inputs is None:
        return np.zeros((key.n_tokens, 0))
    found = np.asarray(tokens.functional_inputs)
    return found[..., key.block, : key.n_inputs or 0]
