"""Static part of tokens: the keys and where their tokens are.

A layout consists of Python ints, strings and tuples, so that it can be hashed,
compared and used in the cache key of a compiled function. Derived values
(slices, labels, declared masks) are computed once, as NumPy arrays.

Words
-----
An array of one key has the shape ``sample + event + batch``: leading sample
axes (independent simulations), event axes that are enumerated as tokens in
row-major order, trailing batch axes that hold the values inside one token.
TensorFlow Probability uses *event* and *batch* the other way around.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, SupportsIndex, TypeAlias, TypeVar

import numpy as np
from jaxtyping import Int32

from tfmpe._base.errors import unknown_key
from tfmpe._base.static import static_int

from .groups import GroupIndex
from .independence import Independence

T = TypeVar("T")

Slices: TypeAlias = Mapping[str, Mapping[str, Any]]
"""``{key: {'offset', 'event_shape', 'batch_shape'}}``."""


class KeyLayout(NamedTuple):
    """Position and shape of the tokens of one key.

    Attributes
    ----------
    name : str
        The key; nested keys are joined with ``/``.
    path : tuple of str
        Keys from the root of the tree to this array.
    offset : int
        Index of the key's first token.
    event_shape, batch_shape : tuple of int
        Axes enumerated as tokens, and axes inside one token.
    label : int
        Integer that stands for the key in ``labels``.
    n_inputs : int or None
        Number of functional inputs per token; None if the key has none.
    dims : tuple of str
        Names of the event axes; empty if they have none.
    groups : tuple of GroupIndex
        Further dimensions of a ragged key (with one event axis), sorted by
        name: the group of every token.
    """

    name: str
    path: tuple[str, ...]
    offset: int
    event_shape: tuple[int, ...]
    batch_shape: tuple[int, ...]
    label: int
    n_inputs: int | None = None
    dims: tuple[str, ...] = ()
    groups: tuple[GroupIndex, ...] = ()

    @property
    def n_tokens(self) -> int:
        """Number of tokens: the product of the event shape."""
        return math.prod(self.event_shape)

    @property
    def width(self) -> int:
        """Number of values in one token: the product of the batch shape."""
        return math.prod(self.batch_shape)

    @property
    def known_dims(self) -> tuple[str | None, ...]:
        """Name of every event axis; None for axes without a name."""
        return self.dims or (None,) * len(self.event_shape)

    @property
    def block(self) -> slice:
        """The key's tokens, as a slice of the token axis."""
        return slice(self.offset, self.offset + self.n_tokens)


@dataclass(frozen=True, eq=False, repr=False)
class TokenLayout:
    """Keys, offsets, shapes, labels and rules of a token array.

    Attributes
    ----------
    keys : tuple of KeyLayout
        In token order; offsets have no gaps.
    independence : Independence
        The declared rules; they name only keys of this layout.

    Notes
    -----
    Hashable, compared by value: a function compiled for one layout is reused
    for an equal one.
    """

    keys: tuple[KeyLayout, ...]
    independence: Independence = field(default_factory=Independence)
    _hash: int = field(init=False)
    _by_name: dict[str, KeyLayout] = field(init=False)
    _memo: dict[Hashable, Any] = field(init=False)

    def __post_init__(self) -> None:
        keys = tuple(packed(self.keys))
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "_hash", hash((keys, self.independence)))
        object.__setattr__(self, "_by_name", {key.name: key for key in keys})
        object.__setattr__(self, "_memo", {})

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TokenLayout):
            return NotImplemented
        return (
            self._hash == other._hash
            and self.keys == other.keys
            and self.independence == other.independence
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (TokenLayout, (self.keys, self.independence))

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{key.name}: {key.event_shape}+{key.batch_shape}"
            + (f" {key.dims}" if key.dims else "")
            + "".join(f" {group}" for group in key.groups)
            for key in self.keys
        )
        return f"TokenLayout({shapes})"

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: object) -> KeyLayout:
        """Return one key's layout, or raise :class:`UnknownKeyError`."""
        try:
            return self._by_name[name]  # pyright: ignore[reportArgumentType]
        except (KeyError, TypeError):
            raise unknown_key(name, self.names) from None

    @property
    def names(self) -> tuple[str, ...]:
        """The keys in token order."""
        return tuple(self._by_name)

    @property
    def by_name(self) -> Mapping[str, KeyLayout]:
        """``{name: KeyLayout}`` in token order, read-only."""
        return MappingProxyType(self._by_name)

    @property
    def n_tokens(self) -> int:
        """Number of tokens of all keys."""
        return sum(key.n_tokens for key in self.keys)

    @property
    def width(self) -> int:
        """Largest number of values in one token (the ``max_batch_size``)."""
        return max((key.width for key in self.keys), default=0)

    @property
    def slices(self) -> dict[str, dict[str, Any]]:
        """``{name: {'offset', 'event_shape', 'batch_shape'}}``, a new dict.

        Entries also have ``'dims'`` and ``'groups'`` if the key has them.
        """
        return slices_of(self.keys)

    @property
    def label_map(self) -> dict[str, int]:
        """``{name: label}``, a new dict."""
        return {key.name: key.label for key in self.keys}

    @property
    def labels(self) -> Int32[np.ndarray, " tokens"]:
        """Label of every token."""
        return self.memo(
            "labels",
            lambda: np.repeat(
                np.array([key.label for key in self.keys], np.int32),
                [key.n_tokens for key in self.keys],
            ),
        )

    def memo(self, name: Hashable, compute: Callable[[], T]) -> T:
        """Return a value derived from the layout, computed once per ``name``.

        Arrays are made read-only, since all callers share them.
        """
        if name not in self._memo:
            value = compute()
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            self._memo[name] = value
        return self._memo[name]

    def select(self, names: Iterable[str]) -> "TokenLayout":
        """Return the layout of some keys, in the order of ``names``.

        Offsets start at 0 again, labels are kept, and rules that name other
        keys are dropped.

        Raises
        ------
        UnknownKeyError
            If a name is not a key of this layout.
        TypeError, ValueError
            If ``names`` is a bare string, or a name is given twice.
        """
        names = checked_names(names)
        for name in names:
            self[name]
        if names == self.names:
            return self
        return self.memo(
            ("select", names),
            lambda: TokenLayout(
                tuple(self[name] for name in names),
                self.independence.restrict(names),
            ),
        )

    def blocks(self, names: Iterable[str]) -> list[slice]:
        """Return the slices of some keys' tokens, in the order given.

        Adjacent slices are merged, because a single slice needs no copy on the
        host.
        """
        merged: list[slice] = []
        for block in (self[name].block for name in names):
            if merged and merged[-1].stop == block.start:
                block = slice(merged.pop().start, block.stop)
            merged.append(block)
        return merged


