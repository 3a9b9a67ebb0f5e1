"""Step 2: Tokens that are built again although others have the same data.

What bottom-up scripts do again and again: swap the sides (T301), pick some
keys (T302), replace values (T303), rebuild both blocks for a use (T304).
"""

from collections.abc import Collection
from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m

from .module import Module
from .reads import is_written
from .result import Change, Findings, Part, Span
from .sides import is_pure, string_value

__all__ = ["find_patterns"]

_MUTATING = frozenset({"clear", "pop", "popitem", "setdefault", "update"})
# With these the order of the keys in the Tokens does not matter.
_BY_KEY = ("cross_attention_mask", "sample_shape", "select_tokens")
_NOTES = {
    "T301": "the data must not be changed between",
    "T302": "the values are jax arrays, in the dtype of the tokens",
    "T303": "the new values must have the shapes and samples of the old ones",
    "T304": "the data must not be changed between",
}


@dataclass(frozen=True)
class _Build:
    """``tokens = Tokens.from_pytree({**theta, **y}, ...)``."""

    name: str
    statement: cst.SimpleStatementLine
    call: cst.Call
    parts: tuple[str, ...]
    options: tuple[str, ...]


def find_patterns(module: Module, generated: Collection[str]) -> Findings:
    """Propose to build Tokens once and to ask them again.

    Parameters
    ----------
    module : Module
    generated : collection of str
        Names of Tokens that were put in place of flat dictionaries; others
        are nobody's business.

    Returns
    -------
    Findings
    """
    found = Findings()
    builds = [
        build
        for line in m.findall(module.tree, m.SimpleStatementLine())
        if isinstance(line, cst.SimpleStatementLine)
        and (build := _read(module, line, generated)) is not None
    ]
    for number, later in enumerate(builds):
        for earlier in builds[:number]:
            change = _again(module, earlier, later)
            if change is not None:
                found.changes.append(change)
                break
    for build in builds:
        found.changes += _selections(module, build)
    return found


def _read(
    module: Module, line: cst.SimpleStatementLine, generated: Collection[str]
) -> _Build | None:
    if len(line.body) != 1 or not m.matches(
        line.body[0],
        m.Assign(
            targets=[m.AssignTarget(target=m.Name())],
            value=m.Call(func=m.Attribute(attr=m.Name("from_pytree"))),
        ),
    ):
        return None
    assign = cst.ensure_type(line.body[0], cst.Assign)
    name = cst.ensure_type(assign.targets[0].target, cst.Name).value
    call = cst.ensure_type(assign.value, cst.Call)
    data = call.args[0].value if call.args else None
    scope = module.scope_of(line)
    if (
        name not in generated
        or len(module.bindings(name, scope)) != 1
        or (merged := _merged(data)) is None
        or m.findall(line.body[0], m.Comment())
    ):
        return None
    parts = []
    for value in merged:
        part = _settled(module, value)
        if part is None:
            return None
        parts.append(part)
    options = sorted(module.source(arg) for arg in call.args[1:])
    for arg in call.args[1:]:
        if not m.matches(arg.value, m.Dict(elements=[])) and (
            _settled(module, arg.value) is None
            and not isinstance(arg.value, cst.Integer)
        ):
            return None
    return _Build(name, line, call, tuple(parts), tuple(options))


def _merged(data: cst.CSTNode | None) -> list[cst.BaseExpression] | None:
    """Return what ``dict(**a, **b)`` merges; None of anything else."""
    if data is not None and m.matches(
        data,
        m.Call(func=m.Name("dict"), args=[m.ZeroOrMore(m.Arg(star="**"))]),
    ):
        return [arg.value for arg in cst.ensure_type(data, cst.Call).args]
    return None


def _settled(module: Module, node: cst.BaseExpression) -> str | None:
    """Return an expression whose value stays what it is; None if unsure.

    An entry of a dictionary display that has a name is looked up.
    """
    if not is_pure(node):
        return None
    base = node
    while isinstance(base, cst.Attribute | cst.Subscript):
        base = base.value
    if not isinstance(base, cst.Name) or not _is_constant(module, base):
        return None
    if isinstance(node, cst.Subscript) and node.value is base:
        value = _value_of(module, base)
        key = string_value(_index(node))
        for element in value.elements if isinstance(value, cst.Dict) else ():
            if (
                isinstance(element, cst.DictElement)
                and string_value(element.key) == key
            ):
                settled = _settled(module, element.value)
                return settled or module.source(node)
    return module.source(node)


def _index(node: cst.Subscript) -> cst.CSTNode:
    return cst.ensure_type(node.slice[0].slice, cst.Index).value


