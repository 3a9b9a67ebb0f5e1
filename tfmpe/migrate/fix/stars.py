"""Star imports: what may come from them."""

import builtins

import libcst as cst

from tfmpe.migrate.legacy_names import BRIDGE, LEGACY

from .bridge_names import is_module, star_names
from .module import Module, dotted_name
from .result import Options

__all__ = ["import_nodes", "star_fault"]

_MODULE_NAMES = frozenset(
    {"__builtins__", "__doc__", "__file__", "__name__", "__spec__"}
)


def import_nodes(module: Module) -> list[cst.Import | cst.ImportFrom]:
    """Return all import statements, in the order of the text."""
    found: list[cst.Import | cst.ImportFrom] = []

    class Visitor(cst.CSTVisitor):
        def visit_Import(self, node: cst.Import) -> None:  # noqa: N802
            found.append(node)

        def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802
            found.append(node)

    module.tree.visit(Visitor())
    return found


def star_fault(module: Module, name: str, options: Options) -> str:
    """Say which names may come from a star, but not from the bridge's."""
    given: set[str] = set(star_names(name))
    others = []
    for node in import_nodes(module):
        if isinstance(node, cst.ImportFrom) and isinstance(
            node.names, cst.ImportStar
        ):
            source = dotted_name(node.module) or "."
            mirrored = source.replace(BRIDGE, LEGACY, 1)
            if is_module(mirrored) and not node.relative:
                given |= star_names(mirrored)
            else:
                others.append(source)
    known = given | set(dir(builtins)) | _MODULE_NAMES | options.known
    unknown = {
        use.name
        for use in module.uses
        if use.name not in known
        and not module.bindings(use.name, use.scope)
        and isinstance(use.node, cst.Name)
    }
    if not unknown:
        return ""
    listed = ", ".join(sorted(unknown))
    where = f" or from {', '.join(others)}" if others else ""
    mirror = name.replace(LEGACY, BRIDGE, 1)
    return f"{listed} may come from it{where}, but not from {mirror}"
