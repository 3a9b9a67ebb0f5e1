"""Independence rules between keys, parsed and checked. Pure Python.

The dictionary form is the one people write::

    {"local": ["obs"],                          # obs tokens ignore each other
     "cross": [("mu", "obs")],                  # mu does not attend to obs
     "cross_local": [("theta", "obs", (0, 0))]} # only along matching indices

Where dimensions have names, ``("theta", "obs", "site")`` says the same.
"""

import operator
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tfmpe._base.errors import (
    IndependenceError,
    UnknownKeyError,
    nearest,
    raise_faults,
)

KINDS = ("local", "cross", "cross_local")


class Cross(NamedTuple):
    """Tokens of ``query`` do not attend to tokens of ``key``."""

    query: str
    key: str


class CrossLocal(NamedTuple):
    """Tokens of ``a`` and ``b`` see each other only where indices match.

    ``dims`` is the pair of event axes that must agree, the name of a
    dimension of both keys, or None for equal positions in both.
    """

    a: str
    b: str
    dims: tuple[int, int] | str | None


@dataclass(frozen=True)
class Independence:
    """Which tokens may not attend to which, by rules between keys.

    Attributes
    ----------
    local : tuple of str
        Keys whose tokens do not attend to tokens of the same key, themselves
        included.
    cross : tuple of Cross
        Pairs of keys of which the first does not attend to the second.
    cross_local : tuple of CrossLocal
        Pairs of keys that attend to each other along matching indices only.
    declared : bool
        Whether any kind of rule was named at all, if only with an empty
        list.

    Notes
    -----
    Immutable and hashable. Rules act in the order cross, local, cross_local,
    each kind in its written order, later ones overwriting earlier ones.
    """

    local: tuple[str, ...] = ()
    cross: tuple[Cross, ...] = ()
    cross_local: tuple[CrossLocal, ...] = ()
    declared: bool = False

    def __post_init__(self) -> None:
        if self.local or self.cross or self.cross_local:
            object.__setattr__(self, "declared", True)

    @classmethod
    def parse(cls, spec: Any) -> "Independence":
        """Read the dictionary form.

        Parameters
        ----------
        spec : mapping, Independence or None
            Lists under any of ``'local'``, ``'cross'``, ``'cross_local'``.
            An ``Independence`` is returned as it is.

        Raises
        ------
        IndependenceError
            If a kind of rule is unknown or a rule is malformed; all faults
            are listed.

        Examples
        --------
        >>> rules = Independence.parse({"cross": [["mu", "obs"]]})
        >>> rules.cross
        (Cross(query='mu', key='obs'),)
        """
        if isinstance(spec, Independence):
            return spec
        if spec is None:
            return cls()
        if not isinstance(spec, Mapping):
            raise IndependenceError(
                "independence must be a dictionary with lists under "
                f"{list(KINDS)}, not {spec!r}."
            )
        faults: list[str] = []
        for kind in spec:
            if kind not in KINDS:
                faults.append(
                    f"{kind!r} is no kind of rule; the kinds are "
                    f"{list(KINDS)}. {nearest(kind, KINDS)}".rstrip()
                )
        rules = {
            kind: _read_rules(kind, spec.get(kind, ()), faults)
            for kind in KINDS
        }
        raise_faults(IndependenceError, "Malformed independence", faults)
        return cls(**rules, declared=bool(spec))

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the dictionary form; :meth:`parse` reads it back."""
        if not self.declared:
            return {}
        return {
            "local": list(self.local),
            "cross": [tuple(rule) for rule in self.cross],
            "cross_local": [tuple(rule) for rule in self.cross_local],
        }

    def restrict(self, names: Collection[str]) -> "Independence":
        """Return the rules between ``names``; the others are dropped."""
        keep = frozenset(names)
        return Independence(
            tuple(name for name in self.local if name in keep),
            tuple(r for r in self.cross if keep.issuperset(r)),
            tuple(r for r in self.cross_local if keep.issuperset(r[:2])),
            self.declared,
        )

    def require_keys(self, names: Collection[str]) -> None:
        """Check that every rule names existing keys only.

        Raises
        ------
        UnknownKeyError
            Naming every such rule, with the nearest key suggested: a typo
            must not switch a rule off.
        """
        named: list[tuple[str, Any, Iterable[str]]] = [
            *(("local", name, (name,)) for name in self.local),
            *(("cross", tuple(rule), rule) for rule in self.cross),
            *(("cross_local", tuple(r), r[:2]) for r in self.cross_local),
        ]
        faults = [
            f"the {kind} rule {rule!r} names {key!r}, which is not among the "
            f"keys {list(names)}. {nearest(key, names)}".rstrip()
            for kind, rule, keys in named
            for key in dict.fromkeys(keys)
            if key not in names
        ]
        raise_faults(UnknownKeyError, "Unknown key in independence", faults)


def _read_rules(kind: str, rules: Any, faults: list[str]) -> tuple[Any, ...]:
    if isinstance(rules, (str, Mapping)) or not isinstance(rules, Iterable):
        faults.append(f"{kind!r} must be a list of rules, not {rules!r}.")
        return ()
    read = {"local": _local, "cross": _cross, "cross_local": _cross_local}
    parsed = []
    for rule in rules:
        fault = read[kind](rule)
        if isinstance(fault, _Fault):
            faults.append(f"the {kind} rule {rule!r} {fault}")
        else:
            parsed.append(fault)
    return tuple(parsed)


class _Fault(str):
    """What is wrong with a rule, to be joined to its text."""

    __slots__ = ()


def _local(rule: Any) -> "str | _Fault":
    return rule if isinstance(rule, str) else _Fault("must be a key.")


def _cross(rule: Any) -> "Cross | _Fault":
    if not _is_sequence(rule, 2) or not all(isinstance(k, str) for k in rule):
        return _Fault("must be a pair of keys.")
    return Cross(*rule)


def _cross_local(rule: Any) -> "CrossLocal | _Fault":
    expected = _Fault(
        "must be two keys and either None, a pair of event axes, or the name "
        "of a dimension, such as ('theta', 'obs', (0, 0)) or ('theta', "
        "'obs', 'site')."
    )
    if not _is_sequence(rule, 3):
        return expected
    a, b, dims = rule
    if not (isinstance(a, str) and isinstance(b, str)):
        return expected
    if dims is None or isinstance(dims, str):
        return CrossLocal(a, b, dims)
    if not _is_sequence(dims, 2):
        return expected
    try:
        return CrossLocal(
            a, b, (operator.index(dims[0]), operator.index(dims[1]))
        )
    except TypeError:
        return expected


def _is_sequence(value: Any, length: int) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == length
