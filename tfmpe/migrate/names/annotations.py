"""Strings and annotations: what is written in them."""

import libcst as cst
from libcst.helpers import get_full_name_for_node

__all__ = ["annotation_parts", "constant_text"]


def constant_text(node: cst.CSTNode | None) -> str | None:
    """Return what a string literal says, or None if it is none."""
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def annotation_parts(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Return the dotted names in an annotation, also in strings."""
    if (text := constant_text(node)) is not None:
        try:
            node = cst.parse_expression(text)
        except cst.ParserSyntaxError:
            return []
    if get_full_name_for_node(node) and isinstance(
        node, cst.Name | cst.Attribute
    ):
        return [node]
    return [
        part
        for child in node.children
        if isinstance(child, cst.CSTNode)
        for part in _parts_below(child)
    ]


def _parts_below(node: cst.CSTNode) -> list[cst.BaseExpression]:
    if isinstance(node, cst.BaseExpression):
        return annotation_parts(node)
    return [part for child in node.children for part in _parts_below(child)]
