"""A transformer whose attention follows the rules of the tokens."""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from tfmpe._base.arrays import promoted
from tfmpe.nn._config import KnownKey, TransformerConfig, known_keys
from tfmpe.nn._embedding import TimeEmbedding, TokenEmbedding
from tfmpe.nn._initial import Linear, zeros
from tfmpe.nn._layers import DecoderLayer, EncoderLayer
from tfmpe.nn._pattern import AttentionPattern
from tfmpe.nn._sets import warn_of_sets


class Transformer(nnx.Module):
    """A vector field on Tokens: velocities of the target tokens.

    An encoder of the conditioning tokens, which does not see the time and so
    is computed once per solution; and a decoder of the target tokens, which
    attend to themselves and to the encoded ones. Every attention is
    restricted to what rules and padding allow.

    Parameters
    ----------
    keys : tuple of KnownKey
        The keys that it has embeddings for; see :meth:`for_tokens`.
    config : TransformerConfig, optional
        Its size.
    rngs : nnx.Rngs
        For the initial parameters.

    Notes
    -----
    Which keys are target and which are conditioning is said by every call,
    so one network can be trained for several conditionals. It begins as the
    zero field.

    Keys are told apart by their embeddings, tokens of one key by their
    functional inputs and by what they may attend to; tokens that differ in
    neither are exchangeable.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": jnp.zeros((8, 1, 1)), "obs": jnp.ones((8, 5, 1))}, {}
    ... )
    >>> network = Transformer.for_tokens(
    ...     tokens, rngs=nnx.Rngs(0), exchangeable=["obs"]
    ... )
    >>> target = tokens.select_tokens(["mu"])
    >>> given = tokens.select_tokens(["obs"])
    >>> network(target, given, jnp.zeros(8)).shape
    (8, 1, 1)
    """

    def __init__(
        self,
        keys: tuple[KnownKey, ...],
        config: TransformerConfig | None = None,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        config = config or TransformerConfig()
        self.config = config
        self.keys = tuple(keys)
        self.embedding = TokenEmbedding(config, self.keys, rngs=rngs)
        self.time = TimeEmbedding(config, rngs=rngs)
        # Not a list: releases of flax differ in how they hold one.
        self.encoder = nnx.Sequential(
            *(
                EncoderLayer(config, rngs=rngs)
                for _ in range(config.n_encoder_layers)
            )
        )
        self.decoder = nnx.Sequential(
            *(
                DecoderLayer(config, rngs=rngs)
                for _ in range(config.n_decoder_layers)
            )
        )
        n_keys = len(self.keys)
        width = max((key.width for key in self.keys), default=1)
        self.value_kernel = nnx.Param(
            zeros(None, (n_keys, config.latent_dim, width))
        )
        self.value_bias = nnx.Param(zeros(None, (n_keys, width)))
        # What a norm takes from a value, its size, the velocity needs.
        self.skip = Linear(
            config.latent_dim,
            n_keys,
            from_zero=True,
            rngs=rngs,
        )

    @classmethod
    def for_tokens(
        cls,
        tokens: Any,
        config: TransformerConfig | None = None,
        *,
        rngs: nnx.Rngs,
        exchangeable: Iterable[str] = (),
    ) -> "Transformer":
        """Build a network for all keys of some tokens.

        Parameters
        ----------
        tokens : Tokens, TokenView or TokenLayout
            Numbers of tokens and samples do not matter: the network takes
            others. Functional inputs are standardized by their mean and
            standard deviation here; a layout has none, and they are taken
            as they are.
        config : TransformerConfig, optional
        rngs : nnx.Rngs
        exchangeable : sequence of str
            Keys whose tokens have no order, such as independent
            observations of the same quantity: no warning for them.

        Returns
        -------
        Transformer

        Raises
        ------
        UnknownKeyError
            If ``exchangeable`` names a key that does not exist.
        ValueError
            If functional inputs are NaN or infinite.

        Warns
        -----
        ExchangeableWarning
            If nothing tells the tokens of a key apart: functional inputs
            are missing or all equal, and no rule matches the tokens with
            others.

        Notes
        -----
        No warning is raised for tokens in groups, such as observations of
        sites: a rule tells the groups apart. Those of one group are a set,
        which is wrong for a time series of each site: give
        ``Tokens.from_pytree`` their ``positions`` or times.
        """
        warn_of_sets(tokens, exchangeable)
        layout = getattr(tokens, "layout", tokens)
        network = cls(known_keys(layout), config, rngs=rngs)
        if tokens is not layout:
            network.embedding.measure_inputs(tokens)
        return network

    def __call__(self, target: Any, conditioning: Any, time: Any) -> Any:
        """Return velocities, ``(*sample, n_target_tokens, width)``."""
        return self.velocity(
            target, conditioning, self.encode(conditioning), time
        )

    def encode(self, conditioning: Any) -> Any:
        """Return what the decoder layers attend to.

        Parameters
        ----------
        conditioning : Tokens or view, sample axes (*sample,)

        Returns
        -------
        list of pairs of Array, shape (*sample, n_tokens, heads, head_dim)
            Keys and values of every decoder layer; empty if there are no
            conditioning tokens.

        Raises
        ------
        UnknownKeyError, ValueError
            If the network was not built for these keys.
        """
        if not conditioning.n_tokens:
            return []
        vectors = _rows(self.embedding(conditioning, is_target=False))
        pattern = AttentionPattern.of(
            conditioning, attention=self.config.attention
        )
        for layer in self.encoder.layers:
            vectors = self._run(layer)(vectors, pattern)
        # Not normed, as the decoder's vectors are not: an average of values
        # is to stay linear in them, far from their mean too.
        sample = conditioning.sample_shape
        layers: Any = self.decoder.layers
        return [
            jax.tree.map(
                lambda leaf: leaf.reshape((*sample, *leaf.shape[1:])),
                layer.cross.remember(vectors),
            )
            for layer in layers
        ]

    def velocity(
        self, target: Any, conditioning: Any, encoded: Any, time: Any
    ) -> Any:
        """Return velocities of the target tokens.

        Parameters
        ----------
        target, conditioning : Tokens or view, sample axes (*sample,)
            With the same layout behind them.
        encoded : list
            Of :meth:`encode`.
        time : Array, shape (*sample,)
            From 0 to 1, dimensionless.

        Returns
        -------
        Array, shape (*sample, n_target_tokens, width)
            Zero in columns that a key leaves empty.

        Raises
        ------
        UnknownKeyError, ValueError
            If the network was not built for these keys.
        """
        sample = target.sample_shape
        vectors = _rows(self.embedding(target, is_target=True))
        time = self.time(jnp.broadcast_to(time, sample).reshape(-1))
        attention = self.config.attention
        pattern = AttentionPattern.of(target, attention=attention)
        cross_pattern = None
        if encoded:
            # One network answers p(theta | y) and p(y | theta): a rule that
            # pairs the two holds whichever of them is asked for.
            cross_pattern = AttentionPattern.of(
                target, conditioning, both_ways=True, attention=attention
            )
        for i, layer in enumerate(self.decoder.layers):
            remembered = None
            if encoded:
                remembered = jax.tree.map(
                    lambda leaf: _flat(leaf, leaf.ndim - 3), encoded[i]
                )
            vectors = self._run(layer)(
                vectors, time, remembered, pattern, cross_pattern
            )
        vectors = vectors.astype(jnp.float32)
        skip = self.skip(jax.nn.gelu(time.astype(jnp.float32)))
        moved = self._read_out(target, vectors, skip)
        return moved.reshape((*sample, *moved.shape[1:]))

    def _read_out(self, target: Any, vectors: Any, skip: Any) -> Any:
        """Return a linear map of vectors and values, one for each key."""
        values = _rows(jnp.where(target.value_mask, target.data, 0))
        by_name = {key.name: i for i, key in enumerate(self.keys)}
        parts = []
        for key in target.layout.keys:
            i = by_name[key.name]
            inner, kernel, bias, value, gain = promoted(
                vectors[:, key.block],
                self.value_kernel[i, :, : key.width],
                self.value_bias[None, None, i, : key.width],
                values[:, key.block, : key.width],
                skip[:, i, None, None],
            )
            part = inner @ kernel + bias + gain * value
            empty = [(0, 0), (0, 0), (0, target.width - key.width)]
            parts.append(jnp.pad(part, empty))
        return jnp.concatenate(parts, 1)

    def _run(self, layer: Any) -> Any:
        if self.config.remat:
            layer = partial(nnx.remat(type(layer).__call__), layer)

        def run(*given: Any) -> Any:
            # Norms of flax and attention of jax sum bfloat16 as float32.
            with jax.numpy_dtype_promotion("standard"):
                return layer(*given)

        return run


def _flat(leaf: Any, n_axes: int) -> Any:
    return leaf.reshape((math.prod(leaf.shape[:n_axes]), *leaf.shape[n_axes:]))


def _rows(vectors: Any) -> Any:
    return _flat(vectors, vectors.ndim - 2)
