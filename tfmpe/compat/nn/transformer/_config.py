"""Reading the legacy configuration dict."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tfmpe.preprocessing._errors import nearest, raise_faults


class Sizes(NamedTuple):
    """What the legacy configuration dict says, under its own names."""

    latent_dim: int
    label_dim: int
    index_out_dim: int
    n_encoder: int
    n_decoder: int
    n_heads: int
    n_ff: int
    dropout: float


def read_config(config: Mapping[str, Any]) -> Sizes:
    """Check a configuration; entries of other names are left alone.

    Raises
    ------
    ValueError
        Lists every entry that is missing or does not fit.
    """
    faults = [
        " ".join((f"{name!r} is missing.", nearest(name, config))).strip()
        for name in Sizes._fields
        if name not in config
    ]
    raise_faults(ValueError, "The configuration of a Transformer", faults)
    sizes = Sizes(*(config[name] for name in Sizes._fields))

    for name, value in sizes._asdict().items():
        least = 0 if name in ("index_out_dim", "dropout") else 1
        if value < least:
            faults.append(f"{name} is {value}, expected {least} or more")
    if sizes.dropout >= 1:
        faults.append(f"dropout is {sizes.dropout}, expected less than 1")
    if sizes.index_out_dim % 2:
        faults.append(
            f"index_out_dim is {sizes.index_out_dim}, expected an even number:"
            " a cosine and a sine of each frequency"
        )
    if sizes.n_heads > 0 and sizes.latent_dim % sizes.n_heads:
        faults.append(
            f"latent_dim is {sizes.latent_dim}, expected a multiple of "
            f"n_heads, which is {sizes.n_heads}"
        )
    raise_faults(ValueError, "The configuration of a Transformer", faults)
    return sizes
