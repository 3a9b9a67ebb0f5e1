"""A stand-in for the legacy package: the bridge's files under its name.

It shares no class with the bridge, so the machine has to pair objects and to
carry their state over. Planted defects are code at the end of a module.
"""

import textwrap
from pathlib import Path

from migration.stand_in import write_stand_in

_FLATTEN = """
    _right = flatten_structured
    def flatten_structured(data, *args, **kwargs):
        flat, slices = _right(data, *args, **kwargs)
        {change}
        return flat, slices
    """

_CHANGES = {
    "label": "flat['labels']['theta'] = "
    "flat['labels']['theta'].at[..., 0].add(1)",
    "mask": "flat['masks']['attention']['y'] = "
    "flat['masks']['attention']['y'].at[0, 1, 2].set(1)",
    "dtype": "flat['data']['y'] = flat['data']['y'].astype('float16')",
    "key order": "slices['theta'] = dict(reversed(slices['theta'].items()))",
    "error": "raise LookupError('planted')",
}

_DEFECTS = {
    **{
        name: ("util/dataloader", _FLATTEN.replace("{change}", change))
        for name, change in _CHANGES.items()
    },
    "rows": (
        "util/dataloader",
        """
        _right = as_batch_iterator
        def as_batch_iterator(rng_key, data, batch_size, shuffle):
            import jax
            fewer = jax.tree.map(lambda leaf: leaf[1:], data)
            return _right(rng_key, fewer, batch_size, shuffle)
        def as_batch_iterators(rng_key, data, batch_size, split, shuffle):
            return (as_batch_iterator(rng_key, data, batch_size, shuffle),) * 2
        """,
    ),
    "weights": (
        "nn/mlp",
        """
        _init = MLPVectorField.__init__
        def __init__(self, *args, **kwargs):
            _init(self, *args, **kwargs)
            bias = self.out_linear.bias
            self.out_linear.bias = nnx.Param(bias[...] + 1)
        MLPVectorField.__init__ = __init__
        """,
    ),
    "network": (
        "nn/mlp",
        """
        _call = MLPVectorField.__call__
        def __call__(self, theta, time, context):
            return 1.01 * _call(self, theta, time, context)
        MLPVectorField.__call__ = __call__
        """,
    ),
    "count": (
        "nn/mlp",
        """
        _call = MLPVectorField.__call__
        def __call__(self, theta, time, context):
            self.mlp.layers.dropout.rngs.dropout()
            return _call(self, theta, time, context)
        MLPVectorField.__call__ = __call__
        """,
    ),
    "names": (
        "nn/mlp",
        """
        _init = MLPVectorField.__init__
        def __init__(self, width, *args, **kwargs):
            _init(self, width, *args, **kwargs)
        MLPVectorField.__init__ = __init__
        """,
    ),
    "draws": (
        "cnf",
        """
        _sample = CNF.sample
        def sample(self, *args, **kwargs):
            return _sample(self, *args, **kwargs) + 1
        CNF.sample = sample
        """,
    ),
    "step": (
        "fmpe",
        """
        _fit = FMPE.fit
        def fit(self, train, val, optimizer, **kwargs):
            import optax
            faster = optax.chain(optimizer, optax.scale(3.0))
            return _fit(self, train, val, faster, **kwargs)
        FMPE.fit = fit
        """,
    ),
}


def build(folder: Path, defect: str | None = None, name: str = "sfmpe") -> None:
    """Write the package into a folder.

    Parameters
    ----------
    folder
        Will hold the package.
    defect
        What is wrong with it: a key of ``_DEFECTS``; None for nothing.
    name
        What the package is called.
    """
    package = write_stand_in(folder, name)
    if defect is not None:
        module, text = _DEFECTS[defect]
        with (package / f"{module}.py").open("a") as file:
            file.write("\n\n" + textwrap.dedent(text))
