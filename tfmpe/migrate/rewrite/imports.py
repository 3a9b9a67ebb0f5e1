"""Import statements: what changes of each, so that its names stay."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

import libcst as cst
from libcst.helpers import get_full_name_for_node_or_raise
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from tfmpe.migrate.legacy_names import (
    BRIDGE,
    LEGACY,
    MODULES,
    as_bridge,
    is_below,
)
from tfmpe.migrate.sources import Cell

__all__ = ["Statement", "statements"]


class Statement(NamedTuple):
    """An import statement of the legacy package.

    Attributes
    ----------
    node : ast.Import or ast.ImportFrom
    before, after : str
        The statement; the same if the bridge lacks a module of it.
    name : str
        The first legacy module.
    edits : tuple of (int, int, str)
        What is replaced in the text of the cell, from where to where.
    """

    node: ast.Import | ast.ImportFrom
    before: str
    after: str
    name: str
    edits: tuple[tuple[int, int, str], ...]


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
        modules = [name for name in modules if is_below(name, LEGACY)]
        if modules:
            yield _statement(cell, node, modules)


def _statement(
    cell: Cell, node: ast.Import | ast.ImportFrom, modules: list[str]
) -> Statement:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = cell.code_offset(node.lineno, node.col_offset)
    end = cell.code_offset(node.end_lineno, node.end_col_offset)
    code = cell.code[start:end]
    edits: list[tuple[int, int, str]] = []
    if all(module in MODULES for module in modules):
        edits = list(_edits(code))
    content, position, pieces = code.encode(), 0, []
    places = []
    for first, last, text in edits:
        pieces += content[position:first].decode(), text
        position = last
        # The text may be indented as a whole where the code is not.
        at = [start + len(content[:n].decode()) for n in (first, last)]
        places.append((cell.from_code(at[0]), cell.from_code(at[1]), text))
    after = "".join([*pieces, content[position:].decode()])
    return Statement(node, code, after, modules[0], tuple(places))


def _edits(code: str) -> Iterator[tuple[int, int, str]]:
    """Yield bytes of one statement, from where to where, and new text."""
    wrapper = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    line = cst.ensure_type(wrapper.module.body[0], cst.SimpleStatementLine)

    def place(of: cst.CSTNode) -> tuple[int, int]:
        return spans[of].start, spans[of].start + spans[of].length

    node = line.body[0]
    if isinstance(node, cst.ImportFrom):
        assert node.module is not None
        module = get_full_name_for_node_or_raise(node.module)
        yield *place(node.module), as_bridge(module)
        return
    bound = False
    end = 0
    for alias in cst.ensure_type(node, cst.Import).names:
        name = alias.evaluated_name
        start, previous_end = place(alias.name)[0], end
        end = place(alias)[1]
        if not is_below(name, LEGACY):
            continue
        if alias.asname is not None:
            yield *place(alias.name), as_bridge(name)
        elif not bound:
            # Its submodules are attributes, loaded when they are asked for.
            yield start, end, f"{BRIDGE} as {LEGACY}"
            bound = True
        else:
            yield previous_end, end, ""
