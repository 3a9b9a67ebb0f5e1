"""A transformer whose attention follows the rules of the tokens."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from tfmpe._base.arrays import flatten_samples, grow, promoted
from tfmpe.nn._config import KnownKey, TransformerConfig, known_keys
from tfmpe.nn._embedding import TimeEmbedding, TokenEmbedding
from tfmpe.nn._indistinguishable import warn_of_sets
from tfmpe.nn._initial import Linear, zeros
from tfmpe.nn._layers import DecoderLayer, EncoderLayer
from tfmpe.nn._pattern import AttentionPattern
from tfmpe.nn._types import AnyView, Remembered, Vectors, ViewOrLayout
from tfmpe.preprocessing import TokenLayout


class Transformer(nnx.Module):
    """A vector field on Tokens: velocities of the target tokens.

    An encoder of the conditioning tokens does not depend on time and runs once
    per ODE solve. In the decoder, the target tokens attend to one another and
    to the encoded tokens. All attention is restricted to what rules and padding
    allow.

    Parameters
    ----------
    keys
        The keys that the network has embeddings for; see :meth:`for_tokens`.
    config
        The size of the network.
    rngs
        PRNG keys for the initial parameters.

    Notes
    -----
    Target and conditioning keys are chosen in every call, so that one network
    can learn several conditional distributions. Initially all velocities are 0.

    Keys are distinguished by their embeddings, tokens of one key by their
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
    >>> nnx.jit(network)(target, given, jnp.zeros(8)).shape
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
        # Not a list, because Flax releases differ in how they store lists.
        self.encoder, self.decoder = (
            nnx.Sequential(*(layer(config, rngs=rngs) for _ in range(n)))
            for layer, n in (
                (EncoderLayer, config.n_encoder_layers),
                (DecoderLayer, config.n_decoder_layers),
            )
        )
        n_keys = len(self.keys)
        width = max((key.width for key in self.keys), default=1)
        self.value_kernel = nnx.Param(
            zeros(None, (n_keys, config.latent_dim, width))
        )
        self.value_bias = nnx.Param(zeros(None, (n_keys, width)))
        # Velocities depend on the size of the values, which norms remove.
        self.skip = Linear(config.latent_dim, n_keys, from_zero=True, rngs=rngs)

    @classmethod
    def for_tokens(
        cls,
        tokens: ViewOrLayout,
        config: TransformerConfig | None = None,
        *,
        rngs: nnx.Rngs,
        exchangeable: Iterable[str] = (),
    ) -> "Transformer":
        """Build a network for all keys of some tokens.

        Parameters
        ----------
        tokens
            The numbers of tokens and samples do not matter. Functional inputs
            are standardized by their mean and standard deviation in these
            tokens; with a layout, which has no values, they are not.
        config
            The size of the network.
        rngs
            PRNG keys for the initial parameters.
        exchangeable
            Keys whose tokens have no order, such as independent observations
            of the same quantity; they cause no warning.

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
            If the tokens of a key cannot be distinguished: functional inputs
            are missing or all equal, and no rule distinguishes them either.

        Notes
        -----
        Tokens in groups, such as observations of sites, cause no warning,
        because a rule distinguishes the groups. Within a group the tokens are
        a set. If they have an order, such as a time series at each site, pass
        their ``positions`` or times to ``Tokens.from_pytree``.
        """
        warn_of_sets(tokens, exchangeable)
        if isinstance(tokens, TokenLayout):
            return cls(known_keys(tokens), config, rngs=rngs)
        network = cls(known_keys(tokens.layout), config, rngs=rngs)
        network.embedding.measure_inputs(tokens)
        return network

    def __call__(
        self, target: AnyView, conditioning: AnyView, time: Float[Array, "*_"]
    ) -> Float[Array, "*sample tokens width"]:
        """Return the velocities of the target tokens; see :meth:`velocity`."""
        return self.velocity(
            target, conditioning, self.encode(conditioning), time
        )

    def encode(self, conditioning: AnyView) -> list[Remembered]:
        """Return keys and values of conditioning tokens per decoder layer.

        Parameters
        ----------
        conditioning : Tokens or view, sample axes (*sample,)
            The given tokens; without any, an empty list is returned.

        Raises
        ------
        UnknownKeyError, ValueError
            If the network was not built for these keys.
        """
        if not conditioning.n_tokens:
            return []
        vectors = flatten_samples(
            self.embedding(conditioning, is_target=False),
            len(conditioning.sample_shape),
        )
        pattern = AttentionPattern.of(
            conditioning, attention=self.config.attention
        )
        for layer in self.encoder.layers:
            vectors = self._run(layer)(vectors, pattern)
        # No norm here, nor after the decoder, so that averages of values stay
        # linear in the values, even far from their mean.
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
        self,
        target: AnyView,
        conditioning: AnyView,
        encoded: list[Remembered],
        time: Float[Array, "*_"],
    ) -> Float[Array, "*sample tokens width"]:
        """Return velocities of the target tokens.

        Parameters
        ----------
        target, conditioning : Tokens or view, sample axes (*sample,)
            Selected from the same Tokens.
        encoded
            The result of :meth:`encode`.
        time
            One value per sample, from 0 to 1, dimensionless.

        Returns
        -------
        Array, shape (*sample, n_target_tokens, width)
            Zero in columns that a key does not use.

        Raises
        ------
        UnknownKeyError, ValueError
            See :meth:`encode`.
        """
        sample = target.sample_shape
        vectors = flatten_samples(
            self.embedding(target, is_target=True), len(sample)
        )
        time = self.time(jnp.broadcast_to(time, sample).reshape(-1))
        attention = self.config.attention
        pattern = AttentionPattern.of(target, attention=attention)
        cross_pattern = None
        if encoded:
            # One network can learn both p(theta | y) and p(y | theta), so a
            # rule that pairs the two holds in both directions.
            cross_pattern = AttentionPattern.of(
                target, conditioning, both_ways=True, attention=attention
            )
        for i, layer in enumerate(self.decoder.layers):
            remembered = None
            if encoded:
                remembered = flatten_samples(encoded[i], len(sample))
            vectors = self._run(layer)(
                vectors, time, remembered, pattern, cross_pattern
            )
        vectors = jnp.asarray(vectors, jnp.float32)
        skip = self.skip(jax.nn.gelu(time.astype(jnp.float32)))
        moved = self._read_out(target, vectors, skip)
        return moved.reshape((*sample, *moved.shape[1:]))

    def _read_out(
        self, target: AnyView, vectors: Vectors, skip: Float[Array, "rows keys"]
    ) -> Float[Array, "rows n width"]:
        """Map vectors and values linearly to velocities, one map per key."""
        values = jnp.where(target.value_mask, target.data, 0)
        values = flatten_samples(values, len(target.sample_shape))
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
            parts.append(grow(part, 2, (target.width,), 0))
        return jnp.concatenate(parts, 1)

    def _run(self, layer: Callable[..., Vectors]) -> Callable[..., Vectors]:
        if self.config.remat:
            layer = partial(nnx.remat(type(layer).__call__), layer)

        def run(*given: Any) -> Vectors:
            # Flax norms and JAX attention accumulate bfloat16 in float32.
            with jax.numpy_dtype_promotion("standard"):
                return layer(*given)

        return run
