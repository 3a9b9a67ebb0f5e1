"""Closed-form functions that recordings of format 2 pass to the package."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import random

from tfmpe.migrate.oracle.fields import FIELDS

from .weights import value_of


def _level(context: Any) -> Any:
    return jnp.tanh(context).mean(-1, keepdims=True)


def _tanh(theta: Any, time: Any, context: Any) -> Any:
    pull = 0.5 * jnp.sin(theta) - 0.3 * theta * (1 + time)
    return pull + 0.4 * jnp.cos(2 * time) * (1 + _level(context))


def _skew(theta: Any, time: Any, context: Any) -> Any:
    i, j = jnp.mgrid[: theta.shape[-1], : theta.shape[-1]]
    K = 0.4 * jnp.sign(j - i) / (1 + jnp.abs(j - i))
    return theta @ K.T + 0.3 * jnp.cos(2 * time) * (1 + _level(context))


def _decay(theta: Any, time: Any, context: Any) -> Any:
    return -0.5 * theta + 0.2 * time + 0.1 * _level(context)


_PLAIN_FIELDS = {"tanh_v1": _tanh, "skew_v1": _skew, "decay_v1": _decay}


@cache
def field_class(base: type, name: str) -> Callable[..., Any]:
    """Return an unstructured field as a subclass of `VectorFieldModel`."""
    if name == "affine_v1":
        return type("Affine", (_Affine, base), {})
    # The name of the class is recorded too.
    class_name = name.removesuffix("_v1").capitalize()
    formula = _PLAIN_FIELDS[name]

    def call(self: Any, theta: Any, time: Any, context: Any) -> Any:
        return formula(theta, time, context)

    return type(class_name, (base,), {"__call__": call})


class _Affine:
    """A trainable function: theta w + time b + context c."""

    def __init__(self, d: int, c: int):
        i = jnp.arange(d, dtype=jnp.float32)
        k = jnp.arange(c, dtype=jnp.float32)[:, None]
        self.w = nnx.Param(0.1 * jnp.cos(i))
        self.b = nnx.Param(0.1 * jnp.sin(i + 1.0))
        self.c = nnx.Param(0.05 * jnp.cos(k + 2.0 * i[None]))

    def __call__(self, theta: Any, time: Any, context: Any) -> Any:
        w, b, c = map(value_of, (self.w, self.b, self.c))
        return theta * w + time * b + context @ c


@cache
def _structured_class(name: str) -> type:
    # The name of the class is recorded too.
    kind = "V1" if name == "closed_form_v1" else name.split("_")[0].capitalize()
    return type(kind, (_Structured,), {})


def structured_field(name: str) -> nnx.Module:
    """Return a structured field as a module, called by position or keyword."""
    return _structured_class(name)(name)


_TEN = (
    *("context", "context_label", "context_index", "context_mask"),
    *("theta", "theta_label", "theta_index", "theta_mask"),
    *("cross_mask", "time"),
)


class _Structured(nnx.Module):
    def __init__(self, name: str):
        self._formula = FIELDS[name]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._formula(**dict(zip(_TEN, args, strict=False)) | kwargs)


class PlainModel(nnx.Module):
    """A trainable model that maps u (n, d) to the n values of u w + b."""

    def __init__(self, d: int):
        self.w = nnx.Param(0.3 * jnp.cos(jnp.arange(d, dtype=jnp.float32)))
        self.b = nnx.Param(jnp.zeros(()))

    def __call__(self, u: Any) -> Any:
        """Return one value for each row."""
        return u @ value_of(self.w) + value_of(self.b)


class Stub:
    """A distribution of `d` numbers, normal or uniform."""

    def __init__(
        self, kind: str, d: int = 1, loc: float = 0.0, scale: float = 1.0
    ):
        self._draw = {"normal": random.normal, "uniform": random.uniform}[kind]
        self._d, self._loc, self._scale = d, loc, scale

    def sample(self, sample_shape: Any = (), seed: Any = None) -> Any:
        """Return draws."""
        if isinstance(sample_shape, int):
            sample_shape = (sample_shape,)
        draws = self._draw(seed, (*sample_shape, self._d))
        return self._loc + self._scale * draws


class _Tree:
    def sample(self, shape: Any, seed: Any = None) -> Any:
        a, b = random.split(seed)
        return {
            "a": random.normal(a, (*shape, 1)),
            "b": random.normal(b, (*shape, 2)),
        }


def _mse(model: Any, rng: Any, batch: Any) -> Any:
    return jnp.mean((model(batch["data"]["u"]) - batch["data"]["y"]) ** 2)


def _noisy_mse(model: Any, rng: Any, batch: Any) -> Any:
    u, y = batch["data"]["u"], batch["data"]["y"]
    return jnp.mean((model(u + 0.1 * random.normal(rng, u.shape)) - y) ** 2)


def _key_only(model: Any, rng: Any, batch: Any) -> Any:
    """Return a draw that depends only on the key."""
    return random.uniform(rng) + 0.0 * jnp.mean(model(batch["data"]["u"]))


def _shift_simulator(c: int) -> Callable[..., Any]:
    def simulate(key: Any, theta: Any) -> Any:
        i, j = jnp.mgrid[: theta.shape[-1], :c]
        M = jnp.cos(i + 2.0 * j) / (1 + i)
        return theta @ M + 0.1 * random.normal(key, (theta.shape[0], c))

    return simulate


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mse": lambda: _mse,
    "noisy_mse": lambda: _noisy_mse,
    "key_only": lambda: _key_only,
    "constant": lambda value: (
        lambda model, rng, batch: (
            jnp.mean(model(batch["data"]["u"])) * 0.0 + value
        )
    ),
    "gauss_prior": lambda d: lambda key, n: random.normal(key, (n, d)),
    "shift_simulator": _shift_simulator,
    "prior_thunk": lambda d: lambda: Stub("normal", d),
    "prior_tree": lambda: _Tree,
    "sim_tree": lambda: (
        lambda key, theta: jax.tree.map(
            lambda x: x + random.normal(key, x.shape), theta
        )
    ),
    "inverse_v1": lambda: (
        lambda theta, x: 1.1 * (theta - 0.5 * jnp.mean(x, -1, keepdims=True))
    ),
}
"""Factories of functions, by their names in recordings."""
