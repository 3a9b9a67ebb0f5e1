"""Networks that distinguish two sets of points."""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float

from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.nn._stacks import make_stack, unstacked


class FFLayer(nnx.Module):
    """A linear layer with an activation.

    Parameters
    ----------
    dim : int
        Width of input and output.
    activation : callable
    rngs : nnx.Rngs, optional
        By default all instances share ``nnx.Rngs(0)`` (L20).

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2stnf.FFLayer``. Works under ``jit``.
    """

    def __init__(
        self,
        dim: int,
        activation: Callable[[Any], Any],
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "metrics.lc2stnf.FFLayer")
        self.linear = nnx.Linear(dim, dim, rngs=rngs)
        self.activation = activation

    def __call__(self, x: Float[Array, "*n dim"]) -> Float[Array, "*n dim"]:
        """Return the transformed vectors."""
        return self.activation(self.linear(x))


class BinaryMLPClassifier(nnx.Module):
    """Network for the probability that a point is from the second set.

    Parameters
    ----------
    dim : int
        Width of a point.
    latent_dim, n_layers : int
        Width and number of the hidden layers.
    activation : callable
    rngs : nnx.Rngs, optional
        By default all instances share ``nnx.Rngs(0)`` (L20).

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2stnf.BinaryMLPClassifier``. Calls are
    deterministic. Works under ``jit``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> classifier = BinaryMLPClassifier(3, 8, 1, nnx.relu, nnx.Rngs(0))
    >>> classifier(jnp.ones((5, 3))).shape
    (5,)
    """

    def __init__(
        self,
        dim: int,
        latent_dim: int,
        n_layers: int,
        activation: Callable[[Any], Any],
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "metrics.lc2stnf.BinaryMLPClassifier")
        self.n_layers = n_layers
        # Weights are drawn in this order, not in the order of the layers.
        self.layers = make_stack(
            lambda part: FFLayer(latent_dim, activation, part), n_layers, rngs
        )
        self.in_layer = nnx.Linear(dim, latent_dim, rngs=rngs)
        self.output = nnx.Linear(latent_dim, 1, rngs=rngs)

    def __call__(self, u: Float[Array, "*n dim"]) -> Float[Array, "*n"]:
        """Return probabilities."""
        x = self.in_layer(u)
        for layer in unstacked(self.layers):
            x = layer(x)
        return nnx.sigmoid(self.output(x))[..., 0]


class MultiBinaryMLPClassifier(nnx.Module):
    """Classifiers side by side, each with its own column of points.

    Parameters
    ----------
    dim, latent_dim, n_layers, activation
        See :class:`BinaryMLPClassifier`.
    n : int
        Number of classifiers.
    rngs : nnx.Rngs, optional
        Split in ``n``. By default all instances share ``nnx.Rngs(0)`` (L20).

    Notes
    -----
    Legacy: ``sfmpe.metrics.lc2stnf.MultiBinaryMLPClassifier``. Works under
    ``jit``.
    """

    def __init__(
        self,
        dim: int,
        latent_dim: int,
        n_layers: int,
        activation: Callable[[Any], Any],
        n: int,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "metrics.lc2stnf.MultiBinaryMLPClassifier")
        self.n = n
        self.classifiers = make_stack(
            lambda part: BinaryMLPClassifier(
                dim, latent_dim, n_layers, activation, part
            ),
            n,
            rngs,
        )

    def __call__(self, u: Any) -> Float[Array, "rows n"]:
        """Return probabilities; classifier ``h`` sees ``u[:, h]``.

        Parameters
        ----------
        u : Array, shape (rows, n, dim)

        Raises
        ------
        AssertionError
            If ``u`` has the wrong number of axes or columns.
        """
        if u.ndim != 3 or u.shape[1] != self.n:
            raise AssertionError(
                f"u has shape {u.shape}, expected (rows, {self.n}, dim): one "
                "column of points for every classifier."
            )
        graph, weights = nnx.split(self.classifiers, nnx.Param)

        def call(weights: Any, points: Any) -> Any:
            return nnx.merge(graph, weights)(points)

        return jax.vmap(call, (0, 1), 1)(weights, u)


Classifier = BinaryMLPClassifier | MultiBinaryMLPClassifier
