"""Objects that recordings of format 2 may request (extra `flow`)."""

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from tfmpe.compat._extras import import_legacy
from tfmpe.migrate.recordings.nodes import Made

from .closed_forms import (
    FUNCTIONS,
    PlainModel,
    Stub,
    field_class,
    structured_field,
)
from .compare import Comparison
from .names import attribute, named
from .trees import copied, mapped
from .weights import begin_with

_OPTIMISERS = ("adam", "adamw", "sgd")
_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "relu": nnx.relu,
    "tanh": jnp.tanh,
    "gelu": nnx.gelu,
    "identity": lambda x: x,
}


class Objects:
    """Objects of one case, with classes from the package `prefix`."""

    def __init__(self, prefix: str):
        self.prefix = prefix
        self.by_name: dict[str, Any] = {}
        self.first_weights = Comparison()

    def made(self, tree: Any) -> Any:
        """Return a new tree in which every requested object is created."""
        return mapped(self._made, tree)

    def _made(self, leaf: Any) -> Any:
        if isinstance(leaf, jax.Array):
            # Calls were recorded with strongly typed arrays.
            return leaf.astype(leaf.dtype) if leaf.weak_type else leaf
        if not isinstance(leaf, Made):
            return copied(leaf)
        if leaf.what == "ref":
            return self.by_name[leaf.args[0]]
        if leaf.what not in _RECIPES:
            raise LookupError(f"no recipe for {leaf.what!r}")
        args, kwargs = self.made(leaf.args), self.made(leaf.kwargs)
        found = _RECIPES[leaf.what](self.prefix, *args, **kwargs)
        if leaf.state is not None:
            name = args[0] if args and type(args[0]) is str else leaf.what
            self.first_weights += begin_with(found, leaf.state, name)
        return found

    def target(self, target: str) -> Any:
        """Return the target of a step, or raise if it does not exist."""
        kind, path = target.split(":", 1)
        if kind in "fv":
            return named(self.prefix, path, called=kind == "f")
        name, *attributes = path.split(".")
        found = self.by_name[name]
        for part in attributes:
            found = attribute(found, part)
        return found


# Equal optimizers are one object, so that programs are compiled only once.
@cache
def _optimiser(prefix: str, name: str, *args: Any, **kwargs: Any) -> Any:
    if name not in _OPTIMISERS:
        raise LookupError(f"no optimizer {name!r}")
    return getattr(optax, name)(*args, **kwargs)


@cache
def _function(prefix: str, name: str, **options: Any) -> Any:
    return FUNCTIONS[name](**options)


def _field(prefix: str, name: str, **sizes: int) -> Any:
    return field_class(named(prefix, "nn.mlp.VectorFieldModel"), name)(**sizes)


def _structured_subclass(prefix: str, kind: str) -> Any:
    base = named(prefix, "svf.StructuredVectorFieldModel")
    if kind == "empty":
        return type("Empty", (base,), {})

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return base.__call__(self, *args, **kwargs)

    return type("CallsBase", (base,), {"__call__": call})()


class _Iterator:
    def __init__(self, prefix: str, batches: Any, num_samples: int):
        self._batches, self.num_samples = batches, num_samples

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)


def _numpy_iterator(prefix: str, batches: Any) -> Any:
    return SimpleNamespace(as_numpy_iterator=lambda: iter(batches))


class _Classifier:
    """A classifier without parameters and with a known result."""

    def __init__(self, prefix: str, kind: str, n: int | None = None):
        self._kind, self.n = kind, n

    def __call__(self, u: Any) -> Any:
        if self._kind == "half":
            return jnp.full(u.shape[:-1], 0.5)
        level = jnp.mean(u, -1)
        if self._kind == "ranked" and u.ndim == 3:
            level = level * (1.0 + jnp.arange(u.shape[1])) / 2.0
        return nnx.sigmoid(level)


def _dataset(prefix: str, tree: Any) -> Any:
    tensorflow = importlib.import_module("tensorflow")
    return tensorflow.data.Dataset.from_tensor_slices(tree)


