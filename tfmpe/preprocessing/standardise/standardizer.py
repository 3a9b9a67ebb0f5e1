"""Standardizer of tokens to mean 0 and standard deviation 1, key by key.

It ignores padding: tokens that the padding mask excludes, and columns that
a narrow key does not fill.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from tfmpe._base.arrays import AnyArray, moves_arrays, on_device
from tfmpe._base.pytree import pytree
from tfmpe.preprocessing.tokens.tokens import Tokens
from tfmpe.preprocessing.tokens.views import TokenView

from .bijectors import Bijector, read_bijectors
from .given import Laid, StandardizedKey, apply, check_floats, wrap
from .moments import measure

T = TypeVar("T")


@pytree("mean", "shift", "scale")
@dataclass(frozen=True, eq=False)
class Standardizer:
    """Invertible map of tokens to mean 0 and standard deviation 1.

    Build it with :meth:`fit`; the constructor checks nothing. A value ``x``
    becomes ``(u - mean) / scale - shift`` with ``u = bijector(x)`` where its
    key has a bijector, else ``u = x``.

    Attributes
    ----------
    mean, scale : Array, shape (n_keys, width)
        Mean and standard deviation, one row per key and one column per value
        inside a token. The scale is 1 if values are equal up to rounding.
    shift : Array, shape (n_keys, width)
        The rounding error of the mean, in units of ``scale``. It matters if
        values vary little around a large number.
    keys : tuple of StandardizedKey
        Name, batch shape and bijector of every key; static and hashable.

    Notes
    -----
    A pytree of ``mean``, ``shift`` and ``scale``, for Tokens with any event
    shapes and number of samples. Standardizers with the same keys, batch shapes
    and bijector objects share one compilation.

    :meth:`forward`, :meth:`inverse` and :meth:`log_det` take Tokens, or a view
    to use only some keys, or an array together with ``like``, the Tokens or
    view whose tokens the array holds. The array may have a different sample
    shape, such as that of draws from a model, if the padding mask of ``like``
    can be broadcast to it. :meth:`forward` and :meth:`inverse` return the same
    type: Tokens, a view whose parent is changed only in the view's keys, or an
    array, with the same layouts and dtype. All work under ``jit``, ``vmap`` and
    ``grad``. Padding is unchanged, and affects neither values nor gradients.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from tfmpe import Tokens
    >>> sigma = np.exp([[[0.0]], [[2.0]], [[4.0]]])
    >>> tokens = Tokens.from_pytree({"sigma": sigma}, {})
    >>> log = (jnp.log, jnp.exp)
    >>> standardizer = Standardizer.fit(tokens, bijectors={"sigma": log})
    >>> print(standardizer.forward(tokens).data.round(3).ravel())
    [-1.225  0.     1.225]
    >>> draws = standardizer.inverse(np.zeros((100, 1, 1)), like=tokens)
    >>> print(draws.shape, f"{draws[0, 0, 0]:.3f}")
    (100, 1, 1) 7.389
    """

    mean: Float[AnyArray, "keys width"]
    shift: Float[AnyArray, "keys width"]
    scale: Float[AnyArray, "keys width"]
    keys: tuple[StandardizedKey, ...]

    @classmethod
    @moves_arrays
    def fit(cls, tokens: object, *, bijectors: object = None) -> "Standardizer":
        """Measure mean and scale of every key over samples and tokens.

        Parameters
        ----------
        tokens : Tokens or TokenView
            Tokens of floats, or a view to fit only some keys.
        bijectors : mapping of str to bijector, optional
            For keys with bounded values, an elementwise map to unbounded
            values, applied before standardizing. Either functions of one
            number ``(forward, inverse)`` or ``(forward, inverse,
            forward_log_det)``, with ``forward`` from bounded to unbounded;
            or a bijector of TensorFlow Probability or a transform of
            NumPyro, which both map unbounded to bounded values, as in a
            prior: ``Exp`` for positive values.

        Returns
        -------
        Standardizer
            Its arrays are float32, or float64 for tokens of float64.

        Raises
        ------
        ValueError
            If values of a key are NaN or infinite or outside the support of
            its bijector, if a key has no tokens other than padding, or if a
            bijector is not elementwise. All faults of one kind are listed.
        TypeError
            If the tokens are not floats or are traced, or a bijector is of an
            unknown kind.
        UnknownKeyError
            If a bijector is given for a key that does not exist.

        Notes
        -----
        Reads values, so it does not work under ``jit``. Sums are computed on
        the host in float64. The variance is divided by the number of values.
        """
        if not isinstance(tokens, (Tokens, TokenView)):
            raise TypeError(
                "Standardizer.fit expects Tokens or a TokenView, got "
                f"{type(tokens).__name__}."
            )
        data, padding = tokens.data, tokens.padding
        check_floats(data)
        if isinstance(data, Tracer) or isinstance(padding, Tracer):
            raise TypeError(
                "Standardizer.fit needs concrete values, but these tokens are "
                "traced by a JAX transformation. Call fit outside the "
                "transformed function, and pass the standardizer to it as an "
                "argument."
            )
        layout = tokens.layout
        known = read_bijectors(bijectors or {}, layout.names)
        mean, shift, scale = measure(tokens, known)
        return cls(
            on_device(mean),
            on_device(shift),
            on_device(scale),
            tuple(
                StandardizedKey(key.name, key.batch_shape, known.get(key.name))
                for key in layout.keys
            ),
        )

    @moves_arrays
    def forward(self, values: T, like: object = None) -> T:
        """Return standardized values.

        Parameters
        ----------
        values : Tokens, TokenView or array (*sample, n_tokens, width)
            Original values, as floats.
        like : Tokens or TokenView, optional
            For an array: the tokens that it holds.

        Returns
        -------
        Tokens, TokenView or Array
            Like ``values``, and with its dtype.

        Raises
        ------
        UnknownKeyError
            If a key was not fitted; select only the fitted keys.
        ValueError
            If a key has a different batch shape than when it was fitted, or an
            array does not hold the tokens of ``like``.
        TypeError
            If values are not floats, or an array is passed without ``like``.
        """
        return wrap(self._apply(_forward, values, like), values)

    @moves_arrays
    def inverse(self, values: T, like: object = None) -> T:
        """Return original values for standardized ones.

        Undoes :meth:`forward`, up to a rounding error of about
        ``eps * (abs(u) + abs(mean) + scale)`` in ``u = bijector(x)``. See
        :meth:`forward` for ``like``, the result and errors.
        """
        return wrap(self._apply(_inverse, values, like), values)

    @moves_arrays
    def log_det(
        self, values: object, like: object = None
    ) -> Float[Array, "*sample"]:
        """Return ``log |det d forward(x) / dx|`` at original values x.

        It converts a density of standardized values to a density of original
        values: ``log p(x) = log p_standard(forward(x)) + log_det(x)``.
        See :meth:`forward` for parameters and errors.

        Returns
        -------
        Array
            One sum per sample, over all values of the given keys but padding.
        """
        return self._apply(_log_det, values, like)

    def _apply(
        self, function: Callable[[Laid], Array], values: object, like: object
    ) -> Array:
        moments = (self.mean, self.shift, self.scale)
        return apply(function, values, like, self.keys, moments)


def _forward(laid: Laid) -> Array:
    mean, shift, scale = laid.moments
    # Padding is replaced before any computation, because a gradient could
    # become NaN (0 * inf); the result is replaced again.
    unbounded = laid.map(Bijector.forward, laid.bounded())
    unbounded = jnp.where(laid.real, unbounded, mean)
    return laid.instead((unbounded - mean) / scale - shift)


def _inverse(laid: Laid) -> Array:
    mean, shift, scale = laid.moments
    standard = jnp.where(laid.real, laid.values, 0)
    unbounded = (standard + shift) * scale + mean
    return laid.instead(laid.map(Bijector.inverse, unbounded))


def _log_det(laid: Laid) -> Array:
    bounded = laid.bounded()
    slopes = laid.map(Bijector.log_det, bounded, jnp.zeros_like(bounded))
    slopes = slopes - jnp.log(laid.moments[-1])
    return jnp.where(laid.real, slopes, 0).sum((-2, -1))
