"""Simulation of one batch: prior, functional inputs, simulator, tokens."""

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from tfmpe._base.arrays import PRNGKey
from tfmpe._base.errors import IrreproducibleWarning
from tfmpe._base.trees import Tree, flatten_tree, own_copy
from tfmpe.preprocessing.tokens.tokens import Tokens


class Simulation(NamedTuple):
    """Functions that make a batch, with options of ``Tokens.from_pytree``."""

    prior_fn: Any
    simulator_fn: Callable[..., Tree]
    functional_input_fn: Callable[..., Tree] | None
    independence: object
    options: Mapping[str, Any]

    def __call__(self, key: PRNGKey, n_samples: int) -> Tokens:
        """Simulate a batch; all its random numbers come from ``key``."""
        prior_key, inputs_key, simulator_key = jax.random.split(key, 3)
        try:
            drawn = _sample(self.prior_fn, prior_key, n_samples)
        except Exception as error:
            error.add_note(
                f"Raised by prior_fn(key, {n_samples}). Functions are passed "
                "in the order prior_fn, simulator_fn."
            )
            raise
        parameters = _as_dict(drawn, "prior_fn")
        inputs, given = None, ()
        if self.functional_input_fn is not None:
            inputs = self.functional_input_fn(inputs_key, own_copy(parameters))
            given = (own_copy(inputs),)
        observations = _as_dict(
            self.simulator_fn(simulator_key, own_copy(parameters), *given),
            "simulator_fn",
        )
        twice = sorted(set(parameters) & set(observations))
        if twice:
            raise ValueError(
                f"prior_fn and simulator_fn both return the keys {twice}. "
                "Return only the observations from simulator_fn."
            )
        tokens = Tokens.from_pytree(
            {**parameters, **observations},
            self.independence,
            inputs,
            **self.options,
        )
        if tokens.sample_shape != (n_samples,):
            raise ValueError(
                f"prior_fn was asked for {n_samples} samples, but its arrays "
                f"and those of simulator_fn have {tokens.sample_shape[0]}. "
                "The first axis of every array counts the samples."
            )
        return tokens


def check_functions(
    prior_fn: Any, simulator_fn: Any, functional_input_fn: Any
) -> None:
    """Raise a TypeError unless functions of a model have their arguments."""
    priors = prior_fn.values() if isinstance(prior_fn, Mapping) else [prior_fn]
    for prior in priors:
        if not hasattr(prior, "sample"):
            _check_function(prior, "prior_fn", ["key", "n"])
    arguments = ["key", "parameters"]
    if functional_input_fn is not None:
        _check_function(functional_input_fn, "functional_input_fn", arguments)
        arguments = [*arguments, "functional_inputs"]
    _check_function(simulator_fn, "simulator_fn", arguments)


def _check_function(function: Any, name: str, arguments: list[str]) -> None:
    expected = f"({', '.join(arguments)})"
    if not callable(function):
        raise TypeError(
            f"{name} is of type {type(function).__name__}, expected a function "
            f"of {expected}."
        )
    try:
        signature = inspect.signature(function)
    except ValueError:  # Written in C, for example.
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        raise TypeError(
            f"{name} must accept {expected}, but its signature is {signature}."
        ) from None


def _sample(prior: Any, key: PRNGKey, n_samples: int) -> Tree:
    """Draw from a function, a distribution, or a dictionary of these."""
    if isinstance(prior, Mapping):
        keys = jax.random.split(key, len(prior))
        return {
            name: _sample(each, each_key, n_samples)
            for (name, each), each_key in zip(prior.items(), keys, strict=True)
        }
    if hasattr(prior, "sample"):
        takes = inspect.signature(prior.sample).parameters
        if "seed" in takes:  # TensorFlow Probability
            return prior.sample(n_samples, seed=key)
        return prior.sample(key, (n_samples,))  # NumPyro
    return prior(key, n_samples)


def parameter_names(prior: Any) -> list[str]:
    """Return the keys of a prior's samples."""

    def draw(key: PRNGKey) -> dict[str, Any]:
        return _as_dict(_sample(prior, key, 1), "prior_fn")

    key = jax.random.key(0)
    try:
        tree = jax.eval_shape(draw, key)
    except Exception:
        # The prior may not be traceable; if it is wrong, it fails again.
        tree = draw(key)
    return [leaf.name for leaf in flatten_tree(tree, "prior_fn")]


def _as_dict(tree: Tree, name: str) -> dict[str, Any]:
    if hasattr(tree, "_asdict"):  # A joint distribution's named tuple
        tree = tree._asdict()
    if not isinstance(tree, Mapping):
        raise TypeError(
            f"{name} must return a dictionary of arrays, not a "
            f"{type(tree).__name__}. Use a key for every array."
        )
    return dict(tree)


def compiled(
    simulate: Callable[[PRNGKey], Tokens], key: PRNGKey, jit: bool | None
) -> Callable[[PRNGKey], Tokens]:
    """Return a simulation, compiled by default if traceable and repeatable.

    Random numbers that do not come from the key would be equal in every
    compiled batch; if tracing finds any, a warning is issued.
    """
    if jit is None:
        # A simulator may fail on tracers with any error; if it is wrong, the
        # call outside the trace raises its error.
        try:
            first, second = (_program(simulate, key) for _ in range(2))
        except Exception:
            jit = False
        else:
            jit = first == second
            if not jit:
                warnings.warn(
                    "The simulation draws numbers that do not come from its "
                    "key, so its batches cannot be repeated, and it is not "
                    "compiled. Derive every random number from the key.",
                    IrreproducibleWarning,
                    stacklevel=2,
                )
    return jax.jit(simulate) if jit else simulate


def _program(
    simulate: Callable[[PRNGKey], Tokens], key: PRNGKey
) -> tuple[Any, ...]:
    """Return the traced program in a form that can be compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A new function every time, because JAX caches traces per function.
        traced = jax.make_jaxpr(lambda key: simulate(key))(key)
    # Functions are printed with their addresses, which always differ.
    text = re.sub(r"0x[0-9a-f]+", "", str(traced.jaxpr))
    return text, [np.asarray(const).tobytes() for const in traced.consts]