def _is_constant(module: Module, name: cst.Name) -> bool:
    """Whether a name is bound once, and what it holds is not changed."""
    scope = module.scope_of(name)
    if len(module.bindings(name.value, scope)) != 1:
        return False
    (home,) = module.bound_in(name.value, scope)
    for use in module.uses_of(name.value, home):
        node, parent = use.node, module.parent(use.node)
        while isinstance(parent, cst.Subscript) and parent.value is node:
            node, parent = parent, module.parent(parent)
        if is_written(module, use.node) or (
            isinstance(parent, cst.Attribute) and parent.attr.value in _MUTATING
        ):
            return False
    return True


def _value_of(module: Module, name: cst.Name) -> cst.BaseExpression | None:
    """Return what a name that is bound once is assigned."""
    (binding,) = module.bindings(name.value, module.scope_of(name))
    node = getattr(binding, "node", None)
    if not isinstance(node, cst.Name):
        return None
    assign = module.parent(module.parent(node))
    return assign.value if isinstance(assign, cst.Assign) else None


def _again(module: Module, earlier: _Build, later: _Build) -> Change | None:
    """Use the earlier Tokens in place of the later ones."""
    block = module.parent(earlier.statement)
    if (
        earlier.options != later.options
        or len(earlier.parts) != len(later.parts)
        or block not in list(module.ancestors(later.statement))
    ):
        return None
    start, end = module.span(later.statement)
    before = module.source(later.statement)
    if sorted(earlier.parts) == sorted(later.parts):
        scope = module.scope_of(later.statement)
        if scope is not module.scope_of(earlier.statement) or _is_alone(
            module, later.statement
        ):
            return None
        uses = module.uses_of(later.name, scope)
        code = "T304" if earlier.parts == later.parts else "T301"
        if code == "T301" and not all(_by_key(module, u.node) for u in uses):
            return None
        line = Span(module.line_start(start), module.line_end(end), "")
        spans = [Span(*module.span(u.node), earlier.name) for u in uses]
        part = Part(code, start, before, earlier.name)
        return _change(code, [line, *spans], part)
    changed = [
        (old, new)
        for old, new in zip(earlier.parts, later.parts, strict=True)
        if old != new
    ]
    if len(changed) != 1:
        return None
    ((old, new),) = changed
    if not _derived(module, later, old, new):
        return None
    after = f"{earlier.name}.with_values(**{new})"
    span = Span(*module.span(later.call), after)
    return _change("T303", [span], Part("T303", start, before, after))


def _is_alone(module: Module, line: cst.SimpleStatementLine) -> bool:
    block = module.parent(line)
    return isinstance(block, cst.IndentedBlock) and len(block.body) == 1


def _by_key(module: Module, node: cst.CSTNode) -> bool:
    parent = module.parent(node)
    return isinstance(parent, cst.Attribute) and parent.attr.value in _BY_KEY


def _derived(module: Module, later: _Build, old: str, new: str) -> bool:
    """Whether a dictionary has the keys of another and perhaps others."""
    for merged in _merged(later.call.args[0].value) or ():
        if isinstance(merged, cst.Name) and merged.value == new:
            break
    else:
        return False
    value = _value_of(module, merged)
    if isinstance(value, cst.Dict):
        first = value.elements[0] if value.elements else None
        return (
            isinstance(first, cst.StarredDictElement)
            and module.source(first.value) == old
        )
    if isinstance(value, cst.BinaryOperation):
        return (
            isinstance(value.operator, cst.BitOr)
            and module.source(value.left) == old
        )
    if isinstance(value, cst.DictComp):
        loop = value.for_in
        source = module.source(loop.iter)
        return (
            not loop.ifs
            and loop.inner_for_in is None
            and module.source(value.key) == module.source(loop.target)
            and source in (old, f"{old}.keys()")
        )
    return False


def _selections(module: Module, build: _Build) -> list[Change]:
    """Replace ``{k: v for k, v in theta.items() if k in names}``."""
    block = module.parent(build.statement)
    end = module.span(build.statement)[1]
    found = []
    for node in m.findall(module.tree, m.DictComp()):
        assert isinstance(node, cst.DictComp)
        loop = node.for_in
        pair = f"{module.source(node.key)}, {module.source(node.value)}"
        target = module.source(loop.target).strip("()")
        items = module.source(loop.iter)
        source = items.removesuffix(".items()")
        if (
            source == items
            or source not in build.parts
            or target != pair
            or loop.inner_for_in is not None
            or len(loop.ifs) != 1
            or module.span(node)[0] < end
            or block not in list(module.ancestors(node))
            or m.findall(node, m.Comment())
        ):
            continue
        key = module.source(node.key)
        test = module.source(loop.ifs[0].test)
        if not test.startswith(f"{key} in "):
            continue
        after = (
            f"{build.name}.select_tokens([{key} for {key} in {source} "
            f"if {test}]).decode()"
        )
        start = module.span(node)[0]
        part = Part("T302", start, module.source(node), after)
        found.append(_change("T302", [Span(*module.span(node), after)], part))
    return found


def _change(code: str, spans: list[Span], part: Part) -> Change:
    return Change(tuple(spans), (part,), "unsafe", _NOTES[code])
