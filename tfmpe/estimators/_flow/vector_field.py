"""Interfaces of vector fields and densities, which are split for ``jit``."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Num

from tfmpe.estimators._types import AnyTokens, Arrays, PRNGKey


@runtime_checkable
class VectorField(Protocol):
    """Velocities of the target tokens, given the conditioning tokens.

    Any callable with these arguments: a function, a Flax NNX module, an
    Equinox module.
    """

    def __call__(
        self,
        target: AnyTokens,
        conditioning: AnyTokens,
        time: Float[Array, "*sample"],
        /,
    ) -> Num[Array, "*sample tokens width"]:
        """Return the velocity of every target value.

        Parameters
        ----------
        target, conditioning
            The position of the flow, and the given tokens. Both have the
            properties of Tokens: data, labels, functional inputs, padding,
            masks. Their masks include the rules between them:
            ``target.attention_mask(conditioning, both_ways=True)``. Padding
            is 0 in the target, but any value in the conditioning; see
            ``value_mask``. ``conditioning`` may have no tokens at all.
        time
            From 0 (noise) to 1 (values), dimensionless.

        Returns
        -------
        Array, shape (*sample, n_target_tokens, width)
            Change of the target values per unit of time; ignored for
            padding. Samples must not depend on one another.

        Notes
        -----
        A call must not change the field, so first call ``eval()`` on NNX
        modules with dropout or batch norm. Only training may change a field:
        a function, or an object that is not a pytree, is compiled with the
        values that it holds at its first call.
        """
        ...


@runtime_checkable
class EncodingVectorField(Protocol):
    """A vector field that encodes the conditioning tokens once per solve.

    ``velocity(target, conditioning, encode(conditioning), time)`` must
    return the same as a call of the field.
    """

    def encode(self, conditioning: AnyTokens, /) -> Any:
        """Return what :meth:`velocity` needs from the conditioning tokens.

        Returns
        -------
        tree of arrays, each of shape (*sample, ...)
        """
        ...

    def velocity(
        self,
        target: AnyTokens,
        conditioning: AnyTokens,
        encoded: Any,
        time: Float[Array, "*sample"],
        /,
    ) -> Num[Array, "*sample tokens width"]:
        """Return the velocity of every target value; see the class."""
        ...


@runtime_checkable
class DensityField(Protocol):
    """A network that knows the density of target values.

    :class:`tfmpe.nn.MixtureDensity` is one.
    """

    def log_prob(
        self, target: AnyTokens, conditioning: AnyTokens, /
    ) -> Float[Array, "*sample"]:
        """Return the log density of the target values, in nats."""
        ...

    def draw(
        self, target: AnyTokens, conditioning: AnyTokens, key: PRNGKey, /
    ) -> Float[Array, "*sample tokens width"]:
        """Return a draw of the target values for every sample."""
        ...


Field: TypeAlias = VectorField | EncodingVectorField
Network: TypeAlias = Field | DensityField
Velocity: TypeAlias = Callable[
    [AnyTokens, Float[Array, "*sample"]], Num[Array, "*sample tokens width"]
]
"""A field for one conditioning, as a function of target and time."""

_OTHERS = (
    "Pass a model to fit, or to load as model=; a config to "
    "Transformer.for_tokens."
)


def check_field(field: object) -> Field:
    """Return the vector field; raise if it is a class or not callable."""
    if isinstance(field, type):
        raise TypeError(
            f"The vector field is the class {field.__name__}; pass an "
            "instance of it."
        )
    if not isinstance(field, (VectorField, EncodingVectorField)):
        raise TypeError(
            f"The vector field is {field!r}, expected a callable with the "
            f"arguments (target, conditioning, time). {_OTHERS}"
        )
    return field


def check_network(network: object) -> None:
    """Raise unless the argument is a vector field or a density."""
    kinds = VectorField, EncodingVectorField, DensityField
    if not isinstance(network, kinds):
        raise TypeError(
            f"The network is {network!r}, expected one such as "
            f"tfmpe.nn.Transformer. {_OTHERS}"
        )


def given(field: Field, conditioning: AnyTokens) -> Velocity:
    """Return the field for a fixed conditioning, which is encoded only once."""
    if isinstance(field, EncodingVectorField):
        encoded = field.encode(conditioning)
        velocity = partial(_swapped, field, encoded)
    else:
        velocity = field

    def checked(
        target: AnyTokens, time: Float[Array, "*sample"]
    ) -> Num[Array, "*sample tokens width"]:
        found = velocity(target, conditioning, time)
        # A wrong shape might be broadcast silently.
        if jnp.shape(found) != target.data.shape:
            raise ValueError(
                f"The vector field returned the shape {jnp.shape(found)}, "
                f"expected {target.data.shape}: one velocity for every "
                f"target value (samples, tokens of "
                f"{list(target.layout.names)}, width)."
            )
        return found

    return checked


def _swapped(
    field: EncodingVectorField,
    encoded: Any,
    target: AnyTokens,
    conditioning: AnyTokens,
    time: Float[Array, "*sample"],
) -> Num[Array, "*sample tokens width"]:
    return field.velocity(target, conditioning, encoded, time)


class SplitField(NamedTuple):
    """A vector field, split for ``jit``.

    The static part is equal for fields of the same architecture. Training
    changes the parameters. The rest is all other arrays, which are stored, and
    the state of random number generators, which is not.
    """

    static: Hashable
    parameters: Arrays
    rest: Arrays


def split_field(field: Any) -> SplitField:
    """Split a vector field; :func:`merge_field` is the inverse.

    The parameters of an NNX module are its ``nnx.Param``; the parameters of any
    other pytree are its float arrays. A function has no parameters, and is
    compiled anew for each function object.
    """
    if isinstance(field, nnx.Module):
        graph, parameters, random, others = nnx.split(
            field, nnx.Param, nnx.RngState, ...
        )
        return SplitField(("nnx", graph), parameters, (others, random))
    parameters, others = eqx.partition(field, eqx.is_inexact_array)
    others, static = eqx.partition(others, eqx.is_array)
    leaves, structure = jax.tree.flatten(static)
    static = ("tree", structure, tuple(leaves))
    return SplitField(static, parameters, (others, None))


def has_parameters(field: Any) -> bool:
    """Return whether a field has anything to train."""
    return bool(jax.tree.leaves(split_field(field).parameters))


def merge_field(static: Any, parameters: Arrays, rest: Arrays) -> Any:
    """Return the field that was split."""
    others, random = rest
    if static[0] == "nnx":
        return nnx.merge(static[1], parameters, others, random)
    _, structure, leaves = static
    return eqx.combine(
        parameters, others, jax.tree.unflatten(structure, leaves)
    )


def with_arrays(field: Any, parameters: Arrays, others: Arrays) -> Any:
    """Return a copy of a field with its arrays replaced.

    ``others`` is the first item of ``SplitField.rest``.
    """
    split = split_field(field)
    return merge_field(split.static, parameters, (others, split.rest[1]))