def slices_of(keys: Iterable[KeyLayout]) -> dict[str, dict[str, Any]]:
    """Return ``{name: {'offset', 'event_shape', 'batch_shape'}}``."""
    slices: dict[str, dict[str, Any]] = {}
    for key in keys:
        slices[key.name] = {
            "offset": key.offset,
            "event_shape": key.event_shape,
            "batch_shape": key.batch_shape,
        }
        if key.dims:
            slices[key.name]["dims"] = key.dims
        if key.groups:
            slices[key.name]["groups"] = {g.name: g for g in key.groups}
    return slices


def packed(keys: Iterable[KeyLayout]) -> Iterable[KeyLayout]:
    """Yield the keys with offsets counted from 0, without gaps."""
    offset = 0
    for key in keys:
        yield key._replace(offset=offset)
        offset += key.n_tokens


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as a tuple; refuse bare strings and duplicates."""
    if isinstance(names, str):
        raise TypeError(
            f"Expected a list of keys, got the string {names!r}. "
            f"Write [{names!r}]."
        )
    if not isinstance(names, Iterable):
        raise TypeError(
            f"Expected a list of keys, got {names!r} of type "
            f"{type(names).__name__}. Pass other arguments by name."
        )
    names = tuple(names)
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"The keys {twice} are given more than once in {list(names)}. "
            "Name every key once."
        )
    return names


def list_of_names(names: object, what: str) -> tuple[str, ...]:
    """Return a sequence of nonempty strings as a tuple, or raise."""
    if (
        not isinstance(names, Sequence)
        or isinstance(names, str)
        or not all(isinstance(name, str) and name for name in names)
    ):
        raise TypeError(f"{what} must be a list of names, not {names!r}.")
    return tuple(names)


def rank_labels(names: Iterable[str]) -> dict[str, int]:
    """Return the default labels: ranks of the keys in sorted order."""
    return {name: rank for rank, name in enumerate(sorted(names))}


def merge_labels(
    names: Iterable[str], given: Mapping[str, SupportsIndex] | None
) -> dict[str, int]:
    """Return every key's label: the given one, or the rank of its name."""
    limits = np.iinfo(np.int32)
    names = list(names)
    if given is None:
        return rank_labels(names)
    labels = {}
    for name in names:
        if name not in given:
            raise unknown_key(
                name, given, "labels must give an integer for every key."
            )
        labels[name] = static_int(given[name], f"labels of {name!r}")
        if not limits.min <= labels[name] <= limits.max:
            raise ValueError(
                f"labels of {name!r} is {labels[name]}; expected an integer "
                f"from {limits.min} to {limits.max}: labels are int32."
            )
    if len(set(labels.values())) < len(labels):
        raise ValueError(
            f"Several keys share a label in {labels}. "
            "Use a different integer for every key."
        )
    return labels
