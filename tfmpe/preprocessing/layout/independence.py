"""Independence rules between keys, parsed and checked in pure Python.

Users write the dictionary form::

    {"local": ["obs"],                          # obs tokens ignore each other
     "cross": [("mu", "obs")],                  # mu does not attend to obs
     "cross_local": [("theta", "obs", (0, 0))]} # only at matching indices

If the dimensions have names, ``("theta", "obs", "site")`` is equivalent.
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
    """Tokens of ``a`` and ``b`` attend to each other only at matching indices.

    ``dims`` is a pair of event axes, the name of a dimension of both keys, or
    None to match equal positions.
    """

    a: str
    b: str
    dims: tuple[int, int] | str | None


@dataclass(frozen=True)
class Independence:
    """Rules between keys that restrict which tokens attend to which.

    Attributes
    ----------
    local : tuple of str
        Keys whose tokens do not attend to tokens of the same key, including
        themselves.
    cross : tuple of Cross
        Pairs of keys; the first does not attend to the second.
    cross_local : tuple of CrossLocal
        Pairs of keys that attend to each other only at matching indices.
    declared : bool
        Whether any kind of rule was given, even as an empty list.

    Notes
    -----
    Immutable and hashable. Rules are applied in the order cross, local,
    cross_local, and each kind in its written order; later rules replace
    earlier ones.
    """

    local: tuple[str, ...] = ()
    cross: tuple[Cross, ...] = ()
    cross_local: tuple[CrossLocal, ...] = ()
    declared: bool = False

    def __post_init__(self) -> None:
        if any(rules for _, rules in self._by_kind()):
            object.__setattr__(self, "declared", True)

    @classmethod
    def parse(cls, spec: object) -> "Independence":
        """Read rules from a dictionary; None means no rules.

        Parameters
        ----------
        spec : mapping, Independence or None
            Lists under any of ``'local'``, ``'cross'``, ``'cross_local'``.
            An ``Independence`` is returned as it is.

        Raises
        ------
        IndependenceError
            If a kind of rule is unknown or a rule is malformed; all faults are
            listed.

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
                "independence must be a dictionary whose keys are among "
                f"{list(KINDS)} and whose values are lists, not {spec!r}."
            )
        faults = [
            f"{kind!r} is not a kind of rule; the kinds are {list(KINDS)}. "
            f"{nearest(kind, KINDS)}".rstrip()
            for kind in spec
            if kind not in KINDS
        ]
        rules = {
            kind: _read_rules(kind, spec.get(kind, ()), faults)
            for kind in KINDS
        }
        raise_faults(IndependenceError, "Malformed independence", faults)
        return cls(**rules, declared=bool(spec))

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the dictionary form, which :meth:`parse` reads."""
        if not self.declared:
            return {}
        return {
            kind: [_plain(rule) for rule in rules]
            for kind, rules in self._by_kind()
        }

    @property
    def matching(self) -> tuple[CrossLocal, ...]:
        """The rules that match dimensions of equal size, of every kind."""
        return self.cross_local

    def restrict(self, names: Collection[str]) -> "Independence":
        """Return the rules between ``names``; the others are dropped."""
        keep = frozenset(names)
        kept = {
            kind: tuple(r for r in rules if keep.issuperset(_keys(r)))
            for kind, rules in self._by_kind()
        }
        return Independence(**kept, declared=self.declared)

    def require_keys(self, names: Collection[str]) -> None:
        """Raise an UnknownKeyError for rules that name missing keys.

        A typo must not disable a rule. The nearest key is suggested.
        """
        faults = [
            f"the {kind} rule {_plain(rule)!r} names {key!r}, which is not "
            f"among the keys {list(names)}. {nearest(key, names)}".rstrip()
            for kind, rules in self._by_kind()
            for rule in rules
            for key in dict.fromkeys(_keys(rule))
            if key not in names
        ]
        raise_faults(UnknownKeyError, "Unknown key in independence", faults)

    def _by_kind(self) -> list[tuple[str, tuple[Any, ...]]]:
        return [(kind, getattr(self, kind)) for kind in KINDS]


def _keys(rule: str | Cross | CrossLocal) -> tuple[str, ...]:
    """Return the keys that a rule names."""
    return (rule,) if isinstance(rule, str) else rule[:2]


def _plain(rule: str | Cross | CrossLocal) -> Any:
    """Return a rule as a plain string or tuple, as in ``to_dict``."""
    return rule if isinstance(rule, str) else tuple(rule)


_EXPECTED = {
    "local": "must be a key.",
    "cross": "must be a pair of keys.",
    "cross_local": "must be two keys and either None, a pair of event axes, or "
    "the name of a dimension, such as ('theta', 'obs', (0, 0)) or ('theta', "
    "'obs', 'site').",
}


def _read_rules(kind: str, rules: object, faults: list[str]) -> tuple[Any, ...]:
    if isinstance(rules, (str, Mapping)) or not isinstance(rules, Iterable):
        faults.append(f"{kind!r} must be a list of rules, not {rules!r}.")
        return ()
    rules = list(rules)
    read = [_read_rule(kind, rule) for rule in rules]
    faults += [
        f"the {kind} rule {rule!r} {_EXPECTED[kind]}"
        for rule, found in zip(rules, read, strict=True)
        if found is None
    ]
    return tuple(read)


def _read_rule(kind: str, rule: object) -> str | Cross | CrossLocal | None:
    """Return a rule, or None if it is malformed."""
    match kind, rule:
        case "local", str():
            return rule
        case "cross", [str() as query, str() as key]:
            return Cross(query, key)
        case "cross_local", [str() as a, str() as b, None | str() as name]:
            return CrossLocal(a, b, name)
        case "cross_local", [str() as a, str() as b, [i, j]]:
            try:
                return CrossLocal(a, b, (operator.index(i), operator.index(j)))
            except TypeError:
                return None
    return None
