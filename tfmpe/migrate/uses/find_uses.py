"""Every use of a legacy name in one module."""

from collections.abc import Iterable

import libcst as cst
from libcst.helpers import get_full_name_for_node

from tfmpe.migrate.names.annotations import annotation_parts, constant_text
from tfmpe.migrate.names.collect import parts
from tfmpe.migrate.names.known import (
    EVERY_MODULE_HAS,
    FUNCTIONS_ONLY_LEGACY,
    ONLY_LEGACY,
    entry_of,
    has_same_name,
    is_module,
    modern,
    of_bridge,
    telling_method,
)
from tfmpe.migrate.names.module_names import ModuleNames
from tfmpe.migrate.names.values import (
    Instance,
    Legacy,
    LocalInstance,
    Outside,
)

from .dynamic import dynamic_calls, looks_up, names_module
from .imports import LACKING, Finding, import_findings, not_scanned
from .patterns import patterns

__all__ = ["find_uses"]

_TELLING_FIT = frozenset(["n_iter", "optimizer"])
_PREPARED = ("sample", "log_prob")


def find_uses(names: ModuleNames) -> list[Finding]:
    """Find all uses of legacy names in a module.

    Parameters
    ----------
    names
        What its names stand for.

    Returns
    -------
    list of Finding
        Each node and code once, without order.
    """
    finder = _Finder(names)
    names.syntax.module.visit(finder)
    return finder.found


