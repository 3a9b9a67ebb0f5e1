"""What a file takes from the legacy package and the bridge does not have."""

import ast
import builtins
from collections.abc import Iterator, Sequence
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

__all__ = ["missing"]

_HOME = Path(__file__).parents[2] / "compat"
_KNOWN = frozenset([*dir(builtins), *dir(ModuleType), *vars(ModuleType(""))])
_KNOWN |= {"__file__", "__path__", "In", "Out", "display", "get_ipython"}


def missing(trees: Sequence[ast.Module]) -> Iterator[tuple[ast.AST, str]]:
    """Yield what would fail on the bridge, and why.

    Parameters
    ----------
    trees
        The cells of one file, which share their names.
    """
    bound: dict[str, str] = {}
    others: set[str] = set()
    stars: list[tuple[ast.AST, str]] = []
    read: dict[str, ast.AST] = {}
    chains: list[ast.Attribute] = []
    for node in (each for tree in trees for each in ast.walk(tree)):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    name = alias.name if alias.asname else _first(alias.name)
                    bound[alias.asname or name] = name
                    if _lacks_module(alias.name):
                        yield node, _no(alias.name)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                if _lacks_module(module):
                    yield node, _no(module)
                elif names[0].name == "*":
                    stars.append((node, module))
                else:
                    for alias in names:
                        full = f"{module}.{alias.name}"
                        bound[alias.asname or alias.name] = full
                        if _lacks(full):
                            yield node, _no(full)
            case ast.ImportFrom(names=names):
                if names[0].name == "*":
                    stars.append((node, "."))
                others |= {alias.asname or alias.name for alias in names}
            case ast.Name(id=name, ctx=ast.Load()):
                read.setdefault(name, node)
            case ast.Name(id=name) | ast.arg(arg=name):
                others.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                others.add(name)
            case ast.AsyncFunctionDef(name=name) | ast.ExceptHandler(
                name=str(name)
            ):
                others.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                others.add(name)
            case ast.Attribute(ctx=ast.Load()):
                chains.append(node)
    for node in chains:
        root, full = _dotted(node)
        if root in bound and root not in others:
            full = f"{bound[root]}.{full}"
            # Not again what an import of the same name has been listed for.
            if _lacks(full) and not _lacks(full.rpartition(".")[0]):
                if not any(is_below(n, full) for n in _modules(trees)):
                    yield node, _no(full)
    if stars and all(_is_ours(module) for _, module in stars):
        for name in read.keys() - bound.keys() - others - _KNOWN:
            if not any(is_mirrored(f"{module}.{name}") for _, module in stars):
                if not name.startswith(("__ipython_", "_")):
                    yield read[name], (
                        f"{name!r} may have come from a star import, and the "
                        "star of the bridge does not bring it"
                    )


def _modules(trees: Sequence[ast.Module]) -> Iterator[str]:
    for node in (each for tree in trees for each in ast.walk(tree)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _dotted(node: ast.AST) -> tuple[str, str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    name = node.id if isinstance(node, ast.Name) else ""
    return name, ".".join(reversed(parts))


def _first(name: str) -> str:
    return name.partition(".")[0]


def _is_ours(name: str) -> bool:
    return is_below(name, LEGACY) or is_below(name, BRIDGE)


def _is_own_module(name: str) -> bool:
    """Return whether it is a module that only the bridge has."""
    path = _HOME.joinpath(*as_bridge(name).split(".")[2:])
    return path.is_dir() or path.with_suffix(".py").is_file()


def _lacks_module(name: str) -> bool:
    known = as_legacy(name) in MODULES
    if is_below(name, BRIDGE):
        known = known or _is_own_module(name)
    return _is_ours(name) and not known


def _lacks(full: str) -> bool:
    """Return whether a module of the bridge does not have this name."""
    owner, _, last = full.rpartition(".")
    return (
        _is_ours(owner)
        and not _lacks_module(owner)
        and last not in _KNOWN
        and not is_mirrored(full)
        and _lacks_module(full)
    )


def _no(name: str) -> str:
    return f"the bridge has no {as_bridge(name)}"
