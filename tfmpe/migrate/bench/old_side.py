"""The legacy names, by whom they are provided.

By the plain oracle, by an installed package such as the legacy package
itself, or by the bridge: a benchmark calls all of them alike.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tfmpe.migrate import oracle

__all__ = ["Legacy", "LegacyModuleError", "bridge_side", "old_side"]

ORACLE = "oracle"

# The legacy names by the legacy modules that hold them.
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
    """A module was named that is not a legacy package."""

    def __init__(self, name: str, fault: str):
        super().__init__(
            f"{name!r} cannot stand for the legacy package: {fault}. "
            "Give the name of an installed package that has the legacy "
            "modules, such as sfmpe."
        )


@dataclass(frozen=True)
class Legacy:
    """The legacy functions.

    Attributes
    ----------
    name : str
        ``'oracle'``, or the package.
    functions : mapping of str to callable
        The functions on data, by their legacy names; attributes as well.
    sampler : callable
        ``sampler(field, rngs)`` returns ``StructuredCNF.sample``.
    posterior : callable
        ``posterior(field, rngs)`` returns
        ``SFMPE.sample_posterior_encoded``.
    """

    name: str
    functions: Mapping[str, Callable[..., Any]]
    sampler: Callable[[Any, Any], Callable[..., Any]]
    posterior: Callable[[Any, Any], Callable[..., Any]]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a function on data by its legacy name."""
        functions = object.__getattribute__(self, "functions")
        if name in functions:
            return functions[name]
        raise AttributeError(f"the old side {self.name!r} has no {name!r}")

    def recorded(self, function: str) -> Callable[..., Any]:
        """Return the own version of a recorded function, for replaying.

        A method of a flow, such as ``'StructuredCNF.sample'``, takes the
        setting of its recording first.
        """
        if "." not in function:
            return self.functions[function]
        of_flow = function.startswith("StructuredCNF")
        make = self.sampler if of_flow else self.posterior

        def call(setting: Any, /, *args: Any, **kwargs: Any) -> Any:
            return make(setting.field, setting.rngs)(*args, **kwargs)

        return call


def old_side(name: str) -> Legacy:
    """Return the old side: the oracle, or an installed package.

    Raises
    ------
    LegacyModuleError
        If it is not installed, or a module or a function is missing.

    Examples
    --------
    >>> old_side("oracle").name
    'oracle'
    """
    if name != ORACLE:
        return _from_module(name)
    return Legacy(
        ORACLE,
        {name: getattr(oracle, name) for name in _FUNCTIONS},
        partial(_keyed, oracle.sample),
        partial(_keyed, oracle.sample_posterior_encoded),
    )


def bridge_side() -> Legacy:
    """Return the bridge, which has the legacy names as well."""
    return _from_module("tfmpe.compat")


def _keyed(call: Callable[..., Any], field: Any, rngs: Any) -> Any:
    from tfmpe.compat.nn.transformer import Transformer, parameters

    if isinstance(field, Transformer):  # of the bridge; here, a function
        weights = parameters.read_parameters(field)
        field = partial(oracle.transformer, weights)

    def of_rngs(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("theta_0") is None:
            kwargs["key"] = rngs.base_dist()
        return call(field, *args, **kwargs)

    return of_rngs


def _from_module(name: str) -> Legacy:
    def flow(field: Any, rngs: Any) -> Any:
        made = _import(name, "structured_cnf", "StructuredCNF")
        return made(field, rngs=rngs)

    def posterior(field: Any, rngs: Any) -> Any:
        made = _import(name, "sfmpe", "SFMPE")
        return made(flow(field, rngs), rngs=rngs).sample_posterior_encoded

    return Legacy(
        name,
        {f: _import(name, module, f) for f, module in _FUNCTIONS.items()},
        lambda field, rngs: flow(field, rngs).sample,
        posterior,
    )


def _import(package: str, module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"{package}.{module}"), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise LegacyModuleError(package, str(error)) from error
