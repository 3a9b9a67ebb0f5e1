"""What a file takes from the legacy package and the bridge does not have."""

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tfmpe.migrate.legacy_names import (
    BRIDGE,
    LEGACY,
    MODULES,
    as_bridge,
    as_legacy,
    is_below,
    is_mirrored,
)

__all__ = ["dotted", "is_ours", "missing"]

_HOME = Path(__file__).parents[2] / "compat"
_KNOWN = frozenset([*dir(builtins), *dir(ModuleType), *vars(ModuleType(""))])
_KNOWN |= {"__file__", "__path__", "In", "Out", "display", "get_ipython"}


def missing(nodes: list[ast.AST]) -> Iterator[tuple[ast.AST, str]]:
    """Yield which of all nodes of a file would fail on the bridge, and why."""
    bound: dict[str, str] = {}
    stars: list[str] = []
    for node in nodes:
        module = getattr(node, "module", None)
        for alias in getattr(node, "names", ()):
            if not isinstance(alias, ast.alias):
                continue
            # What comes from elsewhere, such as from ".", is not ours.
            prefix = (
                f"{module}."
                if module and not getattr(node, "level", 0)
                else "."
            )
            name = alias.name if isinstance(node, ast.Import) else prefix
            if _lacks_module(name.rstrip(".")):
                yield node, _no(name.rstrip("."))
            elif alias.name == "*":
                stars.append(name.rstrip("."))
            elif isinstance(node, ast.Import) and not alias.asname:
                first = name.partition(".")[0]
                bound[first] = first
            else:
                name = name + alias.name if name.endswith(".") else name
                bound[alias.asname or alias.name] = name
                if not isinstance(node, ast.Import) and _lacks(name):
                    yield node, _no(name)
    others = set(filter(None, map(_binds, nodes)))
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            root, full = dotted(node)
            full = f"{bound.get(root)}.{full}"
            if root not in others and _lacks(full):
                yield node, _no(full)
    if stars and all(map(is_ours, stars)):
        known = _KNOWN | bound.keys() | others
        for node in nodes:
            name = node.id if isinstance(node, ast.Name) else "_"
            known_here = name.startswith("_") or name in known
            starred = (f"{star}.{name}" for star in stars)
            if not known_here and not any(map(is_mirrored, starred)):
                yield node, f"no star of the bridge brings {name!r}"


def dotted(node: ast.AST) -> tuple[str, str]:
    """Return the name that a chain of attributes starts with, and the rest."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    name = node.id if isinstance(node, ast.Name) else ""
    return name, ".".join(reversed(parts))


def is_ours(name: str) -> bool:
    """Return whether a dotted name is of the legacy package or the bridge."""
    return is_below(name, LEGACY) or is_below(name, BRIDGE)


def _binds(node: ast.AST) -> str | None:
    """Return the name that something other than an import binds."""
    if isinstance(node, ast.Name):
        return None if isinstance(node.ctx, ast.Load) else node.id
    if isinstance(node, ast.arg):
        return node.arg
    return None if isinstance(node, ast.alias) else getattr(node, "name", None)


def _lacks_module(name: str) -> bool:
    if not is_ours(name) or as_legacy(name) in MODULES:
        return False
    path = _HOME.joinpath(*as_bridge(name).split(".")[2:])
    # The bridge has modules of its own.
    own = path.is_dir() or path.with_suffix(".py").is_file()
    return not (own and is_below(name, BRIDGE))


def _lacks(full: str) -> bool:
    """Return whether a module of the bridge does not have this name."""
    owner, _, last = full.rpartition(".")
    return (
        is_ours(owner)
        and last not in _KNOWN
        and not _lacks_module(owner)
        and not is_mirrored(full)
        and _lacks_module(full)
    )


def _no(name: str) -> str:
    return f"the bridge has no {as_bridge(name)}"
