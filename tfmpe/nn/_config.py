"""Size of a network, and the keys that it knows."""

from collections.abc import Iterable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from tfmpe._base.errors import raise_faults, unknown_key
from tfmpe.preprocessing import TokenLayout


@dataclass(frozen=True)
class KnownKey:
    """A key of a network: numbers of values and functional inputs per token.

    ``n_inputs`` is None if the key has no functional inputs.
    """

    name: str
    width: int
    n_inputs: int | None


@dataclass(frozen=True)
class TransformerConfig:
    """Size and options of a :class:`Transformer`; hashable.

    Attributes
    ----------
    latent_dim
        Size of the vector of each token inside the network.
    n_heads
        Number of attention heads; must divide ``latent_dim``.
    n_encoder_layers
        Number of layers that encode the conditioning tokens, 0 or more; run
        once per ODE solve.
    n_decoder_layers
        Number of layers in which target tokens attend to one another and to
        the conditioning tokens. Each layer passes information between target
        tokens over one allowed pair of the mask.
    mlp_ratio
        Width of the hidden layers divided by ``latent_dim``.
    n_frequencies
        Number of Fourier frequencies per functional input.
    compute_dtype : {'float32', 'bfloat16'}
        Dtype of activations; parameters, softmax and norms stay float32.
    attention : {'auto', 'dense', 'structured'}
        ``'dense'`` uses a mask, ``'structured'`` only the open pairs, and
        ``'auto'`` the faster of the two. Results are equal up to rounding.
    remat
        Whether to recompute activations in the backward pass instead of
        storing them: less memory, a third more time.
    """

    latent_dim: int = 64
    n_heads: int = 4
    n_encoder_layers: int = 2
    n_decoder_layers: int = 3
    mlp_ratio: float = 2.0
    n_frequencies: int = 8
    compute_dtype: str = "float32"
    attention: str = "auto"
    remat: bool = False

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}, expected {low} or more"
            for name, low in (
                ("latent_dim", 1),
                ("n_heads", 1),
                ("n_encoder_layers", 0),
                ("n_decoder_layers", 1),
                ("n_frequencies", 1),
            )
            if getattr(self, name) < low
        ]
        if self.mlp_ratio <= 0:
            faults.append(f"mlp_ratio is {self.mlp_ratio}, expected above 0")
        if self.n_heads > 0 and self.latent_dim % self.n_heads:
            faults.append(
                f"latent_dim {self.latent_dim} is not a multiple of n_heads "
                f"{self.n_heads}"
            )
        faults += [
            f"{name} is {getattr(self, name)!r}, expected one of {choices}"
            for name, choices in (
                ("compute_dtype", ["float32", "bfloat16"]),
                ("attention", ["auto", "dense", "structured"]),
            )
            if getattr(self, name) not in choices
        ]
        raise_faults(ValueError, "Cannot build a transformer", faults)

    @property
    def hidden_dim(self) -> int:
        """Width of the hidden layers."""
        return max(1, round(self.mlp_ratio * self.latent_dim))

    @property
    def dtype(self) -> np.dtype:
        """The dtype of activations."""
        return jnp.dtype(self.compute_dtype)


def known_keys(layout: TokenLayout) -> tuple[KnownKey, ...]:
    """Return a :class:`KnownKey` for every key of a layout."""
    return tuple(
        KnownKey(key.name, key.width, key.n_inputs) for key in layout.keys
    )


def find_keys(known: Iterable[KnownKey], layout: TokenLayout) -> list[int]:
    """Return the position of every key of a layout among the known ones."""
    by_name = {key.name: (i, key) for i, key in enumerate(known)}
    positions, faults = [], []
    for entry in known_keys(layout):
        if entry.name not in by_name:
            error = unknown_key(entry.name, by_name)
            error.add_note(
                "The network only knows the keys of the Tokens it was built "
                "from. Build it from Tokens with all keys."
            )
            raise error
        position, built = by_name[entry.name]
        positions.append(position)
        if entry != built:
            faults.append(
                f"{entry.name!r} has {entry.width} values and "
                f"{entry.n_inputs} functional inputs per token, but the "
                f"network was built for {built.width} and {built.n_inputs}"
            )
    raise_faults(ValueError, "These tokens do not fit the network", faults)
    return positions
