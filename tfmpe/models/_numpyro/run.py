"""Runs of a NumPyro model that ignore its observed values."""

import copy
import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tfmpe._base.arrays import PRNGKey

DATA = "tfmpe_data"
"""Name under which a site keeps its observed values."""


class Run:
    """A NumPyro model with its arguments, run without observed values."""

    def __init__(
        self, model: Callable[..., Any], args: tuple[Any, ...], kwargs: Any
    ) -> None:
        self.model = model
        self._bound = bound(model, args, kwargs)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the model by name."""
        return dict(self._bound.arguments)

    def with_arguments(self, arguments: Mapping[str, Any]) -> "Run":
        """Return the model with other arguments."""
        new = copy.copy(self)
        new._bound = inspect.BoundArguments(
            self._bound.signature, OrderedDict(arguments)
        )
        return new

    def trace(
        self, key: PRNGKey, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the sample sites of one run, some with given values."""
        return {
            name: site
            for name, site in self.messages(key, values).items()
            if site["type"] == "sample"
        }

    def draw(
        self, key: PRNGKey, n: int, values: Mapping[str, Any] | None = None
    ) -> dict[str, Array]:
        """Return values of all sites in ``n`` runs; some may be given."""

        def once(key: PRNGKey, given: Mapping[str, Any]) -> dict[str, Any]:
            trace = self.trace(key, given)
            return {name: site["value"] for name, site in trace.items()}

        return jax.vmap(once)(jax.random.split(key, n), dict(values or {}))

    def messages(
        self, key: Any, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return all sites of one run."""
        import numpyro
        from numpyro import handlers

        self.last = ""
        given = handlers.substitute(self._free(), data=dict(values or {}))
        with numpyro.validation_enabled(False):
            return handlers.trace(handlers.seed(given, key)).get_trace(
                *self._bound.args, **self._bound.kwargs
            )

    def _free(self) -> Callable[..., Any]:
        """Return the model with a handler that removes observed values."""
        from numpyro.primitives import Messenger

        run = self

        class Free(Messenger):
            def process_message(self, msg: dict[str, Any]) -> None:
                if msg["type"] == "prng_key":
                    raise ValueError(
                        "The model draws random numbers outside of sample "
                        "sites, with numpyro.prng_key. Move these draws into "
                        "the `sample` method of a NumPyro Distribution."
                    )
                if msg["type"] == "plate":
                    size, part = msg["args"]
                    if part not in (None, size):
                        raise ValueError(
                            f"The plate {msg['name']!r} has subsample_size "
                            f"{part}, so the model would simulate only {part} "
                            f"of its {size} elements. Remove subsample_size."
                        )
                    # Concrete under jit too, so that it can index a NumPy
                    # array.
                    with jax.ensure_compile_time_eval():
                        msg["value"] = jnp.arange(size)
                if msg["type"] != "sample":
                    return
                run.last = msg["name"]
                in_scan = msg.get("_control_flow_done")
                if not msg["is_observed"]:
                    if msg["value"] is not None and not in_scan:
                        raise ValueError(
                            f"{run.last!r} has a given value, such as from "
                            "numpyro.handlers.substitute, so that it is not "
                            "drawn. Pass the model without it."
                        )
                    return
                if in_scan:
                    raise ValueError(
                        f"{run.last!r} has observed values inside NumPyro's "
                        "scan, which keep it from being simulated. Pass None "
                        "instead of the values."
                    )
                msg["infer"] = {**msg["infer"], DATA: msg["value"]}
                msg["is_observed"], msg["value"] = False, None

        return Free(self.model)


def name_of(model: Any) -> str:
    """Return the name of a function, or another object as text."""
    return getattr(model, "__name__", repr(model))


def bound(
    model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    """Return the arguments of a model by name; raise if they do not fit."""
    if not callable(model):
        raise TypeError(
            f"The model is of type {type(model).__name__}, expected a function "
            "with numpyro.sample sites."
        )
    try:
        signature = inspect.signature(model)
    except ValueError:  # A callable without a signature
        signature = inspect.signature(_anything)
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(
            f"The arguments do not fit {name_of(model)}{signature}: {error}. "
            "Pass all arguments of the model to from_numpyro, with None for "
            "observed values."
        ) from None


def _anything(*args: Any, **kwargs: Any) -> None:
    """Do nothing; the signature stands for any arguments."""
