"""Small handwritten legacy package that shares no code with the bridge."""

import sys
from pathlib import Path

from tfmpe.migrate.legacy_names import is_below

_BEGIN = "from tfmpe.migrate import oracle\n"
_FUNCTION = """
def {0}(*args, **kwargs):
    found = oracle.{0}(*args, **kwargs)
    return found
"""


def _functions(names: str) -> str:
    return _BEGIN + "".join(map(_FUNCTION.format, names.split()))


_DATALOADER = """
def as_batch_iterator(rng_key, data, batch_size, shuffle):
    import jax
    for start in range(0, len(jax.tree.leaves(data)[0]), batch_size):
        part = slice(start, start + batch_size)
        yield jax.tree.map(lambda leaf: leaf[part], data)
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
        at = lambda x, time: self.vector_field(
            x, jnp.full((sample_size, 1), time), context)
        for n in range(32):
            a = at(x, n * h)
            b = at(x + h / 2 * a, (n + 0.5) * h)
            c = at(x + h / 2 * b, (n + 0.5) * h)
            d = at(x + h * c, (n + 1) * h)
            x = x + h / 6 * (a + 2 * b + 2 * c + d)
        return x
"""
_STRUCTURED_CNF = """
class StructuredCNF:
    def __init__(self, vf_model, rngs):
        self.vf_model, self.rngs = vf_model, rngs
    def sample(self, *args, theta_0=None, **kwargs):
        return oracle.sample(self.vf_model, *args, theta_0=theta_0, **kwargs)
"""
_ON_DATA = """flatten_structured decode_theta pad_1d combine_data _flatten_index
build_self_attention_mask"""
_MODULES = {
    "util/dataloader": _functions(_ON_DATA) + _DATALOADER,
    "utils": _functions("split_data"),
    "sfmpe": _functions("_make_attention_masks"),
    "nn/transformer/encoder": _ENCODER,
    "cnf": _CNF,
    "structured_cnf": _BEGIN + _STRUCTURED_CNF,
}
_IN_FLAT = {
    "label": "x = found[0]['labels']; "
    "x['theta'] = x['theta'].at[..., 0].add(1)",
    "mask": "x = found[0]['masks']['attention']; "
    "x['y'] = x['y'].at[0, 1, 2].set(1)",
    "dtype": "x = found[0]['data']; x['y'] = x['y'].astype('float16')",
    "key order": "x = found[1]; "
    "x['theta'] = dict(reversed(x['theta'].items()))",
    "error": "raise LookupError('planted')",
}


def _after(name: str, code: str) -> tuple[str, str]:
    call = f"oracle.{name}(*args, **kwargs)\n"
    return call, f"{call}    {code}\n"


CHANGES = {
    **{k: _after("flatten_structured", code) for k, code in _IN_FLAT.items()},
    "decoded": _after(
        "decode_theta", "found = {k: v + 1 for k, v in found.items()}"
    ),
    "weights": ("rngs=rngs)", "rngs=rngs, bias_init=nnx.initializers.ones)"),
    "layer": ("x / keep, 0)", "x, 0)"),
    "count": (
        "        return self.activation",
        "        self.dropout.rngs.dropout()\n        return self.activation",
    ),
}
"""What can be wrong with the package: a piece of its code, and another."""


def write_plain(folder: Path, change: str | None = None) -> None:
    """Write the package into a folder, correct or with a change."""
    old, new = CHANGES[change] if change else ("", "")
    found = False
    for name, text in _MODULES.items():
        file = folder / "sfmpe" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        if change and old in text:
            text, found = text.replace(old, new), True
        file.write_text(text)
    assert found == bool(change)
    for package in (folder / "sfmpe", *(folder / "sfmpe").rglob("*/")):
        (package / "__init__.py").touch()


def forget(package: str) -> None:
    """Remove a package from the imported modules."""
    for name in [n for n in sys.modules if is_below(n, package)]:
        del sys.modules[name]
