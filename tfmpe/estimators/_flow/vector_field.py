"""What a vector field is, and how one is taken through ``jit``."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
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
            ``target.attention_mask(conditioning, both_ways=True)``. Padding
            of the target holds 0, of the conditioning whatever it holds; see
            ``value_mask``. ``conditioning`` may have no tokens at all.
        time : Array, shape (*sample,)
            From 0 (noise) to 1 (values), dimensionless.

        Returns
        -------
        Array, shape (*sample, n_target_tokens, width)
            Change of the target values per unit of time. What it holds for
            padding is not read. Samples must not depend on one another.

        Notes
        -----
        A call must not change the field: of NNX modules with dropout or
        batch norm call ``eval()`` first. Nor may anything else change it but
        training: a function, or an object that is no pytree, is compiled
        with what it holds when it is first called.
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


def check_field(field: Any) -> Any:
    """Return a vector field as it is.

    Raises
    ------
    TypeError
        If it cannot be called, or is a class.
    """
    if isinstance(field, type):
        raise TypeError(
            f"The vector field is the class {field.__name__}; give an "
            "instance of it."
        )
    if not (callable(field) or isinstance(field, EncodingVectorField)):
        raise TypeError(
            f"The vector field is {field!r}, expected something to call with "
            "(target, conditioning, time)."
        )
    return field


def given(field: Any, conditioning: Any) -> Callable[[Any, Any], Any]:
    """Return the field for one conditioning: from target and time.

    What depends on the conditioning alone is computed here, once.

    Raises
    ------
    ValueError
        When called, if there is not one velocity for every value.
    """
    if isinstance(field, EncodingVectorField):
        velocity = partial(_encoded, field, field.encode(conditioning))
    else:
        velocity = field

    def checked(target: Any, time: Any) -> Any:
        found = velocity(target, conditioning, time)
        # It could be broadcast, silently.
        if jnp.shape(found) != target.data.shape:
            raise ValueError(
                f"The vector field returned the shape {jnp.shape(found)}, "
                f"expected {target.data.shape}: one velocity for every "
                f"target value (samples, tokens of "
                f"{list(target.layout.names)}, width)."
            )
        return found

    return checked


def _encoded(
    field: Any, encoded: Any, target: Any, conditioning: Any, time: Any
) -> Any:
    return field.velocity(target, conditioning, encoded, time)


class SplitField(NamedTuple):
    """A vector field, taken apart for ``jit``.

    Attributes
    ----------
    static : hashable
        What it is: equal for fields of one architecture.
    parameters : tree of arrays
        What training changes.
    rest : pair of trees of arrays
        What training leaves as it is: other arrays; and the state of random
        number generators, which no file holds.
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
        graph, parameters, random, others = nnx.split(
            field, nnx.Param, nnx.RngState, ...
        )
        return SplitField(("nnx", graph), parameters, (others, random))
    parameters, others = eqx.partition(field, eqx.is_inexact_array)
    others, static = eqx.partition(others, eqx.is_array)
    leaves, structure = jax.tree.flatten(static)
    static = ("tree", structure, tuple(leaves))
    return SplitField(static, parameters, (others, None))


def merge_field(static: Any, parameters: Any, rest: Any) -> Any:
    """Put a vector field together again."""
    others, random = rest
    if static[0] == "nnx":
        return nnx.merge(static[1], parameters, others, random)
    _, structure, leaves = static
    return eqx.combine(
        parameters, others, jax.tree.unflatten(structure, leaves)
    )


def with_arrays(field: Any, parameters: Any, others: Any) -> Any:
    """Return a field with other arrays, and leave this one as it is.

    ``others`` is the first of the ``rest`` of a :class:`SplitField`.
    """
    split = split_field(field)
    return merge_field(split.static, parameters, (others, split.rest[1]))
