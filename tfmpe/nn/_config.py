"""The size of a network, and what kinds of tokens it knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from tfmpe._base.errors import raise_faults, unknown_key


@dataclass(frozen=True)
class KnownKey:
    """What a network knows of a key.

    Attributes
    ----------
    name : str
    width : int
        Values in a token.
    n_inputs : int or None
        Functional inputs of a token, None if the key has none.
    """

    name: str
    width: int
    n_inputs: int | None


@dataclass(frozen=True)
class TransformerConfig:
    """The size of a :class:`Transformer`: static, hashable.

    Attributes
    ----------
    latent_dim : int
        Numbers that stand for a token inside the network.
    n_heads : int
        Heads of attention; divides ``latent_dim``.
    n_encoder_layers : int
        Layers among the conditioning tokens, 0 or more; computed once per
        solution.
    n_decoder_layers : int
        Layers of the target tokens, among themselves and to the
        conditioning. What a target token learns of another one travels one
        allowed pair of the mask per layer.
    mlp_ratio : float
        Width of the hidden layers in units of ``latent_dim``.
    n_frequencies : int
        Fourier frequencies of each functional input.
    compute_dtype : {'float32', 'bfloat16'}
        Of activations; parameters, softmax and norms stay float32.
    attention : {'auto', 'dense', 'structured'}
        How to attend: with a mask, over the pairs that the rules open alone,
        or whichever is faster for the tokens at hand. The same numbers, up
        to rounding.
    remat : bool
        Compute the layers' activations again in the backward pass instead
        of keeping them: less memory, a third more time.
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
            f"{name} is {value}, expected {low} or more"
            for name, value, low in (
                ("latent_dim", self.latent_dim, 1),
                ("n_heads", self.n_heads, 1),
                ("n_encoder_layers", self.n_encoder_layers, 0),
                ("n_decoder_layers", self.n_decoder_layers, 1),
                ("n_frequencies", self.n_frequencies, 1),
            )
            if value < low
        ]
        if self.mlp_ratio <= 0:
            faults.append(f"mlp_ratio is {self.mlp_ratio}, expected above 0")
        if self.n_heads > 0 and self.latent_dim % self.n_heads:
            faults.append(
                f"latent_dim {self.latent_dim} is not a multiple of n_heads "
                f"{self.n_heads}"
            )
        if self.compute_dtype not in ("float32", "bfloat16"):
            faults.append(
                f"compute_dtype is {self.compute_dtype!r}, expected "
                "'float32' or 'bfloat16'"
            )
        if self.attention not in ("auto", "dense", "structured"):
            faults.append(
                f"attention is {self.attention!r}, expected 'auto', 'dense' "
                "or 'structured'"
            )
        raise_faults(ValueError, "Cannot build a transformer", faults)

    @property
    def hidden_dim(self) -> int:
        """Width of the hidden layers."""
        return max(1, round(self.mlp_ratio * self.latent_dim))

    @property
    def dtype(self) -> Any:
        """The dtype of activations."""
        return jnp.dtype(self.compute_dtype)


def known_keys(layout: Any) -> tuple[KnownKey, ...]:
    """Return what a network has to know of the keys of a layout."""
    return tuple(
        KnownKey(key.name, key.width, key.n_inputs) for key in layout.keys
    )


def find_keys(known: Iterable[KnownKey], layout: Any) -> list[int]:
    """Return the position of every key of a layout among the known ones.

    Raises
    ------
    UnknownKeyError
        If the network was not built for a key.
    ValueError
        If a key has another width or number of inputs than it was built for.
    """
    by_name = {key.name: (i, key) for i, key in enumerate(known)}
    positions, faults = [], []
    for entry in known_keys(layout):
        if entry.name not in by_name:
            error = unknown_key(entry.name, by_name)
            error.add_note(
                "The network has an embedding for each key it was built "
                "for. Build it from Tokens that have all keys."
            )
            raise error
        position, built = by_name[entry.name]
        positions.append(position)
        if entry != built:
            faults.append(
                f"{entry.name!r} has {entry.width} values and "
                f"{entry.n_inputs} functional inputs in a token, the network "
                f"was built for {built.width} and {built.n_inputs}"
            )
    raise_faults(ValueError, "These tokens do not fit the network", faults)
    return positions
