"""Posterior of global parameters from any number of groups."""

from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from tfmpe._base.arrays import PRNGKey, flatten_samples
from tfmpe.nn._config import KnownKey, TransformerConfig, find_keys, known_keys
from tfmpe.nn._embedding import TimeEmbedding, TokenEmbedding
from tfmpe.nn._gated import Gated
from tfmpe.nn._initial import Linear
from tfmpe.nn._types import AnyView, Vectors, ViewOrLayout
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.masks.token_groups import token_groups

_DEFAULT = TransformerConfig(32, n_decoder_layers=2, mlp_ratio=1.0)


class GroupSummary(NamedTuple):
    """Normal approximation of the posterior of global parameters.

    Attributes
    ----------
    context
        Averages over groups, and 1 divided by the number of groups.
    mean
        Mean of the normal approximation, in standardized units.
    root
        Lower Cholesky factor of its precision (inverse covariance).
    """

    context: Float[Array, "... context"]
    mean: Float[Array, "... d"]
    root: Float[Array, "... d d"]


class GroupPosterior(nnx.Module):
    """A posterior of global parameters whose precision is a sum over groups.

    With a hundred times as many groups as in training, the posterior is about
    ten times as narrow; attention, which averages, cannot extrapolate that.
    Here every group contributes a gradient and a precision, which are added up
    to a normal approximation of the posterior; a vector field in the units of
    this approximation learns the deviations from it.

    Parameters
    ----------
    global_keys
        The keys to infer, whose tokens all groups depend on.
    keys
        The conditioning keys, which make up the groups; see :meth:`for_tokens`.
    n_values
        Number of values of the global keys in one sample.
    config
        The size of the network: ``n_encoder_layers`` exchanges between groups
        and their average, and ``n_decoder_layers`` layers of the vector field.
        Attention is not used. By default vectors of 32, and 2 layers of each.
    rngs
        PRNG keys for the initial parameters.

    Notes
    -----
    Groups are sets of tokens that the independence rules separate, given the
    global keys; group sizes may differ. The mean is one Newton step from a
    first estimate ``m``, a function of averages over all groups and of 1
    divided by their number. The gradient ``s_j`` and the precision ``P_j`` of
    group ``j`` also depend on the group. With a standard normal prior, the
    precision is ``P = 1 + sum P_j``, and the mean ``m + (sum s_j - m) / P``.
    The posterior tends to a normal distribution as groups are added, so the
    output of the network in the vector field is divided by the square root of
    their number. Errors of the gradients do not average out, though: with more
    groups, the mean is wrong by more standard deviations. Sources: Zaheer et
    al., 2017 (sums over sets); van der Vaart, 1998, section 5.7 (one-step
    estimators).

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": jnp.zeros((8, 1, 1)), "obs": jnp.ones((8, 5, 1))},
    ...     {"local": ["obs"]},
    ... )
    >>> posterior = GroupPosterior.for_tokens(
    ...     tokens, ["mu"], ["obs"], rngs=nnx.Rngs(0)
    ... )
    >>> encode = nnx.jit(GroupPosterior.encode)
    >>> encode(posterior, tokens.select_tokens(["obs"])).root.shape
    (8, 1, 1)
    """

    def __init__(
        self,
        global_keys: Iterable[str],
        keys: tuple[KnownKey, ...],
        n_values: int,
        config: TransformerConfig | None = None,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        config = config or _DEFAULT
        self.config = config
        self.global_keys = tuple(global_keys)
        self.n_values = n_values
        self.embedding = TokenEmbedding(config, tuple(keys), rngs=rngs)
        dim, d = config.latent_dim, n_values

        def gated(
            n_in: int, n_out: int, n_context: int = 0, scale: float = 1.0
        ) -> Gated:
            sizes = n_in, config.hidden_dim, n_out, n_context
            return Gated(*sizes, scale=scale, rngs=rngs)

        self.token = gated(dim, dim)
        self.group = gated(dim + 1, dim)
        self.exchanges = nnx.Sequential(
            *(gated(dim, dim, dim) for _ in range(config.n_encoder_layers))
        )
        self.first = gated(dim + 1, d, scale=0.5)
        n_parts = d + d * (d + 1) // 2
        self.contribution = gated(dim, n_parts, dim + 1, scale=0.5)
        self.time = TimeEmbedding(config, rngs=rngs)
        self.into = Linear(d + dim + 1, dim, rngs=rngs)
        self.layers = nnx.Sequential(
            *(gated(dim, dim, dim) for _ in range(config.n_decoder_layers))
        )
        self.out = Linear(dim, d, from_zero=True, rngs=rngs)

    @classmethod
    def for_tokens(
        cls,
        tokens: ViewOrLayout,
        global_keys: Iterable[str],
        conditioning_keys: Iterable[str],
        config: TransformerConfig | None = None,
        *,
        rngs: nnx.Rngs,
    ) -> "GroupPosterior":
        """Build a network for some tokens.

        Parameters
        ----------
        tokens
            See :meth:`Transformer.for_tokens`. The number of groups does not
            matter.
        global_keys
            The keys to infer, without padding.
        conditioning_keys
            The given keys, which make up the groups.
        config, rngs
            See the class.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError
            If the rules leave only one group, or functional inputs are not
            finite.
        """
        layout = tokens if isinstance(tokens, TokenLayout) else tokens.layout
        shared = layout.select(global_keys)
        given = layout.select(conditioning_keys)
        groups = token_groups(layout, shared.names)
        found = np.concatenate([groups[layout[n].block] for n in given.names])
        if len(np.unique(found)) < 2:
            others = [
                key.name
                for key in layout.keys
                if key.n_tokens == 1
                and key.name not in (*shared.names, *given.names)
            ]
            add = f"Add {others} to global_keys (one token each), or add"
            raise ValueError(
                f"The rules link all tokens of {list(given.names)} into one "
                f"group, even given {list(shared.names)}. "
                f"{add if others else 'Add'} 'local' rules, and 'cross_local' "
                "rules that match the dimension of the groups, or use Tokens "
                "with several groups."
            )
        n_values = int(filled_columns(shared.keys, shared.width).sum())
        network = cls(
            shared.names, known_keys(given), n_values, config, rngs=rngs
        )
        if not isinstance(tokens, TokenLayout):
            view = tokens.select_tokens(given.names)
            network.embedding.measure_inputs(view)
        return network

    def __call__(
        self, target: AnyView, conditioning: AnyView, time: Float[Array, "*_"]
    ) -> Float[Array, "*sample tokens width"]:
        """Return the velocities of the target tokens; see :meth:`velocity`."""
        return self.velocity(
            target, conditioning, self.encode(conditioning), time
        )

    def encode(
        self, conditioning: AnyView, key: PRNGKey | None = None
    ) -> GroupSummary:
        """Return the summary of the groups.

        Parameters
        ----------
        conditioning : Tokens or view, sample axes (*sample,)
            The given tokens, standardized. The rules of their root layout
            determine the groups.
        key
            For training: if given, every sample uses a random part of its
            groups (in most samples all groups), so that the network learns
            all numbers of groups.
        """
        find_keys(self.embedding.keys, conditioning.layout)
        sample = conditioning.sample_shape
        vectors = flatten_samples(
            self.embedding(conditioning, is_target=False), len(sample)
        )
        groups = self._groups(conditioning)
        vectors = vectors + self.token(vectors)
        if conditioning.padding is None:
            # Known here, and slow to compute for the compiler.
            sizes = np.bincount(groups)[None, :, None].astype(np.float32)
            shape = (len(vectors), *sizes.shape[1:])
            counts = jnp.broadcast_to(sizes, shape)
        else:
            real = flatten_samples(conditioning.padding, len(sample))
            real = jnp.asarray(real, jnp.float32)[..., None]
            vectors, counts = vectors * real, _sums(real, groups)
        vectors = _sums(vectors, groups) / jnp.maximum(counts, 1)
        counted = [vectors, jnp.log(jnp.maximum(counts, 1))]
        vectors = vectors + self.group(jnp.concatenate(counted, -1))
        used = (counts > 0).astype(vectors.dtype)
        if key is not None:
            used = used * _random_part(key, used.shape)
        summary = self._summary(vectors, used)
        return jax.tree.map(
            lambda leaf: leaf.reshape((*sample, *leaf.shape[1:])), summary
        )

    def velocity(
        self,
        target: AnyView,
        conditioning: AnyView,
        encoded: GroupSummary,
        time: Float[Array, "*_"],
    ) -> Float[Array, "*sample tokens width"]:
        """Return velocities of global parameters in the summary's units.

        See :meth:`Transformer.velocity`. An untrained network returns the
        velocities that lead from a standard normal distribution to itself.
        """
        del conditioning
        sample = target.sample_shape
        values = self._values(target)
        time = jnp.broadcast_to(time, sample).astype(values.dtype)
        # Only the normal approximation trains the averages: if the flow did
        # too, the mean would be worse.
        context = jax.lax.stop_gradient(encoded.context)
        vectors = self.into(jnp.concatenate([values, context], -1))
        moment = self.time(time.reshape(-1))
        moment = moment.reshape((*sample, moment.shape[-1]))
        for layer in self.layers.layers:
            vectors = vectors + layer(vectors, moment)
        rate = (2 * time - 1) / (time**2 + (1 - time) ** 2)
        # The posterior of many groups is normal.
        change = self.out(vectors) * jnp.sqrt(context[..., -1:])
        return self._laid_out(target, rate[..., None] * values + change)

    def whiten(
        self, target: AnyView, encoded: GroupSummary
    ) -> Float[Array, "*sample tokens width"]:
        """Return global parameters in units of the normal approximation."""
        centered = self._values(target) - encoded.mean
        white = jnp.einsum("...ij,...i->...j", encoded.root, centered)
        return self._laid_out(target, white)

    def restore(
        self, target: AnyView, encoded: GroupSummary
    ) -> Float[Array, "*sample tokens width"]:
        """Return standardized global parameters; inverse of :meth:`whiten`."""
        white = self._values(target)[..., None]
        moved = jax.scipy.linalg.solve_triangular(
            encoded.root, white, trans=1, lower=True
        )
        return self._laid_out(target, encoded.mean + moved[..., 0])

    def log_det(self, encoded: GroupSummary) -> Float[Array, "*sample"]:
        """Return the log determinant of :meth:`whiten`."""
        diagonal = jnp.diagonal(encoded.root, axis1=-2, axis2=-1)
        return jnp.log(diagonal).sum(-1)

    def _groups(self, conditioning: AnyView) -> Int[np.ndarray, " tokens"]:
        """Return the group of every given token, from 0."""
        root = conditioning.root
        groups = token_groups(root, self.global_keys)
        names = conditioning.layout.names
        own = [groups[root[name].block] for name in names]
        return np.unique(np.concatenate(own), return_inverse=True)[1]

    def _summary(
        self, vectors: Vectors, used: Float[Array, "rows n 1"]
    ) -> GroupSummary:
        count = jnp.maximum(used.sum((1, 2))[:, None], 1)

        def average(vectors: Vectors) -> Float[Array, "rows latent"]:
            return (vectors * used).sum(1) / count

        for layer in self.exchanges.layers:
            vectors = vectors + layer(vectors, average(vectors)[:, None])
        context = jnp.concatenate([average(vectors), 1 / count], -1)
        first = self.first(context)
        parts = self.contribution(vectors, context[:, None])
        d = self.n_values
        gradient = (parts[..., :d] * used).sum(1)
        factors = jnp.einsum("rgk,kij->rgij", parts[..., d:], _triangles(d))
        factors = factors + 0.5 * jnp.eye(d)[None, None]
        precision = jnp.eye(d)[None] + jnp.einsum(
            "rgij,rgkj,rg->rik", factors, factors, used[..., 0]
        )
        root = jnp.linalg.cholesky(precision)
        step = jax.scipy.linalg.cho_solve(
            (root, True), (gradient - first)[..., None]
        )
        return GroupSummary(context, first + step[..., 0], root)

    def _values(self, target: AnyView) -> Float[Array, "*sample d"]:
        filled = filled_columns(target.layout.keys, target.width)
        data = jnp.asarray(target.data, jnp.float32)
        flat = data.reshape((*data.shape[:-2], -1))
        return flat[..., np.flatnonzero(filled)]

    def _laid_out(
        self, target: AnyView, values: Float[Array, "*sample d"]
    ) -> Float[Array, "*sample tokens width"]:
        filled = filled_columns(target.layout.keys, target.width)
        shape = values.shape[:-1]
        flat = jnp.zeros((*shape, filled.size), values.dtype)
        flat = flat.at[..., np.flatnonzero(filled)].set(values)
        return flat.reshape((*shape, *filled.shape))


def _sums(
    vectors: Float[Array, "rows tokens n"], groups: Int[np.ndarray, " tokens"]
) -> Float[Array, "rows groups n"]:
    """Return sums over the tokens of every group."""
    n_groups = int(groups.max(initial=-1)) + 1
    # Tokens first, so that whole blocks of memory are added.
    sums = jax.ops.segment_sum(vectors.swapaxes(0, 1), groups, n_groups)
    return sums.swapaxes(0, 1)


def _random_part(
    key: PRNGKey, shape: tuple[int, ...]
) -> Float[Array, "rows groups 1"]:
    """Return 1 for groups to use; all are used in nine tenths of the rows."""
    row_key, group_key = jax.random.split(key)
    share = 10 * jax.random.uniform(row_key, (shape[0], 1, 1))
    place = jax.random.uniform(group_key, shape)
    lowest = place <= place.min(1, keepdims=True)
    return ((place < share) | lowest).astype(jnp.float32)


def _triangles(d: int) -> Float[np.ndarray, "n d d"]:
    """Return the matrices with a single 1, on or below the diagonal."""
    rows, columns = np.tril_indices(d)
    found = np.zeros((len(rows), d, d), np.float32)
    found[np.arange(len(rows)), rows, columns] = 1
    return found
