"""Defect L41: bijectors looked up by the last key of a path."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class SpecsByLastKeyWarning(LegacyWarning):
    """A bijector belongs to no leaf, or to several (L41)."""

    code = "L41"


def last_key(path: Sequence[Any]) -> Any:
    """Return the last key of a path, as text if it is not a dictionary key."""
    return getattr(path[-1], "key", str(path[-1])) if path else ""


def specs_by_path(
    paths: Sequence[Any], specs: Mapping[Any, Any], fixes: Collection[str]
) -> dict[Any, Any]:
    """Return the given bijectors, keyed by the paths of the leaves.

    Raises
    ------
    KeyError
        If L41 is fixed and an entry belongs to no leaf.
    """
    names = {
        path: "/".join(str(last_key((k,))) for k in path) for path in paths
    }
    hits = {
        key: [p for p in paths if key == last_key(p)]
        or ([p for p in paths if key == names[p]] if "L41" in fixes else [])
        for key in specs
    }
    missed = [key for key in specs if not hits[key]]
    several = {key: [names[p] for p in h] for key, h in hits.items() if h[1:]}
    if missed and "L41" in fixes:
        close = difflib.get_close_matches(str(missed[0]), names.values(), 1)
        nearest = f" Did you mean {close[0]!r}?" if close else ""
        raise KeyError(
            f"bijector_specs has the keys {missed}, which are not among "
            f"{list(names.values())}.{nearest}"
        )
    if missed or several:
        SpecsByLastKeyWarning.warn(
            f"of the bijectors, {missed} belong to no leaf and "
            f"{several} to more than one, because only the last key of a path "
            "counts. Leaves without an entry get Identity. Correct the keys, "
            "or pass fix=['L41'] and full paths."
        )
    chosen = {path: specs[key] for key, h in hits.items() for path in h}
    if "L41" in fixes:
        chosen |= {p: specs[n] for p, n in names.items() if n in specs}
    return chosen
