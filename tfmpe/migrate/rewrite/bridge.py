"""Names that a file uses and the bridge does not have."""

import ast
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

_HOME = Path(__file__).parents[2] / "compat"
_KNOWN = {*dir(ModuleType), *vars(ModuleType("")), "__file__", "__path__"}


def missing(nodes: list[ast.AST]) -> Iterator[tuple[ast.AST, str]]:
    """Yield the nodes of a file that would fail on the bridge, and why."""
    bound: dict[str, str] = {}
    imports = [(node, *each) for node in nodes for each in imported(node)]
    for node, alias, full in imports:
        of_module = isinstance(node, ast.Import)
        module = full if of_module else full.rpartition(".")[0]
        if _lacks_module(module):
            yield node, _no(module)
        if of_module and not alias.asname:
            full = full.partition(".")[0]
        bound[alias.asname or full.rpartition(".")[2]] = full
        if not of_module and alias.name != "*" and _lacks(full):
            yield node, _no(full)
    fallbacks = {
        target
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
    }
    others = {_binds(node) for node in nodes if node not in fallbacks}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            root, full = dotted(node)
            full = f"{bound.get(root)}.{full}"
            if root not in others and _lacks(full):
                yield node, _no(full)


def imported(node: ast.AST) -> Iterator[tuple[ast.alias, str]]:
    """Yield the full names in an import; relative ones begin with a dot."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        above = "." * getattr(node, "level", 0)
        module = getattr(node, "module", None)
        for alias in node.names:
            yield alias, above + ".".join(filter(None, (module, alias.name)))


def dotted(node: ast.AST) -> tuple[str, str]:
    """Return the first name of a chain of attributes, and the others."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    name = node.id if isinstance(node, ast.Name) else ""
    return name, ".".join(reversed(parts))


def is_ours(name: str) -> bool:
    """Return whether a dotted name is in the legacy package or the bridge."""
    return is_below(name, LEGACY) or is_below(name, BRIDGE)


def _binds(node: ast.AST) -> str | None:
    """Return the name that a node other than an import binds."""
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
    """Return whether a name is missing from a module of the bridge."""
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
