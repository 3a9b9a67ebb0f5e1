"""The legacy network."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from tfmpe.compat.defects.l22_masks_without_effect import ignore_masks
from tfmpe.compat.nn.transformer._config import read_config
from tfmpe.compat.nn.transformer._embedding import Embedding
from tfmpe.compat.nn.transformer._stacks import Stack
from tfmpe.compat.nn.transformer._weights import Keys, Linear


class Transformer(nnx.Module):
    """The legacy vector field: parameter paths, shapes and outputs as were.

    Parameters
    ----------
    config : mapping
        The legacy configuration: ``latent_dim``, ``label_dim``,
        ``index_out_dim`` (0 without functional inputs), ``n_encoder``,
        ``n_decoder``, ``n_heads``, ``n_ff``, ``dropout``. Other entries are
        left alone.
    value_dim : int
        Values in a token, of theta and context alike.
    n_labels : int
        Number of labels: one more than the largest.
    index_dim : int
        Functional inputs of a token; 0 if ``index_out_dim`` is.
    rngs : nnx.Rngs
        ``params`` gives the first weights, ``dropout`` what is dropped.
    activation : callable
        After each linear layer of the feed-forward parts.

    Raises
    ------
    ValueError
        Lists every part of ``config`` that is missing or does not fit, or if
        a size is not positive.

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.Transformer``. The names and the order of
    the arguments after ``config`` were not recorded, nor were where dropout
    acts (here on attention weights and after each activation) and how the
    frequencies of several functional inputs are laid out (here a row for
    each frequency). All else follows from stored weights, outputs and seeds:
    the same seed gives the weights that the legacy network began with.

    A new network drops; call ``eval()`` before sampling and ``train()``
    before training, as with any NNX module. :func:`load_parameters` puts
    stored weights in.

    Safe under ``jit``, ``vmap`` and ``grad``; dropout, as always in NNX,
    needs ``nnx.jit``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> config = dict(
    ...     latent_dim=8,
    ...     label_dim=2,
    ...     index_out_dim=0,
    ...     n_encoder=1,
    ...     n_decoder=1,
    ...     n_heads=2,
    ...     n_ff=1,
    ...     dropout=0.1,
    ... )
    >>> network = Transformer(config, value_dim=1, n_labels=3, rngs=nnx.Rngs(0))
    >>> network.eval()
    >>> velocity = network(
    ...     theta=jnp.ones((1, 4, 1)),
    ...     theta_label=jnp.zeros((1, 4), int),
    ...     theta_index=None,
    ...     theta_mask=None,
    ...     time=jnp.zeros((1, 1, 1)),
    ...     context=jnp.ones((1, 6, 1)),
    ...     context_label=jnp.ones((1, 6), int),
    ...     context_index=None,
    ...     context_mask=None,
    ...     cross_mask=None,
    ... )
    >>> velocity.shape
    (1, 4, 1)
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        value_dim: int = 1,
        n_labels: int = 1,
        index_dim: int = 0,
        *,
        rngs: nnx.Rngs,
        activation: Callable[[Any], Any] = nnx.relu,
    ) -> None:
        sizes = read_config(config)
        for name, value, least in (
            ("value_dim", value_dim, 1),
            ("n_labels", n_labels, 1),
            ("index_dim", index_dim, 1 if sizes.index_out_dim else 0),
        ):
            if value < least:
                raise ValueError(
                    f"{name} is {value}, expected {least} or more with "
                    f"index_out_dim {sizes.index_out_dim}."
                )

        keys = _DrawnOneByOne(rngs)
        self.embedding = Embedding(keys, sizes, value_dim, n_labels, index_dim)
        self.encoder = Stack(
            keys.split(sizes.n_encoder), sizes, sizes.n_encoder, activation
        )
        self.decoder = Stack(
            keys.split(sizes.n_decoder), sizes, sizes.n_decoder, activation
        )
        self.linear = Linear(keys, sizes.latent_dim, value_dim)
        self.rate = sizes.dropout
        self.deterministic = False
        self.rngs = rngs

    def __call__(
        self,
        *,
        theta: Any,
        theta_label: Any,
        theta_index: Any,
        theta_mask: Any,
        time: Any,
        context: Any,
        context_label: Any,
        context_index: Any,
        context_mask: Any,
        cross_mask: Any,
    ) -> Any:
        """Return the velocity of every value of theta.

        Parameters
        ----------
        theta : Array, shape (n, n_theta, value_dim)
        theta_label : Array of int, shape (n or 1, n_theta)
        theta_index : Array, shape (n or 1, n_theta, index_dim), or None
            Not looked at where ``index_out_dim`` is 0.
        theta_mask : Array or None
            Without effect (L22).
        time : Array, shape (n or 1, 1, 1)
            Seen by both sides.
        context : Array, shape (n, n_context, value_dim)
        context_label, context_index, context_mask
            As those of theta.
        cross_mask : Array, shape (n or 1, 1, n_theta, n_context), or None
            Nonzero where a theta token may attend to a context token. A row
            of zeros attends to all alike (L22).

        Returns
        -------
        Array, shape (n, n_theta, value_dim)

        Raises
        ------
        ValueError
            If a width is not that of the network.

        Warns
        -----
        MasksWithoutEffectWarning
            If ``theta_mask`` or ``context_mask`` forbids something (L22).
        """
        ignore_masks(theta_mask=theta_mask, context_mask=context_mask)
        x = self.embedding(
            "theta", theta, theta_label, theta_index, time, False
        )
        memory = self.embedding(
            "context", context, context_label, context_index, time, True
        )
        x = self.encoder.encode(x, self._drop)
        memory = self.encoder.encode(memory, self._drop)
        return self.linear(
            self.decoder.decode(x, memory, cross_mask, self._drop)
        )

    def _drop(self, x: Any) -> Any:
        if self.deterministic or not self.rate:
            return x
        keep = 1 - self.rate
        kept = jax.random.bernoulli(self.rngs.dropout(), keep, x.shape)
        return jnp.where(kept, x / keep, 0)


class _DrawnOneByOne(Keys):
    """Keys of weights outside a stack: the next ones of ``rngs``."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self._rngs = rngs

    def next(self) -> Any:
        """Return the next key."""
        return self._rngs.params()

    def split(self, n: int) -> Keys:
        """Return keys for a stack of ``n`` layers."""
        return Keys(jax.random.split(self.next(), n))
