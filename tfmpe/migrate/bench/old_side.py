"""Legacy functions from the oracle, an installed package, or the bridge."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tfmpe.migrate import oracle

ORACLE = "oracle"
SAMPLE = "StructuredCNF.sample"
POSTERIOR = "SFMPE.sample_posterior_encoded"

# Legacy names, by the legacy module that defines them.
_FUNCTIONS = {
    "flatten_structured": "util.dataloader",
    "combine_data": "util.dataloader",
    "decode_theta": "util.dataloader",
    "build_self_attention_mask": "util.dataloader",
    "split_data": "utils",
    "_flatten_index": "util.dataloader",
    "_make_attention_masks": "sfmpe",
}


class LegacyModuleError(ValueError):
    """The given module is not a legacy package."""


@dataclass(frozen=True)
class Legacy:
    """Legacy functions by name; functions on data are also attributes.

    ``functions['StructuredCNF.sample']`` and
    ``functions['SFMPE.sample_posterior_encoded']`` take a field and rngs, and
    return the method.
    """

    name: str
    functions: Mapping[str, Callable[..., Any]]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a legacy function on data by name."""
        if name in _FUNCTIONS:
            return self.functions[name]
        raise AttributeError(name)


def old_side(name: str) -> Legacy:
    """Return the legacy functions of the oracle or of an installed package."""
    if name != ORACLE:
        return _from_module(name)
    functions = {name: getattr(oracle, name) for name in _FUNCTIONS}

    def sample(field: Any, rngs: Any) -> Any:
        return partial(oracle.sample, field)

    def posterior(field: Any, rngs: Any) -> Any:
        return partial(oracle.sample_posterior_encoded, field)

    return Legacy(name, {**functions, SAMPLE: sample, POSTERIOR: posterior})


def _from_module(name: str) -> Legacy:
    functions = {f: _import(name, home, f) for f, home in _FUNCTIONS.items()}

    def flow(field: Any, rngs: Any) -> Any:
        made = _import(name, "structured_cnf", "StructuredCNF")
        return made(field, rngs=rngs)

    def sample(field: Any, rngs: Any) -> Any:
        return flow(field, rngs).sample

    def posterior(field: Any, rngs: Any) -> Any:
        made = _import(name, "sfmpe", "SFMPE")
        return made(flow(field, rngs), rngs=rngs).sample_posterior_encoded

    return Legacy(name, {**functions, SAMPLE: sample, POSTERIOR: posterior})


def _import(package: str, module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"{package}.{module}"), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise LegacyModuleError(
            f"{package!r} is not a legacy package: {error}. Pass the name of "
            "the installed legacy package, such as 'sfmpe'."
        ) from error
