"""Nine and more positional arguments become keywords."""

import libcst as cst
import libcst.matchers as m

from tfmpe.migrate.legacy_names import NAMES

from .legacy_uses import is_legacy_import
from .module import Module
from .result import Change, Findings, Part, Span
from .scanned import calls_of

__all__ = ["find_positional_calls"]

_ENTRIES = {
    name: NAMES[f"sfmpe.structured_cnf.StructuredCNF.{name}"]
    for name in ("sample", "log_prob")
}
_CODES = frozenset(entry.code for entry in _ENTRIES.values())
# Fewer arguments may be those of any distribution.
_FEWEST = 9


def find_positional_calls(module: Module) -> Findings:
    """Propose keywords for ``cnf.sample`` and ``cnf.log_prob``.

    Parameters
    ----------
    module : Module

    Returns
    -------
    Findings
        Only in modules that import legacy names, only for calls with at
        least nine positional arguments, and only where the scanner takes the
        object for a legacy flow: other classes have methods of these names,
        too.
    """
    found = Findings()
    imports = m.findall(module.tree, m.Import() | m.ImportFrom())
    if not any(is_legacy_import(node) for node in imports):
        return found
    proposed: list[Change] = []

    class Visitor(cst.CSTVisitor):
        def visit_Call(self, node: cst.Call) -> None:  # noqa: N802
            change = _keywords(module, node)
            if change is not None:
                proposed.append(change)

    module.tree.visit(Visitor())
    if proposed:
        calls = calls_of(module.text.decode(), _CODES)
        found.changes += [
            change
            for change in proposed
            if module.place(change.parts[0].start) in calls
        ]
    return found


def _keywords(module: Module, call: cst.Call) -> Change | None:
    func = call.func
    if not isinstance(func, cst.Attribute) or func.attr.value not in _ENTRIES:
        return None
    if isinstance(func.value, cst.Name) and func.value.value in ("self", "cls"):
        # A method of the user's own class.
        return None
    entry = _ENTRIES[func.attr.value]
    positional = [arg for arg in call.args if arg.keyword is None]
    names = entry.parameters[: len(positional)]
    keywords = {arg.keyword.value for arg in call.args if arg.keyword}
    if (
        len(positional) < _FEWEST
        or len(positional) > len(entry.parameters)
        or any(arg.star for arg in call.args)
        or keywords & set(names)
    ):
        return None
    spans = []
    for name, arg in zip(names, positional, strict=True):
        start, end = module.span(arg)
        bare = isinstance(arg.value, cst.NamedExpr) and not arg.value.lpar
        spans.append(Span(start, start, f"{name}=" + "(" * bare))
        if bare:
            spans.append(Span(end, end, ")"))
    start, before = module.span(call)[0], module.source(call)
    after = f"{module.source(func)}({', '.join(f'{n}=…' for n in names)})"
    return Change(
        tuple(spans), (Part(entry.code, start, before, after),), "safe"
    )
