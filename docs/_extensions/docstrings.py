"""What the docstrings of this package need beyond napoleon."""

import re
from typing import Any

from docutils import nodes
from sphinx.util.inspect import signature, stringify_signature

SHAPE = re.compile(
    r"\b(shape|array|arrays|axes) (\((?:[^()`]|\([^()`]*\))*,[^()`]*\))"
)
STAR = re.compile(r"(?<![\\\w`*])\*(?=[a-z])")


def _mark_shapes(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Show shapes as code, ``(*sample, n_tokens)``.

    As text, their stars would be read as emphasis and their words as names
    of attributes.
    """
    for i, line in enumerate(lines):
        line = SHAPE.sub(r"\1 ``\2``", line)
        if " : " in line and "``" not in line:
            line = STAR.sub(r"\\*", line)
        lines[i] = line


def _skip_fields(
    app: Any, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what says nothing: "Alias for field number 0"."""
    text = getattr(obj, "__doc__", None) or ""
    return True if text.startswith("Alias for field number") else None


def _read_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, args: Any, to: Any
) -> tuple[str, Any] | None:
    """Show how a module of flax is made, and that a protocol is not."""
    if what != "class" or args != "(*args, **kwargs)":
        return None
    if getattr(obj, "_is_protocol", False):
        return "", to
    made = signature(obj.__init__, bound_method=True)
    return stringify_signature(made, show_annotation=False), to


def _name_fields(app: Any, doctree: nodes.document) -> None:
    """Call attributes what the docstrings call them."""
    for label in doctree.findall(nodes.field_name):
        if label.astext() == "Variables":
            label.replace(label[0], nodes.Text("Attributes"))


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    # Before napoleon, whose priority is 500.
    app.connect("autodoc-process-docstring", _mark_shapes, priority=400)
    app.connect("autodoc-process-signature", _read_signature)
    app.connect("autodoc-skip-member", _skip_fields)
    app.connect("doctree-read", _name_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
