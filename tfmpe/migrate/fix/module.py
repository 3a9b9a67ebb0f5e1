"""A parsed module: places of nodes, and what names refer to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import libcst as cst
import libcst.matchers as m
from libcst import metadata

from tfmpe.migrate.names.module_names import ModuleNames

__all__ = ["Module", "Use", "dotted_name"]

_NEWLINE = re.compile(rb"\r\n?|\n")
_BLANKS = re.compile(rb"[ \t\f]*")


@dataclass(frozen=True, eq=False)
class Use:
    """One place where a name is read.

    Attributes
    ----------
    name : str
    node : CSTNode
        The name itself; the whole string in an annotation that is quoted.
    scope : Scope
    """

    name: str
    node: cst.CSTNode
    scope: metadata.Scope


class Module:
    """The text of a module with all that rewriting asks of it.

    Parameters
    ----------
    names
        What its names stand for.
    code
        Its text, if it is another than that of its syntax: as long, with
        other blanks.

    Attributes
    ----------
    names : ModuleNames
    tree : Module
        Its syntax.
    text : bytes
    """

    def __init__(self, names: ModuleNames, code: str | None = None):
        syntax = names.syntax
        self.names = names
        self.tree = syntax.module
        self.text = (self.tree.code if code is None else code).encode()
        self._spans = syntax.wrapper.resolve(metadata.ByteSpanPositionProvider)
        self._parents = syntax.parents
        self._scopes = syntax.scopes

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return where a node begins and ends, in bytes."""
        place = self._spans[node]
        return place.start, place.start + place.length

    def source(self, node: cst.CSTNode) -> str:
        """Return the text of a node as it is written."""
        start, end = self.span(node)
        return self.text[start:end].decode()

    def parent(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return what a node is directly part of."""
        return self._parents[node]

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield what a node is part of, from the inside out."""
        while node is not self.tree:
            node = self._parents[node]
            yield node

    @cached_property
    def scopes(self) -> list[metadata.Scope]:
        """All scopes, without order."""
        found = {id(s): s for s in self._scopes.values() if s is not None}
        return list(found.values())

    @cached_property
    def uses(self) -> list[Use]:
        """All places where names are read, in the order of the text."""
        found: dict[int, Use] = {}
        for scope in self.scopes:
            for access in scope.accesses:
                node = access.node
                while isinstance(node, cst.Attribute):
                    node = node.value
                if isinstance(node, cst.Name):
                    found[id(node)] = Use(node.value, node, access.scope)
                elif node in self._spans:
                    # A quoted annotation, which may hold several names.
                    for name in re.findall(r"[^\W\d]\w*", self.source(node)):
                        key = hash((id(node), name))
                        found[key] = Use(name, node, access.scope)
        return sorted(found.values(), key=lambda use: self.span(use.node)[0])

    def uses_of(self, name: str, scope: metadata.Scope) -> list[Use]:
        """Return the uses of a name that is bound in a scope."""
        return [
            use
            for use in self.uses
            if use.name == name and scope in self.bound_in(name, use.scope)
        ]

    def bindings(
        self, name: str, scope: metadata.Scope
    ) -> list[metadata.BaseAssignment]:
        """Return what binds a name, as seen from a scope; not builtins."""
        try:
            found = scope[name]
        except KeyError:
            return []
        return [
            each
            for each in found
            if not isinstance(each, metadata.BuiltinAssignment)
        ]

    def bound_in(
        self, name: str, scope: metadata.Scope
    ) -> list[metadata.Scope]:
        """Return the scopes that a name comes from, as seen from a scope."""
        found = {id(b.scope): b.scope for b in self.bindings(name, scope)}
        return list(found.values())

    def scope_of(self, node: cst.CSTNode) -> metadata.Scope:
        """Return the scope that a node is in."""
        scope = self._scopes.get(node)
        for outer in self.ancestors(node):
            if scope is not None:
                break
            scope = self._scopes.get(outer)
        assert scope is not None, "the module itself has a scope"
        return scope

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Every identifier in the module, whatever it is."""
        found = m.findall(self.tree, m.Name())
        return frozenset(
            cst.ensure_type(each, cst.Name).value for each in found
        )

    def statement(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the statement that begins the lines a node is on."""
        found: Any = node
        for outer in (node, *self.ancestors(node)):
            if isinstance(
                outer, cst.SimpleStatementLine | cst.BaseCompoundStatement
            ):
                found = outer
                break
        return found

    def statement_start(self, offset: int) -> int:
        """Return where the innermost statement around a place begins.

        That of a function or class begins with its decorators.
        """
        best, size = offset, len(self.text) + 1
        for node in self._spans:
            if not isinstance(
                node, cst.SimpleStatementLine | cst.BaseCompoundStatement
            ):
                continue
            start, end = self.span(node)
            for decorator in getattr(node, "decorators", ()):
                start = min(start, self.span(decorator)[0])
            if start <= offset <= end and end - start < size:
                best, size = start, end - start
        return best

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both from 1."""
        start = self.line_start(offset)
        line = len(_NEWLINE.findall(self.text[:start])) + 1
        # The scanner, too, counts from behind a form feed.
        return line, len(self.text[start:offset].decode().lstrip("\f")) + 1

    def line_start(self, offset: int) -> int:
        """Return where the line of a place begins."""
        ends = [
            found.end() for found in _NEWLINE.finditer(self.text, 0, offset)
        ]
        return ends[-1] if ends else 0

    def line_end(self, offset: int) -> int:
        """Return where the line after a place begins."""
        found = _NEWLINE.search(self.text, offset)
        return found.end() if found else len(self.text)

    def indent(self, offset: int) -> str:
        """Return the blanks that the line of a place begins with.

        A form feed is none of them: what comes after it counts.
        """
        found = _BLANKS.match(self.text, self.line_start(offset))
        assert found is not None
        return found.group().decode().rpartition("\f")[2]

    @property
    def newline(self) -> str:
        """How lines end."""
        return self.tree.default_newline


def dotted_name(node: cst.CSTNode | None) -> str | None:
    """Return ``'a.b.c'`` for a name or a chain of attributes, else None."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        before = dotted_name(node.value)
        return None if before is None else f"{before}.{node.attr.value}"
    return None
