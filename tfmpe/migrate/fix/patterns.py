"""Step 2: Tokens that are built again although others have the same data.

What bottom-up scripts do again and again: swap the sides (T301), pick some
keys (T302), replace values (T303), rebuild both blocks for a use (T304).
"""

from collections.abc import Collection
from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m

from .between import Kept, is_disturbed
from .derived import is_derived
from .module import Module
from .result import Change, Findings, Part, Span
from .settled import Datum, settled

__all__ = ["find_patterns"]

# With these the order of the keys in the Tokens does not matter.
_BY_KEY = ("cross_attention_mask", "sample_shape", "select_tokens")
_IN = m.ComparisonTarget(operator=m.In())
_DEFERRED = (cst.FunctionDef, cst.ClassDef, cst.Lambda, cst.GeneratorExp)
_UNCHANGED = "the data must not be changed between"
_NOTES = {
    "T301": _UNCHANGED,
    "T302": (
        "the values are jax arrays, in the dtype of the tokens, and "
        f"{_UNCHANGED}"
    ),
    "T303": "the new values must have the shapes and samples of the old ones",
    "T304": _UNCHANGED,
}


@dataclass(frozen=True)
class _Build:
    """``tokens = Tokens.from_pytree({**theta, **y}, ...)``."""

    name: str
    statement: cst.SimpleStatementLine
    call: cst.Call
    parts: tuple[Datum, ...]
    options: tuple[tuple[str, Datum | None], ...]

    @property
    def kept(self) -> list[Kept]:
        """Where everything that it is built of is kept."""
        options = [option for _, option in self.options if option is not None]
        return [x for each in (*self.parts, *options) for x in each.kept]


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
        part = settled(module, value)
        if part is None:
            return None
        parts.append(part)
    options = []
    for arg in call.args[1:]:
        option = settled(module, arg.value)
        if option is None and not m.matches(
            arg.value, m.Dict(elements=[]) | m.Integer()
        ):
            return None
        options.append((module.source(arg), option))
    options.sort(key=lambda each: each[0])
    return _Build(name, line, call, tuple(parts), tuple(options))


def _merged(data: cst.CSTNode | None) -> list[cst.BaseExpression] | None:
    """Return what ``dict(**a, **b)`` merges; None of anything else."""
    if data is not None and m.matches(
        data,
        m.Call(func=m.Name("dict"), args=[m.ZeroOrMore(m.Arg(star="**"))]),
    ):
        return [arg.value for arg in cst.ensure_type(data, cst.Call).args]
    return None


def _again(module: Module, earlier: _Build, later: _Build) -> Change | None:
    """Use the earlier Tokens in place of the later ones."""
    block = module.parent(earlier.statement)
    if (
        earlier.options != later.options
        or len(earlier.parts) != len(later.parts)
        or block not in list(module.ancestors(later.statement))
        or module.scope_of(later.statement)
        is not module.scope_of(earlier.statement)
        or is_disturbed(
            module, earlier.kept, earlier.statement, later.statement
        )
    ):
        return None
    start, end = module.span(later.statement)
    before = module.source(later.statement)
    if {*earlier.parts} == {*later.parts}:
        scope = module.scope_of(later.statement)
        if _is_alone(module, later.statement):
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
    values = _merged(later.call.args[0].value) or []
    value = values[later.parts.index(new)]
    if not isinstance(value, cst.Name) or not is_derived(module, value, old):
        return None
    after = f"{earlier.name}.with_values(**{value.value})"
    span = Span(*module.span(later.call), after)
    return _change("T303", [span], Part("T303", start, before, after))


def _is_alone(module: Module, line: cst.SimpleStatementLine) -> bool:
    block = module.parent(line)
    return isinstance(block, cst.IndentedBlock) and len(block.body) == 1


def _by_key(module: Module, node: cst.CSTNode) -> bool:
    parent = module.parent(node)
    return isinstance(parent, cst.Attribute) and parent.attr.value in _BY_KEY


def _selections(module: Module, build: _Build) -> list[Change]:
    """Replace ``{k: v for k, v in theta.items() if k in names}``."""
    found = []
    for node in m.findall(module.tree, m.DictComp()):
        assert isinstance(node, cst.DictComp)
        picked = _picked(module, node)
        if picked is None or not _runs_below(module, build, node):
            continue
        source, test = picked
        datum = settled(module, source)
        if datum not in build.parts or is_disturbed(
            module, datum.kept, build.statement, node
        ):
            continue
        key = module.source(node.key)
        after = (
            f"{build.name}.select_tokens([{key} for {key} in "
            f"{module.source(source)} if {module.source(test)}]).decode()"
        )
        start = module.span(node)[0]
        part = Part("T302", start, module.source(node), after)
        found.append(_change("T302", [Span(*module.span(node), after)], part))
    return found


def _picked(
    module: Module, node: cst.DictComp
) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    """Return what keys are picked of and how, if nothing else is done."""
    loop = node.for_in
    if not m.matches(
        loop,
        m.CompFor(
            target=m.Tuple(elements=[m.Element(m.Name())] * 2),
            iter=m.Call(func=m.Attribute(attr=m.Name("items")), args=[]),
            ifs=[m.CompIf(test=m.Comparison(comparisons=[_IN]))],
            inner_for_in=None,
        ),
    ) or m.findall(node, m.Comment()):
        return None
    target = cst.ensure_type(loop.target, cst.Tuple)
    pair = [each.value for each in target.elements]
    test = cst.ensure_type(loop.ifs[0].test, cst.Comparison)
    items = cst.ensure_type(
        cst.ensure_type(loop.iter, cst.Call).func, cst.Attribute
    )
    if (
        not pair[0].deep_equals(node.key)
        or not pair[1].deep_equals(node.value)
        or not pair[0].deep_equals(test.left)
        or m.findall(test, m.Name(module.source(pair[1])))
    ):
        return None
    return items.value, test


def _runs_below(module: Module, build: _Build, node: cst.CSTNode) -> bool:
    """Whether an expression is evaluated where Tokens were built just above.

    And not when a function is called, or whatever yields it is asked.
    """
    block = module.parent(build.statement)
    if module.span(node)[0] < module.span(build.statement)[1]:
        return False
    for outer in module.ancestors(node):
        if outer is block:
            break
        if isinstance(outer, _DEFERRED):
            return False
    else:
        return False
    homes = module.bound_in(build.name, module.scope_of(node))
    return homes == [module.scope_of(build.statement)]


def _change(code: str, spans: list[Span], part: Part) -> Change:
    return Change(tuple(spans), (part,), "unsafe", _NOTES[code])
