"""Uses of imported legacy names that one file shows."""

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

from tfmpe.migrate.catalogue import LegacyName, advice_of
from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import is_mirrored
from tfmpe.migrate.records.code import Use
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.sources import Source, deep_recursion, parse

__all__ = ["uses"]


def uses(source: Source) -> list[Use]:
    """Return the uses of names that have another form on Tokens.

    Parameters
    ----------
    source
        Of which all cells have passed `check_syntax`.

    Raises
    ------
    SourceError
        If the file is too large.
    """
    with deep_recursion():
        return list(_Uses(source).found())


class _Uses:
    def __init__(self, source: Source):
        self._source = source
        codes = [
            cell.code if cell.code.endswith(("\n", "\r")) else f"{cell.code}\n"
            for cell in source.cells
        ]
        # The cells of a notebook share their names.
        self._module = parse(source, "".join(codes))
        # Copied: a placeholder that stands twice may be one node.
        wrapper = MetadataWrapper(self._module)
        self._module = wrapper.module
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._positions = wrapper.resolve(PositionProvider)
        self._scopes = wrapper.resolve(ScopeProvider)
        self._lines = [
            (cell, line)
            for cell, code in zip(source.cells, codes, strict=True)
            for line in range(1, len(re.findall(r"\r\n?|\n", code)) + 1)
        ]
        self._stars = [
            name
            for node, scope in self._scopes.items()
            if isinstance(node, cst.ImportFrom)
            and isinstance(node.names, cst.ImportStar)
            and node.module is not None
            and (name := get_full_name_for_node(node.module))
        ]

    def found(self) -> Iterator[Use]:
        """Yield the uses; each once."""
        accesses = {
            access.node: access
            for scope in {s for s in self._scopes.values() if s is not None}
            for access in scope.accesses
        }
        for access in accesses.values():
            for node, name in self._names(access):
                advice = advice_of(name)
                if advice is not None:
                    yield self._use(node, name, advice)
                    break

    def _names(self, access: Access) -> Iterator[tuple[cst.CSTNode, str]]:
        """Yield what may be used, the longest name first, and what it is."""
        node: cst.CSTNode = access.node
        if isinstance(node, cst.SimpleString):
            for name in re.findall(r"[\w.]+", node.raw_value):
                for full in self._imported(access, name):
                    yield node, full
            return
        chain = [node]
        while isinstance(parent := self._parents[chain[-1]], cst.Attribute):
            if parent.value is not chain[-1]:
                break
            chain.append(parent)
        for part in reversed(chain):
            name = get_full_name_for_node(part)
            for full in self._imported(access, name) if name else ():
                yield part, full

    def _imported(self, access: Access, name: str) -> Iterator[str]:
        for found in access.scope.get_qualified_names_for(name):
            if found.source is QualifiedNameSource.IMPORT:
                yield found.name
        if not access.referents:
            for module in self._stars:
                if is_mirrored(f"{module}.{name}"):
                    yield f"{module}.{name}"

    def _use(self, node: cst.CSTNode, name: str, advice: LegacyName) -> Use:
        where = self._positions[node]
        start = self._place(where.start.line, where.start.column)
        end = self._place(where.end.line, where.end.column)
        text = " ".join(self._module.code_for_node(node).split())
        parent = self._parents[node]
        if isinstance(parent, cst.Call) and parent.func is node:
            text += "(...)"
        return Use(
            start,
            end.line,
            end.column,
            advice.code,
            advice.qualified,
            one_line(text, 120),
            advice.becomes,
        )

    def _place(self, line: int, column: int) -> Place:
        cell, line = self._lines[line - 1]
        return self._source.place(cell, cell.offset(line, column))
