"""Mixture of normal distributions that depends on the given tokens."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from tfmpe._base.arrays import PRNGKey, to_rank
from tfmpe._base.errors import raise_faults
from tfmpe.nn._config import KnownKey, TransformerConfig, find_keys, known_keys
from tfmpe.nn._gated import Gated
from tfmpe.nn._initial import Linear, normal
from tfmpe.nn._types import AnyView, ViewOrLayout
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.masks.relations import NOTHING, self_relations

_DEFAULT = TransformerConfig(64, n_decoder_layers=3, mlp_ratio=1.0)
_SPREAD = 0.5
"""Initial distance of the components, in sds of the whole mixture."""


class Mixture(NamedTuple):
    """Mixtures of normal distributions, one for each token.

    Attributes
    ----------
    log_weights
        Log weights of the components; the weights sum to 1.
    mean
        Means of the components.
    root
        Lower triangular factors ``L`` of the precisions ``L.T @ L``.
    """

    log_weights: Float[Array, "... n"]
    mean: Float[Array, "... n width"]
    root: Float[Array, "... n width width"]


class _Standard(NamedTuple):
    """Mixtures of the values ``frame @ (values - center)``."""

    center: Float[Array, "... width"]
    frame: Float[Array, "... width width"]
    mixture: Mixture


class MixtureDensity(nnx.Module):
    """A density of observations with few values, such as those of one unit.

    The values of each target token follow a mixture of normal distributions
    with full covariances; a network computes its parameters from given values.
    Draws and densities need a single evaluation, and narrow distributions are
    learned faster than by a flow.

    Parameters
    ----------
    keys
        All keys, with their numbers of tokens; see :meth:`for_tokens`.
    width
        Number of columns of the tokens.
    config
        The size of the network: ``latent_dim``, ``mlp_ratio``, and
        ``n_decoder_layers`` hidden layers. By default 64, 1 and 3.
    n_components
        Number of components of the mixtures.
    rngs
        PRNG keys for the initial parameters.

    Notes
    -----
    The components of a token share a location and a scale; the location is
    linear in the given values, plus a correction. Values standardized by them
    have mean 0 and sd 1 approximately, so that components do not collapse into
    one. Bounded values that are only given need no bijector, which would make a
    linear dependence nonlinear.

    Tokens of the target keys are independent given the other keys, as
    ``"local"`` rules declare; put dependent values into one token. The numbers
    of tokens are fixed when the network is built for a layout. Functional
    inputs and padding are not supported. Source: Bishop, 1994 (mixture density
    networks).

    Examples
    --------
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"theta": jnp.zeros((8, 1, 2)), "obs": jnp.ones((8, 5, 1))},
    ...     {"local": ["obs"]},
    ... )
    >>> density = MixtureDensity.for_tokens(tokens, ["obs"], rngs=nnx.Rngs(0))
    >>> target, given = (tokens.select_tokens([n]) for n in ("obs", "theta"))
    >>> nnx.jit(MixtureDensity.log_prob)(density, target, given).shape
    (8,)
    """

    def __init__(
        self,
        keys: Iterable[tuple[KnownKey, int]],
        width: int,
        config: TransformerConfig | None = None,
        *,
        n_components: int = 8,
        rngs: nnx.Rngs,
    ) -> None:
        config = config or _DEFAULT
        self.config = config
        self.keys = tuple(keys)
        self.width = width
        self.n_components = n_components
        dim = config.latent_dim
        n_values = sum(key.width * n for key, n in self.keys)
        n_inputs = n_values + 2 * len(self.keys)
        self.into = Linear(n_inputs, dim, rngs=rngs)
        self.layers = nnx.Sequential(
            *(
                Gated(dim, config.hidden_dim, dim, scale=0.5, rngs=rngs)
                for _ in range(config.n_decoder_layers)
            )
        )
        n_root = width * (width + 1) // 2
        self.out = Gated(
            dim,
            config.hidden_dim,
            n_components * (1 + width + n_root),
            scale=0.3,
            rngs=rngs,
        )
        self.standard = Linear(n_inputs + dim, width + n_root, rngs=rngs)
        self.spread = nnx.Param(
            normal(rngs.params(), (n_components, width), scale=_SPREAD)
        )

    @classmethod
    def for_tokens(
        cls,
        tokens: ViewOrLayout,
        target_keys: Iterable[str],
        config: TransformerConfig | None = None,
        *,
        n_components: int = 8,
        rngs: nnx.Rngs,
    ) -> "MixtureDensity":
        """Build a network for the layout of some tokens.

        Parameters
        ----------
        tokens
            Tokens, a view or a layout, with all keys.
        target_keys
            The keys whose density is learned.
        config, n_components, rngs
            See the class.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError
            If rules do not make the target tokens independent, or a key has
            functional inputs.
        """
        layout = tokens if isinstance(tokens, TokenLayout) else tokens.layout
        targets = layout.select(target_keys).keys
        relations = self_relations(layout.independence)
        faults = [
            f"{key.name!r} has functional inputs"
            for key in layout.keys
            if key.n_inputs
        ]
        faults += [
            f"tokens of {a.name!r} and {b.name!r} may depend on one another"
            for i, a in enumerate(targets)
            for b in targets[: i + 1]
            if a.n_tokens * b.n_tokens > 1
            and relations.get((a.name, b.name)) != NOTHING
        ]
        raise_faults(
            ValueError,
            "MixtureDensity needs independent tokens without functional "
            "inputs: add 'local' and 'cross' rules, or put dependent values "
            "into one token (batch_ndims)",
            faults,
        )
        sizes = [key.n_tokens for key in layout.keys]
        keys = zip(known_keys(layout), sizes, strict=True)
        width = max(key.width for key in targets)
        return cls(keys, width, config, n_components=n_components, rngs=rngs)

    def mixture(self, target: AnyView, conditioning: AnyView) -> Mixture:
        """Return the mixtures of target tokens; target values are ignored."""
        center, frame, mixture = self._standardized(target, conditioning)
        offset = solve_triangular(frame, mixture.mean.mT, lower=True).mT
        return Mixture(
            mixture.log_weights,
            center[..., None, :] + offset,
            mixture.root @ frame[..., None, :, :],
        )

    def log_prob(
        self, target: AnyView, conditioning: AnyView
    ) -> Float[Array, "*sample"]:
        """Return the log density of the target values, in nats."""
        filled = filled_columns(target.layout.keys, target.width)
        used = filled[:, None, : self.width].astype(np.float32)
        used = to_rank(used, len(target.sample_shape) + 3)
        values = jnp.asarray(target.data, jnp.float32)[..., : self.width]
        center, frame, mixture = self._standardized(target, conditioning)
        standard = _times(frame, (values - center) * used[..., 0, :])
        offset = (standard[..., None, :] - mixture.mean) * used
        white = _times(mixture.root, offset) * used
        log_diagonal = _log_diagonal(mixture.root)
        log_diagonal = log_diagonal + _log_diagonal(frame)[..., None, :]
        log_normal = (log_diagonal * used - 0.5 * white**2).sum(-1)
        constant = 0.5 * math.log(2 * math.pi) * float(used.sum())
        by_token = jax.nn.logsumexp(mixture.log_weights + log_normal, axis=-1)
        return by_token.sum(-1) - constant

    def draw(
        self, target: AnyView, conditioning: AnyView, key: PRNGKey
    ) -> Float[Array, "*sample tokens width"]:
        """Return a draw of the target values for every sample."""
        choice_key, noise_key = jax.random.split(key)
        mixture = self.mixture(target, conditioning)
        choice = jax.random.categorical(choice_key, mixture.log_weights)
        chosen = choice[..., None, None]
        mean = jnp.take_along_axis(mixture.mean, chosen, -2)[..., 0, :]
        root = jnp.take_along_axis(mixture.root, chosen[..., None], -3)
        noise = jax.random.normal(noise_key, mean.shape, mean.dtype)
        moved = solve_triangular(
            root[..., 0, :, :], noise[..., None], lower=True
        )
        values = mean + moved[..., 0]
        missing = [(0, 0)] * (values.ndim - 1) + [
            (0, target.width - self.width)
        ]
        return jnp.pad(values, missing)

    def _standardized(
        self, target: AnyView, conditioning: AnyView
    ) -> _Standard:
        inputs = self._inputs(target, conditioning)
        vectors = self.into(inputs)
        for layer in self.layers.layers:
            vectors = vectors + layer(vectors)
        n, d = self.n_components, self.width
        found = self.out(vectors)
        common = self.standard(jnp.concatenate([inputs, vectors], -1))
        shape = (*found.shape[:-1], n)
        means = found[..., n : n * (1 + d)].reshape((*shape, d))
        entries = found[..., n * (1 + d) :].reshape((*shape, -1))
        return _Standard(
            common[..., :d],
            _root(common[..., d:], d),
            Mixture(
                jax.nn.log_softmax(found[..., :n]),
                means + to_rank(self.spread[...], means.ndim),
                _root(entries, d),
            ),
        )

    def _inputs(
        self, target: AnyView, conditioning: AnyView
    ) -> Float[Array, "*sample tokens inputs"]:
        """Return the given values, the token's key and which keys are given."""
        known = [key for key, _ in self.keys]
        positions = find_keys(known, target.layout)
        find_keys(known, conditioning.layout)
        sample = conditioning.sample_shape
        given = {key.name: key for key in conditioning.layout.keys}
        data = jnp.asarray(conditioning.data, jnp.float32)
        parts, faults = [], []
        for key, n_tokens in self.keys:
            part = jnp.zeros((*sample, n_tokens * key.width), data.dtype)
            if key.name in given:
                found = given[key.name]
                part = data[..., found.block, : key.width]
                part = part.reshape((*sample, -1))
                if found.n_tokens != n_tokens:
                    faults.append(
                        f"{key.name!r} has {found.n_tokens} tokens, expected "
                        f"{n_tokens}"
                    )
            parts.append(part)
        raise_faults(ValueError, "These tokens do not fit the network", faults)
        rows = jnp.concatenate(parts, -1)[..., None, :]
        counts = [key.n_tokens for key in target.layout.keys]
        which = np.eye(len(known))[np.repeat(positions, counts)]
        n = len(which)
        is_given = np.tile([key.name in given for key in known], (n, 1))
        which = np.hstack([which, is_given]).astype(np.float32)
        return jnp.concatenate(
            [
                jnp.broadcast_to(rows, (*sample, n, rows.shape[-1])),
                jnp.broadcast_to(which, (*sample, *which.shape)),
            ],
            -1,
        )


def _root(
    entries: Float[Array, "*shape entries"], width: int
) -> Float[Array, "*shape width width"]:
    """Return lower triangular matrices with positive diagonals.

    Columns are scaled by the diagonal, so that the other entries do not depend
    on the scale of the values.
    """
    rows, columns = np.tril_indices(width)
    diagonal = rows == columns
    scale = jnp.exp(entries[..., diagonal])
    unit = jnp.where(np.broadcast_to(diagonal, entries.shape), 1.0, entries)
    root = jnp.zeros((*entries.shape[:-1], width, width), entries.dtype)
    root = root.at[..., rows, columns].set(unit)
    return root * scale[..., None, :]


def _log_diagonal(
    root: Float[Array, "*shape width width"],
) -> Float[Array, "*shape width"]:
    return jnp.log(jnp.diagonal(root, axis1=-2, axis2=-1))


def _times(
    matrix: Float[Array, "*shape width width"],
    vector: Float[Array, "*shape width"],
) -> Float[Array, "*shape width"]:
    return jnp.einsum("...ij,...j->...i", matrix, vector)
