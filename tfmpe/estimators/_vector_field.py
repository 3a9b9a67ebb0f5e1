"""What a vector field is, and how one is taken through ``jit``."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
from flax import nnx


class VectorField(Protocol):
    """Velocities of the target tokens, given the conditioning tokens.

    Anything that can be called like this: a function, a flax NNX module, an
    equinox module.
    """

    def __call__(self, target: Any, conditioning: Any, time: Any) -> Any:
        """Return the velocity of every target value.

        Parameters
        ----------
        target, conditioning : Tokens or view, sample axes (*sample,)
            Where the flow is, and what is given. Both answer the questions
            of Tokens: data, labels, functional inputs, padding, masks. Their
            masks know the rules between them:
            ``target.attention_mask(conditioning)``. Padding of the target
            holds 0, of the conditioning whatever it holds; see
            ``value_mask``. ``conditioning`` may have no tokens at all.
        time : Array, shape (*sample,)
            From 0 (noise) to 1 (values), dimensionless.

        Returns
        -------
        Array, shape (*sample, n_target_tokens, width)
            Change of the target values per unit of time. What it holds for
            padding is not read. Samples must not depend on one another.
        """
        ...


@runtime_checkable
class EncodingVectorField(Protocol):
    """A vector field that reads the conditioning tokens once per solution.

    ``velocity(target, conditioning, encode(conditioning), time)`` must be
    what the field returns when it is called.
    """

    def encode(self, conditioning: Any) -> Any:
        """Return what :meth:`velocity` needs of the conditioning tokens.

        Returns
        -------
        tree of arrays, each of shape (*sample, ...)
        """
        ...

    def velocity(
        self, target: Any, conditioning: Any, encoded: Any, time: Any
    ) -> Any:
        """Return the velocity of every target value; see the class."""
        ...


def given(field: Any, conditioning: Any) -> Callable[[Any, Any], Any]:
    """Return the field for one conditioning: from target and time.

    What depends on the conditioning alone is computed here, once.
    """
    if isinstance(field, EncodingVectorField):
        encoded = field.encode(conditioning)
        return lambda target, time: field.velocity(
            target, conditioning, encoded, time
        )
    return lambda target, time: field(target, conditioning, time)


class SplitField(NamedTuple):
    """A vector field, taken apart for ``jit``.

    Attributes
    ----------
    static : hashable
        What it is: equal for fields of one architecture.
    parameters : tree of arrays
        What training changes.
    rest : tree of arrays
        Other arrays; training leaves them as they are.
    """

    static: Any
    parameters: Any
    rest: Any


def split_field(field: Any) -> SplitField:
    """Take a vector field apart; :func:`merge_field` undoes it.

    Parameters of an NNX module are its ``nnx.Param``; of any other pytree
    its arrays of floats. A function has none, and is compiled for once for
    as long as it is the same object.
    """
    if isinstance(field, nnx.Module):
        graph, parameters, rest = nnx.split(field, nnx.Param, ...)
        return SplitField(("nnx", graph), parameters, rest)
    parameters, rest = eqx.partition(field, eqx.is_inexact_array)
    rest, static = eqx.partition(rest, eqx.is_array)
    leaves, structure = jax.tree.flatten(static)
    return SplitField(("tree", structure, tuple(leaves)), parameters, rest)


def merge_field(static: Any, parameters: Any, rest: Any) -> Any:
    """Put a vector field together again."""
    if static[0] == "nnx":
        return nnx.merge(static[1], parameters, rest)
    _, structure, leaves = static
    return eqx.combine(parameters, rest, jax.tree.unflatten(structure, leaves))


def with_parameters(field: Any, parameters: Any) -> Any:
    """Return a field with other parameters; an NNX module is changed."""
    if isinstance(field, nnx.Module):
        nnx.update(field, parameters)
        return field
    split = split_field(field)
    return merge_field(split.static, parameters, split.rest)
