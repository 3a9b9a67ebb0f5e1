"""A stand-in for the legacy package, made of the plain oracle.

Its modules and names are those of the legacy package; what they return is
what ``tests/reference`` returns, or, with planted defects, not quite.
"""

import textwrap
from pathlib import Path

_MODULES = {
    "__init__": '"""A stand-in."""\n__version__ = "0.9"\n',
    "util/__init__": "",
    "nn/__init__": "",
    "nn/transformer/__init__": (
        "from .transformer import Transformer as Transformer\n"
    ),
    "nn/transformer/transformer": """
        from flax import nnx

        class Transformer(nnx.Module):
            def __init__(self, config, rngs):
                self.scale = nnx.Param(config["scale"] + rngs.params() * 0)
        """,
    "util/dataloader": """
        from reference import *
        from reference import PAD_VALUE, _flatten_index
        from reference import flatten_structured as _flatten

        DEFECT = {defect!r}

        def flatten_structured(data, *args, **kwargs):
            flat, slices = _flatten(data, *args, **kwargs)
            if DEFECT == "label":
                labels = flat["labels"]
                labels["theta"] = labels["theta"].at[..., 0].add(1)
            elif DEFECT == "mask":
                attention = flat["masks"]["attention"]
                attention["y"] = attention["y"].at[0, 1, 2].set(1)
            elif DEFECT == "dtype":
                flat["data"]["y"] = flat["data"]["y"].astype("float16")
            elif DEFECT == "key order":
                slices["theta"] = dict(reversed(slices["theta"].items()))
            elif DEFECT == "error":
                raise LookupError("planted")
            return flat, slices

        def as_batch_iterator(rng_key, data, batch_size, shuffle=True):
            del rng_key, shuffle
            return iter([data] * batch_size)

        def change_nothing(data):
            return data
        """,
    "utils": "from reference import split_data as split_data\n",
    "structured_cnf": """
        import reference
        from flax import nnx

        class StructuredCNF(nnx.Module):
            def __init__(self, vf_model, rngs=None):
                self.vf_model = vf_model
                self.rngs = nnx.Rngs(0) if rngs is None else rngs

            def vector_field(self, **arguments):
                return self.vf_model(**arguments)

            def sample(self, *args, theta_0=None, **kwargs):
                key = None if theta_0 is not None else self.rngs.base_dist()
                return reference.sample(
                    self.vf_model, *args, theta_0=theta_0, key=key, **kwargs
                )
        """,
    "sfmpe": """
        import jax
        import jax.numpy as jnp
        import reference
        from flax import nnx
        from reference import _make_attention_masks

        class SFMPE(nnx.Module):
            def __init__(self, structured_cnf, rngs=None):
                self.structured_cnf = structured_cnf
                self.rngs = nnx.Rngs(0) if rngs is None else rngs

            def _key(self):
                stream = self.structured_cnf.rngs.base_dist
                return jax.random.fold_in(stream.key[...], stream.count[...])

            def fit(self, train, val, optimizer=None, n_iter=1, batch_size=1):
                return jnp.zeros(n_iter), jnp.zeros(n_iter)

            def sample_posterior(self, *args, theta_0=None, **kwargs):
                return reference.sample_posterior(
                    self.structured_cnf.vf_model, *args, theta_0=theta_0,
                    key=self._key(), **kwargs
                )
        """,
    "bottom_up": """
        from sfmpe.util.dataloader import flatten_structured

        def train_bottom_up(data, independence):
            flat, slices = flatten_structured(data, independence=independence)
            return flat["labels"], slices["theta"], flat["masks"]
        """,
}


def build(folder: Path, defect: str | None = None, name: str = "sfmpe") -> None:
    """Write the package into a folder.

    Parameters
    ----------
    folder
        Will hold the package.
    defect
        What ``flatten_structured`` does wrong: ``'label'``, ``'mask'``,
        ``'dtype'``, ``'key order'``, ``'error'``, or None.
    name
        What the package is called.
    """
    for module, text in _MODULES.items():
        file = folder / name / f"{module}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        content = textwrap.dedent(text).replace("{defect!r}", repr(defect))
        file.write_text(content.replace("from sfmpe.", f"from {name}."))
