"""Legacy import statements, and replacements that bind the same names."""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import libcst as cst
from libcst.helpers import get_full_name_for_node_or_raise

from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES, as_bridge
from tfmpe.migrate.legacy_names import is_below as below
from tfmpe.migrate.sources import Cell


class Statement(NamedTuple):
    """An import statement of the legacy package, and its replacement.

    It starts at `start` in the text of its cell; `name` is its first legacy
    module. It is not replaced if a module is missing from the bridge.
    """

    start: int
    node: ast.stmt
    before: str
    after: str
    name: str


def statements(cell: Cell, tree: ast.Module) -> Iterator[Statement]:
    """Yield the import statements of the legacy package in a cell."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                continue
        modules = [name for name in modules if below(name, LEGACY)]
        if modules:
            start = cell.offset(node.lineno, node.col_offset)
            end = cell.offset(node.end_lineno or 0, node.end_col_offset or 0)
            code = cell.text[start:end]
            known = all(module in MODULES for module in modules)
            new = _of_bridge(code) if known else code
            yield Statement(start, node, code, new, modules[0])


def _of_bridge(code: str) -> str:
    module = cst.parse_module(code)
    node = cst.ensure_type(module.body[0], cst.SimpleStatementLine).body[0]
    if isinstance(node, cst.ImportFrom):
        old = cst.ensure_type(node.module, cst.CSTNode)
        name = get_full_name_for_node_or_raise(old)
        new = cst.parse_expression(as_bridge(name))
    else:
        old = cst.ensure_type(node, cst.Import)
        aliases = list(_aliases(old.names))
        last = aliases.pop().with_changes(comma=cst.MaybeSentinel.DEFAULT)
        new = old.with_changes(names=[*aliases, last])
    return cst.ensure_type(module.deep_replace(old, new), cst.Module).code


def _aliases(old: Sequence[cst.ImportAlias]) -> Iterator[cst.ImportAlias]:
    bound = False
    for alias in old:
        name = alias.evaluated_name
        if not below(name, LEGACY):
            yield alias
        elif alias.asname is not None:
            yield alias.with_changes(name=cst.parse_expression(as_bridge(name)))
        elif not bound:
            # Its submodules are attributes, imported at first use.
            asname, bound = cst.AsName(cst.Name(LEGACY)), True
            new = cst.parse_expression(BRIDGE)
            yield alias.with_changes(name=new, asname=asname)
