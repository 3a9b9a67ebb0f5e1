"""Legacy names in strings, as of dynamic imports."""

import re

import libcst as cst

from tfmpe.migrate.legacy_names import LEGACY

from .bridge_names import is_module
from .module import Module
from .result import Remark

__all__ = ["find_strings"]

_DOTTED = re.compile(rf"{LEGACY}(\.[^\W\d]\w*)+")


def find_strings(module: Module) -> list[Remark]:
    """Return the strings that name something in the legacy package."""
    found: list[Remark] = []

    class Visitor(cst.CSTVisitor):
        def visit_Annotation(self, node: cst.Annotation) -> bool:  # noqa: N802
            # Quoted annotations are code, and handled as such.
            return False

        def visit_SimpleString(  # noqa: N802
            self, node: cst.SimpleString
        ) -> None:
            value = node.evaluated_value
            if isinstance(value, str) and _names_legacy(value):
                start = module.span(node)[0]
                why = f"{value!r} names the legacy package in a string"
                found.append(Remark(start, "T004", why))

        def visit_FormattedStringText(  # noqa: N802
            self, node: cst.FormattedStringText
        ) -> None:
            if node.value.startswith(f"{LEGACY}."):
                start = module.span(node)[0]
                why = "a string that is put together names the legacy package"
                found.append(Remark(start, "T004", why))

    module.tree.visit(Visitor())
    return found


def _names_legacy(value: str) -> bool:
    if not _DOTTED.fullmatch(value):
        return False
    parts = value.split(".")
    # A file such as sfmpe.log is something else.
    return is_module(".".join(parts[:2])) or is_module(value)
