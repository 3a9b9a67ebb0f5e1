"""Import statements: what changes of each, so that its names stay."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

import libcst as cst
from libcst.helpers import get_full_name_for_node_or_raise
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES, as_bridge
from tfmpe.migrate.legacy_names import is_below as below
from tfmpe.migrate.sources import Cell

__all__ = ["Statement", "statements"]


class Statement(NamedTuple):
    """An import statement of the legacy package.

    It starts at `start` in the code of its cell, and `name` is its first
    legacy module. `edits` replace parts of the text of the cell, from where
    to where; there are none if the bridge lacks a module of it.
    """

    start: int
    before: str
    after: str
    name: str
    edits: list[tuple[int, int, str]]


def statements(cell: Cell, tree: ast.Module) -> Iterator[Statement]:
    """Yield the statements of a cell that import from the legacy package."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                continue
        modules = [name for name in modules if below(name, LEGACY)]
        if not modules:
            continue
        start, end = cell.span(node)
        code = before = cell.code[start:end]
        edits = []
        if all(module in MODULES for module in modules):
            # From the last to the first, so that places stay.
            for first, last, text in reversed(list(_edits(before))):
                code = code[:first] + text + code[last:]
                at = cell.in_text(start + first), cell.in_text(start + last)
                edits.append((*at, text))
        yield Statement(start, before, code, modules[0], edits)


def _edits(code: str) -> Iterator[tuple[int, int, str]]:
    """Yield parts of one statement, from where to where, and new text."""
    wrapper = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    content = code.encode()

    def place(of: cst.CSTNode) -> tuple[int, int]:
        start, length = spans[of].start, spans[of].length
        ends = content[:start], content[: start + length]
        return len(ends[0].decode()), len(ends[1].decode())

    line = cst.ensure_type(wrapper.module.body[0], cst.SimpleStatementLine)
    node = line.body[0]
    if isinstance(node, cst.ImportFrom) and node.module is not None:
        module = get_full_name_for_node_or_raise(node.module)
        yield *place(node.module), as_bridge(module)
        return
    bound, end = False, 0
    for alias in cst.ensure_type(node, cst.Import).names:
        name, previous = alias.evaluated_name, end
        start, end = place(alias)
        if not below(name, LEGACY):
            continue
        if alias.asname is not None:
            yield *place(alias.name), as_bridge(name)
        elif bound:
            yield previous, end, ""
        else:
            # Its submodules are attributes, loaded when they are asked for.
            yield start, end, f"{BRIDGE} as {LEGACY}"
            bound = True
