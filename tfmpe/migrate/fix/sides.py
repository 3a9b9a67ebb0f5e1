"""The data argument: two sides, written in one of a few ways."""

from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m

from .module import Module
from .result import Span

__all__ = [
    "SIDES",
    "Sides",
    "is_constant_path",
    "is_pure",
    "read_sides",
    "string_value",
]

SIDES = ("theta", "y")


@dataclass(frozen=True)
class Sides:
    """The dictionary ``{'theta': …, 'y': …}`` of one call.

    Attributes
    ----------
    spans : tuple of Span
        Turn it into one dictionary of all keys.
    keys : dict of str
        By side, code for the list of its keys.
    names : dict of tuple of str, or None
        By side, its keys where they are written out.
    texts : dict of str
        By side, code for its values; compared between calls.
    """

    spans: tuple[Span, ...]
    keys: dict[str, str]
    names: dict[str, tuple[str, ...] | None]
    texts: dict[str, str]


def read_sides(module: Module, node: cst.BaseExpression) -> Sides | str:
    """Read a dictionary of two sides.

    Parameters
    ----------
    module : Module
    node : BaseExpression

    Returns
    -------
    Sides or str
        Or why it cannot be read.
    """
    if not isinstance(node, cst.Dict):
        if not is_pure(node):
            return "the data are made in the call: give them a name first"
        text = module.source(node)
        texts = {side: f'{text}["{side}"]' for side in SIDES}
        joined = ", ".join(f"**{each}" for each in texts.values())
        span = Span(*module.span(node), f"dict({joined})")
        keys = {side: f"list({each})" for side, each in texts.items()}
        return Sides((span,), keys, dict.fromkeys(SIDES), texts)
    elements: dict[str, cst.DictElement] = {}
    for element in node.elements:
        name = string_value(getattr(element, "key", None))
        if not isinstance(element, cst.DictElement) or name in elements:
            return "the data are not one 'theta' and one 'y'"
        elements[name or ""] = element
    if set(elements) != set(SIDES):
        return f"the data have the entries {sorted(elements)}, not theta and y"
    keys, names, texts = {}, {}, {}
    for side, element in elements.items():
        value = element.value
        written = _written_keys(value)
        if isinstance(value, cst.Dict):
            if written is None:
                return f"the keys of {side!r} are put together in the call"
            keys[side] = _list_of(written)
        elif is_pure(value):
            keys[side] = f"list({module.source(value)})"
        else:
            return f"{side!r} is made in the call: give it a name first"
        names[side] = written
        texts[side] = module.source(value)
    if set(names["theta"] or ()) & set(names["y"] or ()):
        return "a key is on both sides (L3)"
    found = list(elements.values())
    if None in names.values():
        spans = _checked_merge(module, node, found)
    else:
        spans = [span for each in found for span in _merge(module, each)]
    return Sides(tuple(spans), keys, names, texts)


def _checked_merge(
    module: Module, node: cst.Dict, elements: list[cst.DictElement]
) -> list[Span]:
    """Merge sides whose keys are not known: `dict` refuses a key given twice.

    A dictionary display would keep the last, silently.
    """
    text = module.source(node)
    start, _ = module.span(node)
    opening = start + len(text[: text.index("{")].encode())
    closing = start + len(text[: text.rindex("}")].encode())
    return [
        Span(opening, opening + 1, "dict("),
        *(_unpacked(module, each) for each in elements),
        Span(closing, closing + 1, ")"),
    ]


def is_pure(node: cst.CSTNode) -> bool:
    """Whether evaluating an expression twice is as good as once."""
    if isinstance(node, cst.Name):
        return True
    if isinstance(node, cst.Attribute):
        return is_pure(node.value)
    return is_constant_path(node) or (
        isinstance(node, cst.Subscript)
        and is_pure(node.value)
        and m.matches(
            node, m.Subscript(slice=[m.SubscriptElement(slice=m.Index())])
        )
        and is_pure(_index(node))
    )


def is_constant_path(node: cst.CSTNode) -> bool:
    """Whether it is ``a["b"][0]`` and the like."""
    return m.matches(
        node,
        m.Subscript(
            slice=[
                m.SubscriptElement(
                    slice=m.Index(value=m.SimpleString() | m.Integer())
                )
            ]
        ),
    ) and is_pure(cst.ensure_type(node, cst.Subscript).value)


def _index(node: cst.Subscript) -> cst.CSTNode:
    return cst.ensure_type(node.slice[0].slice, cst.Index).value


def string_value(node: cst.CSTNode | None) -> str | None:
    """Return the text of a string, None of anything else."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def _written_keys(node: cst.CSTNode) -> tuple[str, ...] | None:
    """Return the keys of a dictionary display, in their order."""
    if not isinstance(node, cst.Dict) or not node.elements:
        return None
    names = [
        string_value(getattr(element, "key", None)) for element in node.elements
    ]
    written = tuple(name for name in names if name is not None)
    unique = len(set(written)) == len(names)
    return written if unique and len(written) == len(names) else None


def _list_of(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _merge(module: Module, element: cst.DictElement) -> list[Span]:
    """Put the entries of an inner dictionary into the outer one."""
    value = cst.ensure_type(element.value, cst.Dict)
    if m.findall(value, m.Comment()) or value.lpar:
        # Keep the inner braces, and with them every comment.
        return [_unpacked(module, element)]
    start, end = module.span(element)[0], module.span(value)[1]
    first = module.span(value.elements[0])[0]
    last = module.span(value.elements[-1])[1]
    return [Span(start, first, ""), Span(last, end, "")]


def _unpacked(module: Module, element: cst.DictElement) -> Span:
    """Write ``**value`` for ``"side": value``."""
    return Span(module.span(element)[0], module.span(element.value)[0], "**")