def _tfp(part: str) -> Any:
    module = f"tensorflow_probability.substrates.jax.{part}"
    return import_legacy(module, "tensorflow-probability", "a case")


def _of_tfp(part: str, kind: str) -> Callable[..., Any]:
    def make(prefix: str, name: str, *args: Any, **kwargs: Any) -> Any:
        module = _tfp(part)
        wanted = getattr(module, name)
        if not issubclass(wanted, getattr(module, kind)):
            raise LookupError(f"{name!r} is not a {kind}")
        return wanted(*args, **kwargs)

    return make


def _joint(prefix: str, kind: str) -> Any:
    tfd = _tfp("distributions")

    def normal(n: int, scale: float) -> Any:
        return tfd.Independent(tfd.Normal(jnp.zeros((n, 1)), scale), 1)

    model = {"ab": {"a": normal(2, 1.0), "b": normal(3, 2.0)}}[kind]
    return tfd.JointDistributionNamed(model, batch_ndims=1)


def _tree_bijector(how: str) -> Callable[..., Any]:
    def make(
        prefix: str, specs: Any, example: Any, *data: Any, **kwargs: Any
    ) -> Any:
        specs = named(prefix, f"pytree_bijector.{how}")(example, *data, specs)
        made = named(prefix, "pytree_bijector.PyTreeBijector")
        return made(specs, example, **kwargs)

    return make


def _idata(
    prefix: str, kind: str, seed: int = 0, chains: int = 2, draws: int = 60
) -> Any:
    az = import_legacy("arviz", "arviz", "a case")
    chance = np.random.default_rng(seed)
    drawn = {
        "mu": chance.normal(size=(chains, draws, 1)),
        "theta": chance.normal(size=(chains, draws, 2)),
    }
    if kind == "flat":
        flat = {name: values[..., 0] for name, values in drawn.items()}
        return az.from_dict(posterior=flat)
    places = {f"{name}_dim": np.arange(drawn[name].shape[-1]) for name in drawn}
    dims = {name: [f"{name}_dim"] for name in drawn}
    return az.InferenceData(
        posterior=az.dict_to_dataset(drawn, coords=places, dims=dims)
    )


def _axes(prefix: str, rows: int = 1, columns: int = 1) -> Any:
    plt = importlib.import_module("matplotlib.pyplot")
    return plt.subplots(rows, columns)[1]


def _path(prefix: str, name: str) -> Path:
    # Only in the empty folder in which a step runs.
    if Path(name).name != name:
        raise LookupError(f"{name!r} is not a plain file name")
    return Path(name)


_RECIPES: dict[str, Callable[..., Any]] = {
    "new": lambda prefix, path, *a, **k: named(prefix, path)(*a, **k),
    "Rngs": lambda prefix, *a, **k: nnx.Rngs(*a, **k),
    "typed_key": lambda prefix, seed: jax.random.key(seed),
    "act": lambda prefix, name: _ACTIVATIONS[name],
    "optimiser": _optimiser,
    "field": _field,
    "structured_field": lambda prefix, name: structured_field(name),
    "svf_subclass": _structured_subclass,
    "plain_model": lambda prefix, d: PlainModel(d),
    "fn": _function,
    "stub": lambda prefix, *a, **k: Stub(*a, **k),
    "spy": _Classifier,
    "iterator": _Iterator,
    "numpy_iterator": _numpy_iterator,
    "dataset": _dataset,
    "bijector": _of_tfp("bijectors", "Bijector"),
    "distribution": _of_tfp("distributions", "Distribution"),
    "joint": _joint,
    "tree_bijector": _tree_bijector("create_bijector_map"),
    "zscaled": _tree_bijector("create_zscaling_bijector_tree"),
    "dtype": lambda prefix, name: np.dtype(name),
    "path": _path,
    "idata": _idata,
    "axes": _axes,
    "attr": lambda prefix, holder, name: attribute(holder, name),
    "evaluated": lambda prefix, module: module.eval() or module,
    "trained": lambda prefix, module: module.train() or module,
}
