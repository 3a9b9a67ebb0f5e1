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
        import reference
        import tfmpe.compat.nn.transformer as ours

        DEFECT = {defect!r}

        class Transformer(ours.Transformer):
            def __init__(self, config, **sizes):
                if DEFECT == "names":
                    sizes["n_labels"] = sizes.pop("n_names")
                super().__init__(config, **sizes)
                if DEFECT == "weights":
                    weights = ours.read_parameters(self)
                    weights["linear/bias"] += 1
                    ours.load_parameters(self, weights)

            def __call__(self, **given):
                weights = ours.read_parameters(self)
                found = reference.transformer(weights, **given)
                return found * (1.01 if DEFECT == "network" else 1)
        """,
    "util/dataloader": """
        import jax
        import numpy as np
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

        def as_batch_iterator(rng_key, data, batch_size, shuffle):
            # An order of its own, as that of TensorFlow is.
            n = len(jax.tree.leaves(data)[0])
            rows = np.arange(n - (DEFECT == "rows"))
            if shuffle:
                np.random.default_rng(3).shuffle(rows)
            return iter([
                jax.tree.map(lambda leaf: np.asarray(leaf)[part], data)
                for part in np.split(rows, range(batch_size, n, batch_size))
            ])

        def as_batch_iterators(rng_key, data, batch_size, split, shuffle):
            n = int(split * len(jax.tree.leaves(data)[0]))
            parts = (slice(0, n), slice(n, None))
            return tuple(
                as_batch_iterator(
                    rng_key,
                    jax.tree.map(lambda leaf: leaf[part], data),
                    batch_size,
                    shuffle,
                )
                for part in parts
            )

        def pad_1d(arr, max_len, pad_value=PAD_VALUE):
            return pad_multidim_event(arr, 1, (max_len,), pad_value)
        """,
    "utils": "from reference import split_data as split_data\n",
    "structured_cnf": """
        import reference
        from flax import nnx

        DEFECT = {defect!r}

        class StructuredCNF(nnx.Module):
            def __init__(self, vf_model, rngs=None):
                self.vf_model = vf_model
                self.rngs = nnx.Rngs(0) if rngs is None else rngs

            def vector_field(self, **arguments):
                return self.vf_model(**arguments)

            def sample(self, *args, theta_0=None, **kwargs):
                key = None if theta_0 is not None else self.rngs.base_dist()
                found = reference.sample(
                    self.vf_model, *args, theta_0=theta_0, key=key, **kwargs
                )
                return found + 1 if DEFECT == "draws" else found
        """,
    "sfmpe": """
        import jax
        import jax.numpy as jnp
        import optax
        import reference
        from flax import nnx
        from reference import _make_attention_masks

        DEFECT = {defect!r}

        class SFMPE(nnx.Module):
            def __init__(self, structured_cnf, rngs=None):
                self.structured_cnf = structured_cnf
                self.rngs = nnx.Rngs(0) if rngs is None else rngs

            def _key(self):
                stream = self.structured_cnf.rngs.base_dist
                return jax.random.fold_in(stream.key[...], stream.count[...])

            def _draw(self):
                key = self.rngs.base_dist()
                if DEFECT == "other numbers":
                    return jax.random.fold_in(key, 99)
                return key

            def fit(self, train, val, optimizer=optax.adam(3e-4), n_iter=1000,
                    batch_size=100):
                field = self.structured_cnf.vf_model
                graph, weights, rest = nnx.split(field, nnx.Param, ...)
                state = optimizer.init(weights)

                def loss(weights, batch, keys):
                    theta = batch["data"]["theta"]
                    times = jax.random.uniform(keys[0], (len(theta), 1, 1))
                    noise = jax.random.normal(keys[1], theta.shape)
                    found = nnx.merge(graph, weights, rest)
                    return reference.loss(found, batch, times, noise)

                measure = jax.jit(loss)
                improve = jax.jit(jax.value_and_grad(loss))
                losses, val_losses = [], []
                for _ in range(n_iter):
                    rows = jax.random.permutation(
                        self._draw(), len(train["data"]["theta"])
                    )
                    total = 0.0
                    for batch in rows.reshape((-1, batch_size)):
                        keys = [self._draw() for _ in range(3)]
                        part = jax.tree.map(lambda leaf: leaf[batch], train)
                        value, slope = improve(weights, part, keys)
                        change, state = optimizer.update(slope, state, weights)
                        if DEFECT == "step":
                            change = jax.tree.map(lambda c: 3 * c, change)
                        weights = optax.apply_updates(weights, change)
                        total += value
                    losses.append(total)
                    keys = [self._draw() for _ in range(3)]
                    val_losses.append(measure(weights, val, keys))
                nnx.update(field, weights)
                return jnp.stack(losses), jnp.stack(val_losses)

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
        ``'dtype'``, ``'key order'``, ``'error'``; or batches: ``'rows'``; or
        training: ``'step'``, or ``'other numbers'``, which is not wrong; or
        the network: ``'weights'``, ``'network'``, ``'names'``; or
        ``'draws'``; or None.
    name
        What the package is called.
    """
    for module, text in _MODULES.items():
        file = folder / name / f"{module}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        content = textwrap.dedent(text).replace("{defect!r}", repr(defect))
        file.write_text(content.replace("from sfmpe.", f"from {name}."))
