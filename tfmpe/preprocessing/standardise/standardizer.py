"""To mean 0 and standard deviation 1, key by key, and back.

Padding has no part in it: neither the tokens that the padding mask excludes
nor the columns that a narrow key leaves empty.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from tfmpe._base.arrays import moves_arrays
from tfmpe.preprocessing.standardise.bijectors import Bijector, read_bijectors
from tfmpe.preprocessing.standardise.given import (
    Given,
    Laid,
    StandardizedKey,
    check_floats,
    read_given,
)
from tfmpe.preprocessing.standardise.moments import measure
from tfmpe.preprocessing.tokens.tokens import Tokens
from tfmpe.preprocessing.tokens.views import TokenView


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, eq=False)
class Standardizer:
    """An invertible map of tokens to mean 0 and standard deviation 1.

    Build it with :meth:`fit`; the constructor checks nothing. A value ``x``
    becomes ``(u - mean) / scale - shift`` with ``u = bijector(x)`` where its
    key has a bijector, else ``u = x``.

    Attributes
    ----------
    mean, scale : Array, shape (n_keys, width)
        Mean and standard deviation, one row per key and one column per value
        inside a token. A column whose values are all equal, up to rounding,
        has scale 1.
    shift : Array, shape (n_keys, width)
        What rounding took from the mean, in units of ``scale``: it counts
        where values vary little around a large number.
    keys : tuple of StandardizedKey
        Name, batch shape and bijector of every key: static, hashable.

    Notes
    -----
    A pytree whose leaves are ``mean``, ``shift`` and ``scale``. Standardizers
    of the same keys, batch shapes and bijector objects share one compilation.
    Nothing is kept per token or per sample, so one fits Tokens of any event
    shapes and any number of samples.

    :meth:`forward`, :meth:`inverse` and :meth:`log_det` take Tokens, or a
    view to act on some keys alone, or an array together with ``like``, the
    Tokens or view whose tokens it holds; its sample shape may be another,
    such as that of draws from a model, if the padding mask of ``like`` fits
    it by broadcasting. They return what they were given: Tokens, a view
    whose parent is changed in the view's keys alone, or an array; all with
    the same layouts and the same dtype. They work under ``jit``, ``vmap``
    and ``grad``. Padding keeps what it holds, whatever that is, and reaches
    neither values nor gradients.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {
    ...         "sigma": np.exp([[[0.0]], [[2.0]], [[4.0]]]),
    ...         "obs": np.array([[[3.0], [5.0]]] * 3),
    ...     },
    ...     {},
    ... )
    >>> log = (jnp.log, jnp.exp)
    >>> standardizer = Standardizer.fit(tokens, bijectors={"sigma": log})
    >>> standardizer.mean[:, 0].tolist()
    [2.0, 4.0]
    >>> print(standardizer.forward(tokens).data[0, :, 0].round(3))
    [-1.225 -1.     1.   ]

    Draws of a model that was trained on standardized tokens:

    >>> view = tokens.select_tokens(["sigma"])
    >>> draws = standardizer.inverse(np.zeros((100, 1, 1)), like=view)
    >>> print(view.decode(draws)["sigma"].shape, f"{draws[0, 0, 0]:.3f}")
    (100, 1, 1) 7.389
    """

    mean: Any
    shift: Any
    scale: Any
    keys: tuple[StandardizedKey, ...]

    @classmethod
    @moves_arrays
    def fit(cls, tokens: Any, *, bijectors: Any = None) -> "Standardizer":
        """Measure mean and scale of every key over samples and tokens.

        Parameters
        ----------
        tokens : Tokens or TokenView
            Of floats; a view, to fit some keys alone.
        bijectors : mapping of str to bijector, optional
            For keys with bounded values, an elementwise map to unbounded
            ones that acts before standardizing. Either functions of one
            number ``(forward, inverse)`` or ``(forward, inverse,
            forward_log_det)``, with ``forward`` from bounded to unbounded;
            or a bijector of TensorFlow Probability or a transform of
            NumPyro, which both map unbounded to bounded values, as one
            writes them for a prior: ``Exp`` for positive values.

        Returns
        -------
        Standardizer
            Its arrays are float32, or float64 for tokens of float64.

        Raises
        ------
        ValueError
            If values of a key are NaN or infinite or outside the support of
            its bijector, if a key has no real token, or if a bijector is not
            elementwise. All faults of one kind are listed.
        TypeError
            If the tokens are no floats or are traced, or a bijector is of no
            known kind.
        UnknownKeyError
            If a bijector is given for a key that does not exist.

        Notes
        -----
        Reads values, so it does not work under ``jit``. Sums are taken on
        the host in float64. The standard deviation is that of the values
        themselves (divided by their number, not by one less).

        Examples
        --------
        >>> import numpy as np
        >>> from tfmpe import Tokens
        >>> data = {"obs": np.array([[[1.0], [9.0]], [[3.0], [9.0]]])}
        >>> sizes = {"obs": np.array([[1], [1]])}
        >>> tokens = Tokens.from_pytree(data, {}, event_shapes=sizes)
        >>> fitted = Standardizer.fit(tokens)
        >>> fitted.mean.item(), fitted.scale.item()
        (2.0, 1.0)
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
                "Standardizer.fit reads values, but these tokens are traced "
                "by a jax transformation. Fit before it, and pass the "
                "standardizer in as an argument."
            )
        layout = tokens.layout
        known = read_bijectors(bijectors or {}, layout.names)
        mean, shift, scale = measure(tokens, known)
        return cls(
            jnp.asarray(mean),
            jnp.asarray(shift),
            jnp.asarray(scale),
            tuple(
                StandardizedKey(key.name, key.batch_shape, known.get(key.name))
                for key in layout.keys
            ),
        )

    @moves_arrays
    def forward(self, values: Any, like: Any = None) -> Any:
        """Return standardized values.

        Parameters
        ----------
        values : Tokens, TokenView or array (*sample, n_tokens, width)
            Original values, of floats.
        like : Tokens or TokenView, optional
            For an array: whose tokens it holds.

        Returns
        -------
        Tokens, TokenView or Array
            As ``values``, and with its dtype.

        Raises
        ------
        UnknownKeyError
            If a key was not fitted; select those that were.
        ValueError
            If a key has another batch shape than when it was fitted, or an
            array does not hold the tokens of ``like``.
        TypeError
            If values are no floats, or an array comes without ``like``.
        """
        given = self._read(values, like)
        return given.wrap(given.compute(_forward))

    @moves_arrays
    def inverse(self, values: Any, like: Any = None) -> Any:
        """Return original values for standardized ones.

        Undoes :meth:`forward`, up to rounding: of the order of
        ``eps * (abs(u) + abs(mean) + scale)`` before the bijector.

        Parameters
        ----------
        values : Tokens, TokenView or array (*sample, n_tokens, width)
            Standardized values, of floats.
        like : Tokens or TokenView, optional
            For an array: whose tokens it holds.

        Returns
        -------
        Tokens, TokenView or Array
            As ``values``, and with its dtype.

        Raises
        ------
        UnknownKeyError, ValueError, TypeError
            As :meth:`forward`.
        """
        given = self._read(values, like)
        return given.wrap(given.compute(_inverse))

    @moves_arrays
    def log_det(self, values: Any, like: Any = None) -> Any:
        """Return ``log |det d forward(x) / dx|`` at original values x.

        So a density of standardized values becomes that of the original
        ones: ``log p(x) = log p_standard(forward(x)) + log_det(x)``.

        Parameters
        ----------
        values : Tokens, TokenView or array (*sample, n_tokens, width)
            Original values, of floats.
        like : Tokens or TokenView, optional
            For an array: whose tokens it holds.

        Returns
        -------
        Array, shape (*sample,)
            Over the real values of every sample; those of a view only.

        Raises
        ------
        UnknownKeyError, ValueError, TypeError
            As :meth:`forward`.
        """
        return self._read(values, like).compute(_log_det)

    def _read(self, values: Any, like: Any) -> Given:
        moments = (self.mean, self.shift, self.scale)
        return read_given(values, like, self.keys, moments)

    def tree_flatten_with_keys(
        self,
    ) -> tuple[tuple[Any, ...], tuple[StandardizedKey, ...]]:
        """Split into array leaves and static keys."""
        names = ("mean", "shift", "scale")
        return tuple(
            (jax.tree_util.GetAttrKey(name), getattr(self, name))
            for name in names
        ), self.keys

    @classmethod
    def tree_unflatten(
        cls, keys: tuple[StandardizedKey, ...], children: Iterable[Any]
    ) -> "Standardizer":
        """Rebuild from leaves, whatever they are; checks nothing."""
        standardizer = object.__new__(cls)
        fields = zip(("mean", "shift", "scale"), children, strict=True)
        for name, value in (*fields, ("keys", keys)):
            object.__setattr__(standardizer, name, value)
        return standardizer


def _forward(laid: Laid) -> Any:
    mean, shift, scale = laid.moments
    # What padding holds is replaced before anything is computed with it, as
    # a gradient would turn into NaN by 0 * inf; the result is replaced again.
    unbounded = laid.map(Bijector.forward, laid.bounded())
    unbounded = jnp.where(laid.real, unbounded, mean)
    return laid.instead((unbounded - mean) / scale - shift)


def _inverse(laid: Laid) -> Any:
    mean, shift, scale = laid.moments
    standard = jnp.where(laid.real, laid.values, 0)
    unbounded = (standard + shift) * scale + mean
    return laid.instead(laid.map(Bijector.inverse, unbounded))


def _log_det(laid: Laid) -> Any:
    bounded = laid.bounded()
    slopes = laid.map(Bijector.log_det, bounded, jnp.zeros_like(bounded))
    slopes = slopes - jnp.log(laid.moments[-1])
    return jnp.where(laid.real, slopes, 0).sum((-2, -1))
