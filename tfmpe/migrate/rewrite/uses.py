"""Uses of imported legacy names within one file."""

import re
from collections.abc import Iterator

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedNameSource,
    ScopeProvider,
)
from libcst.metadata.scope_provider import Access

from tfmpe.migrate.catalogue import advice_of
from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import is_mirrored
from tfmpe.migrate.records.code import Use
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.sources import Source, SourceError, deep_recursion

# libcst resolves names in about ten characters per millisecond.
_MAX_CODE = 300_000


def uses(source: Source) -> list[Use]:
    """Return the uses of names that have a replacement on Tokens."""
    # The cells of a notebook share their names.
    code = "".join(f"{cell.code}\n" for cell in source.cells)
    if len(code) > _MAX_CODE:
        why = f"{len(code):,} characters are too many to look for uses (at most"
        why += f" {_MAX_CODE:,}); only its imports are listed"
        raise SourceError(source.path, why)
    try:
        with deep_recursion():
            return list(_Uses(source, cst.parse_module(code)).found())
    except (cst.ParserSyntaxError, RecursionError) as error:
        raise SourceError(source.path, f"libcst: {error}") from None


class _Uses:
    def __init__(self, source: Source, module: cst.Module):
        wrapper = MetadataWrapper(module)
        self._source, self._module = source, wrapper.module
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._positions = wrapper.resolve(PositionProvider)
        self._scopes = wrapper.resolve(ScopeProvider)
        self._lines = [
            (cell, line)
            for cell in source.cells
            for line in range(1, len(re.split(r"\r\n?|\n", cell.code)) + 1)
        ]
        self._stars = [
            get_full_name_for_node(node.module)
            for node in self._scopes
            if isinstance(node, cst.ImportFrom) and node.module is not None
            if isinstance(node.names, cst.ImportStar)
        ]

    def found(self) -> Iterator[Use]:
        scopes = {scope for scope in self._scopes.values() if scope}
        accesses = {a.node: a for scope in scopes for a in scope.accesses}
        for access in accesses.values():
            for node, name in self._names(access):
                advice = advice_of(name)
                if advice is None:
                    continue
                where = self._positions[node]
                end = self._place(where.end.line, where.end.column)
                text = self._module.code_for_node(node)
                parent = self._parents[node]
                if isinstance(parent, cst.Call) and parent.func is node:
                    text += "(...)"
                yield Use(
                    self._place(where.start.line, where.start.column),
                    end.line,
                    end.column,
                    advice.code,
                    advice.qualified,
                    one_line(" ".join(text.split()), 120),
                    advice.becomes,
                )
                break

    def _names(self, access: Access) -> Iterator[tuple[cst.CSTNode, str]]:
        """Yield nodes and the full names they may stand for, longest first."""
        node: cst.CSTNode = access.node
        if isinstance(node, cst.SimpleString):
            # A quoted annotation.
            for name in re.findall(r"[\w.]+", node.raw_value):
                yield from ((node, x) for x in self._imported(access, name))
            return
        chain = [node]
        while isinstance(parent := self._parents[chain[-1]], cst.Attribute):
            if parent.value is not chain[-1]:
                break
            chain.append(parent)
        for part in reversed(chain):
            name = get_full_name_for_node(part) or ""
            yield from ((part, x) for x in self._imported(access, name))

    def _imported(self, access: Access, name: str) -> Iterator[str]:
        for found in access.scope.get_qualified_names_for(name):
            if found.source is QualifiedNameSource.IMPORT:
                yield found.name
        if not access.referents:
            names = (f"{module}.{name}" for module in self._stars)
            yield from filter(is_mirrored, names)

    def _place(self, line: int, column: int) -> Place:
        cell, line = self._lines[line - 1]
        return self._source.place(cell, line, cell.column(line, column))
