"""A small legacy package, written by hand: it has no code of the bridge."""

import textwrap
from pathlib import Path

__all__ = ["CHANGES", "write_plain"]

_DATALOADER = """
import numpy as np
from tfmpe.migrate import oracle

def flatten_structured(data, *args, **kwargs):
    flat, slices = oracle.flatten_structured(data, *args, **kwargs)
    return flat, slices

def decode_theta(*args, **kwargs):
    return oracle.decode_theta(*args, **kwargs)

def pad_1d(*args, **kwargs):
    return oracle.pad_1d(*args, **kwargs)

def as_batch_iterator(rng_key, data, batch_size, shuffle):
    import jax
    n = len(jax.tree.leaves(data)[0])
    order = np.random.default_rng(0).permutation(n) if shuffle else range(n)
    for start in range(0, n, batch_size):
        rows = np.array(order[start:start + batch_size])
        yield jax.tree.map(lambda leaf: np.asarray(leaf)[rows], data)
"""
_UTILS = """
from tfmpe.migrate import oracle

def split_data(*args, **kwargs):
    return oracle.split_data(*args, **kwargs)
"""
_ENCODER = """
import jax
import jax.numpy as jnp
from flax import nnx

class Dropout(nnx.Module):
    def __init__(self, rate, rngs):
        self.rate, self.deterministic, self.rngs = rate, False, rngs
    def __call__(self, x):
        if self.deterministic or not self.rate:
            return x
        keep = 1.0 - self.rate
        kept = jax.random.bernoulli(self.rngs.dropout(), keep, x.shape)
        return jnp.where(kept, x / keep, 0)

class FFLayer(nnx.Module):
    def __init__(self, dim, dropout, activation, rngs=nnx.Rngs(0)):
        self.linear = nnx.Linear(dim, dim, rngs=rngs)
        self.dropout = Dropout(dropout, rngs)
        self.activation = activation
    def __call__(self, x):
        return self.activation(self.dropout(self.linear(x)))
"""
_CNF = """
import jax
import jax.numpy as jnp
from flax import nnx

class CNF(nnx.Module):
    def __init__(self, vfm, rngs=nnx.Rngs(0)):
        self.vfm, self.rngs = vfm, rngs
    def vector_field(self, theta, time, context):
        return self.vfm(theta=theta, time=time, context=context)
    def sample(self, context, theta_shape, sample_size=1):
        shape = (sample_size, *theta_shape)
        x, h = jax.random.normal(self.rngs.base_dist(), shape), 1 / 32
        def at(x, time):
            times = jnp.full((sample_size, 1), time)
            return self.vector_field(x, times, context)
        for n in range(32):
            a = at(x, n * h)
            b = at(x + h / 2 * a, (n + 0.5) * h)
            c = at(x + h / 2 * b, (n + 0.5) * h)
            d = at(x + h * c, (n + 1) * h)
            x = x + h / 6 * (a + 2 * b + 2 * c + d)
        return x
"""
_MODULES = {
    "util/dataloader": _DATALOADER,
    "utils": _UTILS,
    "nn/transformer/encoder": _ENCODER,
    "cnf": _CNF,
}

_FLAT = "return flat, slices"
CHANGES = {
    "label": (
        _FLAT,
        "label = flat['labels']['theta']; "
        "flat['labels']['theta'] = label.at[..., 0].add(1); " + _FLAT,
    ),
    "mask": (
        _FLAT,
        "masks = flat['masks']['attention']; "
        "masks['y'] = masks['y'].at[0, 1, 2].set(1); " + _FLAT,
    ),
    "dtype": (
        _FLAT,
        "flat['data']['y'] = flat['data']['y'].astype('float16'); " + _FLAT,
    ),
    "key order": (
        _FLAT,
        "slices['theta'] = dict(reversed(slices['theta'].items())); " + _FLAT,
    ),
    "error": (_FLAT, "raise LookupError('planted')"),
    "weights": ("rngs=rngs)", "rngs=rngs, bias_init=nnx.initializers.ones)"),
    "layer": ("x / keep, 0)", "x, 0)"),
    "count": (
        "        return self.activation",
        "        self.dropout.rngs.dropout()\n        return self.activation",
    ),
}
"""What can be wrong with the package: a piece of its code, and another."""


def write_plain(folder: Path, change: str | None = None) -> None:
    """Write the package into a folder that is to be on the path."""
    old, new = CHANGES[change] if change else ("", "")
    found = False
    for name, text in _MODULES.items():
        file = folder / "sfmpe" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        if change and old in text:
            text, found = text.replace(old, new), True
        file.write_text(textwrap.dedent(text))
    assert found == bool(change)
    for package in (folder / "sfmpe").rglob("*/"):
        (package / "__init__.py").touch()
    (folder / "sfmpe" / "__init__.py").touch()
