"""The old side: what the legacy package does, by whom it is done.

Either the plain oracle of the tests, or an installed package with the legacy
names, such as the legacy package itself.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tfmpe.migrate.replay.oracle import load_oracle

__all__ = ["Legacy", "LegacyModuleError", "from_module", "from_oracle"]

ORACLE = "oracle"
"""What the old side is called where it is the oracle."""

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
    """A module was named that is no legacy package.

    Parameters
    ----------
    name
        What was named.
    fault
        What it lacks.
    """

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
        The functions on data, by their legacy names.
    sample : callable
        ``sample(field, noise, **nine arguments)``: the flow's call.
    posterior : callable
        ``posterior(field, **arguments)``: the estimator's.
    """

    name: str
    functions: Mapping[str, Callable[..., Any]]
    sample: Callable[..., Any]
    posterior: Callable[..., Any]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a function on data by its legacy name."""
        functions = object.__getattribute__(self, "functions")
        if name in functions:
            return functions[name]
        raise AttributeError(f"the old side {self.name!r} has no {name!r}")

    def recorded(self, function: str) -> Callable[..., Any]:
        """Return the own version of a recorded function, for replaying.

        Parameters
        ----------
        function : str
            Its recorded name, such as ``'StructuredCNF.sample'``.

        Returns
        -------
        callable
            A method of a flow takes a ``Setting`` first.
        """
        if "." not in function:
            return self.functions[function]
        called = (
            self.sample
            if function.startswith("StructuredCNF")
            else self.posterior
        )

        def call(setting: Any, /, *args: Any, **kwargs: Any) -> Any:
            return called(setting.field, *args, rngs=setting.rngs, **kwargs)

        return call


def from_oracle() -> Legacy:
    """Return the oracle as the old side.

    Raises
    ------
    OracleError
        If it cannot be found.
    """
    oracle = load_oracle()

    def keyed(call: Callable[..., Any]) -> Callable[..., Any]:
        def of_rngs(
            field: Any, *args: Any, rngs: Any = None, **kwargs: Any
        ) -> Any:
            if kwargs.get("theta_0") is None and rngs is not None:
                kwargs["key"] = rngs.base_dist()
            return call(_plain(oracle, field), *args, **kwargs)

        return of_rngs

    return Legacy(
        ORACLE,
        {name: getattr(oracle, name) for name in _FUNCTIONS},
        keyed(oracle.sample),
        keyed(oracle.sample_posterior_encoded),
    )


def _plain(oracle: Any, field: Any) -> Any:
    """Return the oracle's own network for the bridge's."""
    from tfmpe.compat.nn.transformer import Transformer, parameters

    if isinstance(field, Transformer):
        weights = parameters.read_parameters(field)
        return partial(oracle.transformer, weights)
    return field


def from_module(name: str) -> Legacy:
    """Return an installed package as the old side.

    Parameters
    ----------
    name : str
        The package that has the legacy modules, such as ``'sfmpe'``.

    Raises
    ------
    LegacyModuleError
        If it is not installed, or lacks a module or a function.

    Examples
    --------
    >>> from_module("tfmpe.compat").name
    'tfmpe.compat'
    """
    functions = {
        function: _import(name, module, function)
        for function, module in _FUNCTIONS.items()
    }

    def flow(field: Any, rngs: Any) -> Any:
        from flax import nnx

        made = _import(name, "structured_cnf", "StructuredCNF")
        return made(field, rngs=nnx.Rngs(0) if rngs is None else rngs)

    def sample(field: Any, *args: Any, rngs: Any = None, **kwargs: Any) -> Any:
        return flow(field, rngs).sample(*args, **kwargs)

    def posterior(
        field: Any, *args: Any, rngs: Any = None, **kwargs: Any
    ) -> Any:
        from flax import nnx

        made = _import(name, "sfmpe", "SFMPE")
        estimator = made(
            flow(field, rngs), rngs=nnx.Rngs(0) if rngs is None else rngs
        )
        return estimator.sample_posterior_encoded(*args, **kwargs)

    return Legacy(name, functions, sample, posterior)


def _import(package: str, module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"{package}.{module}"), name)
    except ModuleNotFoundError as error:
        raise LegacyModuleError(
            package, f"there is no module {error.name}"
        ) from error
    except ImportError as error:
        raise LegacyModuleError(
            package, f"{package}.{module} cannot be imported ({error})"
        ) from error
    except AttributeError as error:
        raise LegacyModuleError(
            package, f"{package}.{module} has no {name}"
        ) from error
    except ValueError as error:
        raise LegacyModuleError(package, str(error)) from error
