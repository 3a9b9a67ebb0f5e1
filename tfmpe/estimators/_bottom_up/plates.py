"""Plates: axes along which the units of a model are independent."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, SupportsIndex

import numpy as np
from jaxtyping import Int

from tfmpe._base.errors import nearest, raise_faults
from tfmpe._base.static import positive, static_int
from tfmpe._base.trees import flatten_tree, lookup_per_key
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._types import ArrayTree, PerKey
from tfmpe.preprocessing import Independence, KeyLayout, TokenLayout
from tfmpe.preprocessing.masks.relations import NOTHING, self_relations

_NO_RULES = Independence()


class Group(NamedTuple):
    """Observations of one kind of unit, and the keys they depend on.

    ``plates`` are the plates of the target keys that grow; the conditioning
    keys have no others that grow.
    """

    plates: tuple[str, ...]
    conditional: Conditional


@dataclass(frozen=True)
class Plates:
    """The names of event axes, and the sizes of those that grow.

    Build it with :meth:`read`; the constructor checks nothing. Every key has
    the plates of its leading event axes. Plates without a size are fixed: they
    have the size that the prior and the simulator return. Plates with a size
    grow from one unit to this size.
    """

    axes: Mapping[str, tuple[str, ...]]
    sizes: Mapping[str, int]

    @classmethod
    def read(
        cls,
        plates: Mapping[str, Iterable[str]],
        sizes: Mapping[str, SupportsIndex],
    ) -> "Plates":
        """Check the plates and sizes of a call; errors list every fault."""
        faults: list[str] = []
        axes = {}
        for name, names in plates.items():
            if isinstance(names, str) or not isinstance(names, Iterable):
                faults.append(
                    f"the plates of {name!r} are {names!r}, expected a tuple "
                    f"such as ({str(names)!r},)"
                )
                continue
            axes[name] = tuple(names)
        known = {plate for names in axes.values() for plate in names}
        faults += [
            f"plate {plate!r} has a size, but no key has this plate. "
            f"{nearest(plate, known)}".rstrip()
            for plate in sizes
            if plate not in known
        ]
        raise_faults(ValueError, "plates and sizes do not fit", faults)
        return cls(
            axes,
            {
                plate: positive(size, f"The size of plate {plate!r}")
                for plate, size in sizes.items()
            },
        )

    @property
    def one_unit(self) -> dict[str, int]:
        """A new dict with size 1 for every plate that grows."""
        return dict.fromkeys(self.sizes, 1)

    def grown(self, name: str) -> dict[str, int]:
        """Return the plates of a key that grow, with their event axes."""
        return {
            plate: axis
            for axis, plate in enumerate(self.axes[name])
            if plate in self.sizes
        }

    def grow(self, key: KeyLayout) -> tuple[int, ...]:
        """Return the full event shape of a key with the layout of one unit."""
        shape = list(key.event_shape)
        for plate, axis in self.grown(key.name).items():
            shape[axis] = self.sizes[plate]
        return tuple(shape)

    def check(
        self,
        tree: ArrayTree,
        sizes: Mapping[str, int],
        what: str,
        batch_ndims: PerKey,
    ) -> None:
        """Check the arrays that a function returned for some sizes.

        The error lists every fault. ``what`` is the name of the function.
        """
        faults: list[str] = []
        trailing = lookup_per_key(
            batch_ndims,
            self.axes,
            "batch_ndims",
            1,
            static_int,
            one_for_all=True,
        )
        for leaf in flatten_tree(tree, what):
            shape = tuple(np.shape(leaf.value))
            if leaf.name not in self.axes:
                faults.append(
                    f"{leaf.name!r} is not in plates. Pass its plates, () if "
                    f"it has none. {nearest(leaf.name, self.axes)}".rstrip()
                )
                continue
            names = self.axes[leaf.name]
            n_event = len(shape) - 1 - trailing[leaf.name]
            if n_event < len(names):
                faults.append(
                    f"{leaf.name!r} has shape {shape}: between 1 sample axis "
                    f"and {trailing[leaf.name]} batch axes there are "
                    f"{max(n_event, 0)} event axes, too few for its plates "
                    f"{names}"
                )
                continue
            faults += [
                f"{leaf.name!r} has shape {shape}: axis {1 + axis} is the "
                f"plate {plate!r}, whose size should be {sizes[plate]}, not "
                f"{shape[1 + axis]}"
                for plate, axis in self.grown(leaf.name).items()
                if shape[1 + axis] != sizes[plate]
            ]
        raise_faults(
            ValueError, f"The arrays of {what} do not fit the plates", faults
        )

    def groups(
        self,
        parameters: Collection[str],
        observations: Collection[str],
        rules: Independence = _NO_RULES,
    ) -> tuple[Group, ...]:
        """Return the observations by kind of unit, outermost first.

        Observations with the same plates are one group: they may depend on one
        another. Different units and groups are independent given the keys of
        their own and of outer plates. Keys that rules make independent of a
        group are left out of its conditioning keys.
        """
        of = {name: frozenset(self.grown(name)) for name in self.axes}
        kinds = dict.fromkeys(of[name] for name in observations)
        faults = [
            f"{name!r} has the plates {sorted(of[name])}, but the "
            f"observations have {[sorted(kind) for kind in kinds]}"
            for name in parameters
            if not any(of[name] <= kind for kind in kinds)
        ]
        raise_faults(
            ValueError,
            "Observations depend only on parameters of their own and outer "
            "plates, so no observation depends on the parameters below. Remove "
            "the plates of these parameters from sizes, to simulate them whole",
            faults,
        )
        relations = self_relations(rules)

        def tied(name: str, targets: tuple[str, ...]) -> bool:
            pairs = [(a, b) for t in targets for a, b in ((t, name), (name, t))]
            return any(relations.get(pair) != NOTHING for pair in pairs)

        groups = []
        for kind in sorted(kinds, key=len):
            targets = tuple(o for o in observations if of[o] == kind)
            given = (
                *(p for p in parameters if of[p] <= kind),
                *(o for o in observations if of[o] < kind),
            )
            given = tuple(n for n in given if tied(n, targets)) or given
            plates = tuple(plate for plate in self.sizes if plate in kind)
            groups.append(Group(plates, Conditional(targets, given)))
        return tuple(groups)

    def unit_tokens(
        self, one: TokenLayout, full: TokenLayout, group: Group
    ) -> Int[np.ndarray, "units tokens"]:
        """Return the tokens of the full model that belong to each unit.

        One row per unit of the group. For a key with plates outside the group,
        a row has the first unit of these plates.
        """
        sizes = [self.sizes[plate] for plate in group.plates]
        n_units = math.prod(sizes)
        places = np.indices(sizes).reshape((len(sizes), n_units))
        columns = []
        for key in one.keys:
            entry = full[key.name]
            grown = self.grown(key.name)
            numbers = entry.offset + np.arange(entry.n_tokens)
            numbers = np.moveaxis(
                numbers.reshape(entry.event_shape),
                list(grown.values()),
                range(len(grown)),
            )
            of_unit = tuple(
                places[group.plates.index(plate)]
                if plate in group.plates
                else np.zeros(n_units, int)
                for plate in grown
            )
            columns.append(
                np.broadcast_to(
                    numbers[of_unit].reshape((-1, key.n_tokens)),
                    (n_units, key.n_tokens),
                )
            )
        return np.concatenate(columns, 1)