class _Finder(cst.CSTVisitor):
    def __init__(self, names: ModuleNames):
        super().__init__()
        self.names = names
        self.syntax = names.syntax
        self.found: list[Finding] = []
        self._seen: set[tuple[cst.CSTNode, str]] = set()

    # Finding

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look at a node; return whether to look at its parts."""
        match node:
            case cst.Import() | cst.ImportFrom():
                self._add_all(import_findings(self.names, node))
                return False
            case cst.Name():
                if self.syntax.is_read(node) and not self._reference(node):
                    self._unbound(node)
            case cst.Attribute():
                self._attribute(node)
                return False
            case cst.Call():
                self._call(node)
            case cst.Annotation():
                self._annotation(node)
            case cst.SimpleString() | cst.ConcatenatedString():
                self._string(node)
                return False
        return True

    def _attribute(self, node: cst.Attribute) -> None:
        base: cst.BaseExpression = node
        while isinstance(base, cst.Attribute):
            base = base.value
        if not self._reference(node):
            self._unknown_receiver(node)
            if isinstance(base, cst.Name) and self.syntax.is_read(base):
                self._unbound(base)
        if not isinstance(base, cst.Name):
            base.visit(self)

    def _call(self, node: cst.Call) -> None:
        self._by_arguments(node)
        self._add_all(dynamic_calls(self.names, node))
        for value in self.names.values(node.func):
            entry = entry_of(value.name) if isinstance(value, Legacy) else None
            if entry is not None and entry.code in ("T101", "T104"):
                self._add_all(patterns(self.names, node))

    def _annotation(self, node: cst.Annotation) -> None:
        for text in parts(node.annotation, cst.SimpleString):
            assert isinstance(text, cst.SimpleString)
            for part in annotation_parts(text):
                name = get_full_name_for_node(part)
                scope = self.syntax.scope(text)
                for value in self.names.dotted(name, scope) if name else ():
                    if isinstance(value, Legacy):
                        self._known(text, value.name)

    # Deciding

    def _reference(self, node: cst.BaseExpression) -> bool:
        """Add a site for the longest part that is known to be legacy."""
        chain: list[cst.BaseExpression] = [node]
        while isinstance(chain[-1], cst.Attribute):
            chain.append(chain[-1].value)
        found = [
            (part, name)
            for part in chain
            if isinstance(part, cst.Name | cst.Attribute)
            for name in sorted(
                value.name
                for value in self.names.values(part)
                if isinstance(value, Legacy)
            )
        ]
        for part, name in found:
            if not is_module(name) and self._known(part, name):
                return True
        unknown = [pair for pair in found if not has_same_name(pair[1])]
        if unknown:
            self._unknown(*unknown[-1])
        elif found and found[0][0] is node and is_module(found[0][1]):
            self._module_handed_on(node, found[0][1])
        return bool(found)

    def _known(self, node: cst.CSTNode, name: str) -> bool:
        entry = entry_of(name)
        if entry is None:
            return False
        self._add(node, entry.code, name, entry.becomes)
        return True

    def _unknown(self, node: cst.BaseExpression, name: str) -> None:
        holder, _, last = name.rpartition(".")
        if last.startswith("__") and (
            last in EVERY_MODULE_HAS or not is_module(holder)
        ):
            return
        if isinstance(node, cst.Attribute) and any(
            isinstance(value, Instance | LocalInstance)
            for value in self.names.values(node.value)
        ):
            if not self.syntax.is_read(node):
                # An attribute of the user's own.
                return
            why = "an attribute of a legacy object that is not listed"
            self._doubt(node, why)
        elif not of_bridge(name):
            self._add(node, "T003", name, LACKING)

    def _module_handed_on(self, node: cst.BaseExpression, name: str) -> None:
        parent = self.syntax.parents.get(node)
        if isinstance(parent, cst.Assign | cst.AnnAssign | cst.NamedExpr):
            # Followed by its new name.
            return
        if isinstance(parent, cst.Arg):
            call = self.syntax.parents.get(parent)
            # Such as getattr, which is looked at itself.
            if isinstance(call, cst.Call) and looks_up(self.names, call):
                return
        self._doubt(node, f"the module {name} itself is handed on")

    def _unbound(self, node: cst.Name) -> None:
        scope = self.syntax.scope(node)
        if (
            node.value in ONLY_LEGACY
            and not self.names.values(node)
            and scope is not None
            and not scope[node.value]
        ):
            modules = [
                ".".join(module)
                for star in self.syntax.star_imports
                if (module := self.names.module_of(star))
            ]
            why = (
                f"it may come from {' or '.join(modules)}, all names of which "
                "are imported"
                if modules
                else "it is nowhere imported or assigned"
            )
            self._doubt(node, why)

    def _unknown_receiver(self, node: cst.Attribute) -> None:
        if (
            node.attr.value in ONLY_LEGACY
            and self.syntax.is_read(node)
            and not self.names.values(node)
            and not _is_placed(self.names.values(node.value))
            and not self._is_own(node)
        ):
            self._doubt(node, "the object could not be followed")
        elif node.attr.value in FUNCTIONS_ONLY_LEGACY:
            for value in self.names.values(node):
                if isinstance(value, Outside):
                    module = value.name.rpartition(".")[0]
                    self._doubt(node, not_scanned(module))

    def _is_own(self, node: cst.Attribute) -> bool:
        """Whether it is an attribute that a class of the module defines."""
        return any(
            isinstance(value, LocalInstance)
            and value.of.path == self.names.path
            and self.names.defines(value.of, node.attr.value)
            for value in self.names.values(node.value)
        )

    def _by_arguments(self, node: cst.Call) -> None:
        if not isinstance(node.func, cst.Attribute):
            return
        method = node.func.attr.value
        if any(
            not isinstance(value, Outside)
            for value in self.names.values(node.func)
        ):
            return
        keywords = frozenset(
            argument.keyword.value
            for argument in node.args
            if argument.keyword is not None
        )
        n_positional = sum(
            argument.keyword is None and not argument.star
            for argument in node.args
        )
        name = telling_method(method, n_positional, keywords)
        if name is not None:
            self._known(node.func, name)
        elif _is_placed(self.names.values(node.func.value)):
            return
        elif method in _PREPARED and any(arg.star for arg in node.args):
            why = "neither the object nor its arguments could be followed"
            self._doubt(node.func, why)
        elif method == "fit" and keywords >= _TELLING_FIT:
            self._doubt(node.func, "the object could not be followed")

    def _string(self, node: cst.SimpleString | cst.ConcatenatedString) -> None:
        text = constant_text(node)
        if text is not None and names_module(self.names, node, text):
            new = text if of_bridge(text) else modern(text)
            self._add(node, "T004", text, f"{new!r}, or an import")

    # Keeping

    def _add_all(self, findings: Iterable[Finding]) -> None:
        for node, code, name, text in findings:
            self._add(node, code, name, text)

    def _add(
        self, node: cst.CSTNode, code: str, name: str | None, text: str
    ) -> None:
        if (node, code) not in self._seen:
            self._seen.add((node, code))
            self.found.append((node, code, name, text))

    def _doubt(self, node: cst.CSTNode, why: str) -> None:
        self._add(node, "T901", None, why)


def _is_placed(values: frozenset) -> bool:
    """Whether it is known what something is, and that it is not legacy."""
    return bool(values) and all(isinstance(v, Outside) for v in values)
