"""Frozen dataclasses as pytrees with static fields."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

import jax

T = TypeVar("T")


def pytree(*leaves: str) -> Callable[[type[T]], type[T]]:
    """Return a decorator that registers a frozen dataclass as a pytree.

    Fields other than ``leaves`` are static and must be hashable. Unflattening
    bypasses ``__init__``, because JAX may replace leaves by any objects.
    """

    def register(cls: type[T]) -> type[T]:
        names = [field.name for field in fields(cls)]  # pyright: ignore
        static = [name for name in names if name not in leaves]

        def flatten(tree: T) -> tuple[Any, Any]:
            return tuple(
                (jax.tree_util.GetAttrKey(name), getattr(tree, name))
                for name in leaves
            ), tuple(getattr(tree, name) for name in static)

        def unflatten(fixed: Iterable[Any], children: Iterable[Any]) -> T:
            tree = object.__new__(cls)
            for name, value in zip(
                (*leaves, *static), (*children, *fixed), strict=True
            ):
                object.__setattr__(tree, name, value)
            return tree

        jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten)
        return cls

    return register
