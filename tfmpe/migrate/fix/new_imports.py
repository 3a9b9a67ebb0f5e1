"""Imports that new code needs, and those that nothing uses any more."""

from collections.abc import Iterable

import libcst as cst
import libcst.matchers as m

from tfmpe.migrate.names.imported import imported
from tfmpe.migrate.names.known import is_module
from tfmpe.migrate.names.values import Legacy

from .legacy_uses import is_legacy_import, legacy_uses
from .module import Module, dotted_name
from .new_names import imported_from_tfmpe
from .result import Span

__all__ = [
    "add_imports",
    "remove_imports",
    "used_names",
    "without_names",
]


def add_imports(module: Module, wanted: Iterable[str]) -> list[Span]:
    """Return the spans that import names of ``tfmpe``, and ``'jnp'``.

    Parameters
    ----------
    module : Module
    wanted : iterable of str

    Returns
    -------
    list of Span
        Added to ``from tfmpe import …`` where there is one at the top, else
        above the first import of the bridge.
    """
    names = set(wanted)
    spans: list[Span] = []
    place = _place(module)
    if "jnp" in names and not _bound(module):
        line = f"import jax.numpy as jnp{module.newline}"
        after = _after_jax(module)
        at = place if after is None else after
        spans.append(Span(at, at, line))
    missing = [
        name
        for name in sorted(names - {"jnp"})
        if not _is_imported(module, name)
    ]
    if not missing:
        return spans
    line = _from_tfmpe(module)
    if line is not None and not isinstance(line.names, cst.ImportStar):
        end = module.span(line.names[-1])[1]
        spans.append(Span(end, end, "".join(f", {name}" for name in missing)))
        return spans
    text = f"from tfmpe import {', '.join(missing)}{module.newline}"
    return [*spans, Span(place, place, text)]


def used_names(module: Module) -> set[str]:
    """Return the legacy names that are in use, as they were imported."""
    return {found.use.name for found in legacy_uses(module)}


def remove_imports(module: Module, names: Iterable[str]) -> list[Span]:
    """Return the spans that drop imports of legacy names without a use.

    Parameters
    ----------
    module : Module
    names : iterable of str
        Names that had a use before.
    """
    unused = set(names) - {use.name for use in module.uses}
    unused -= module.names.syntax.exported or frozenset()
    # Other files may import the name from here.
    unused -= module.names.others.asked_of(module.names.path)
    return without_names(module, unused)


def without_names(module: Module, names: set[str]) -> list[Span]:
    """Return the spans that drop legacy names from imports."""
    spans: list[Span] = []
    for line in m.findall(module.tree, m.SimpleStatementLine()):
        assert isinstance(line, cst.SimpleStatementLine)
        block = module.parent(line)
        alone = isinstance(block, cst.IndentedBlock) and len(block.body) == 1
        if not alone and len(line.body) == 1:
            spans += _without(module, line, line.body[0], names)
    return spans


def _without(
    module: Module,
    line: cst.SimpleStatementLine,
    node: cst.CSTNode,
    unused: set[str],
) -> list[Span]:
    if not isinstance(node, cst.Import | cst.ImportFrom) or isinstance(
        node.names, cst.ImportStar
    ):
        return []
    shown = [
        dotted_name(a.asname.name if a.asname else a.name) or ""
        for a in node.names
    ]
    # What `import a.b` binds is `a`.
    gone = [
        name.partition(".")[0] in unused and _is_legacy(module, node, name)
        for name in shown
    ]
    if not any(gone):
        return []
    places = [module.span(alias) for alias in node.names]
    if all(gone):
        start, end = module.span(line)
        return [Span(module.line_start(start), module.line_end(end), "")]
    spans = []
    for number, drop in enumerate(gone):
        if not drop:
            continue
        if any(not each for each in gone[number + 1 :]):
            spans.append(Span(places[number][0], places[number + 1][0], ""))
        else:
            last = max(i for i, each in enumerate(gone) if not each)
            spans.append(Span(places[last][1], places[-1][1], ""))
            break
    return spans


def _is_legacy(
    module: Module, node: cst.Import | cst.ImportFrom, name: str
) -> bool:
    """Whether an import gives a legacy name, if through other modules."""
    if is_legacy_import(node):
        return True
    if isinstance(node, cst.Import):
        # A module of the project, which may be imported for what it does.
        return False
    value = imported(module.names, name, module.scope_of(node))
    return isinstance(value, Legacy) and not is_module(value.name)


def _top_lines(module: Module) -> list[cst.SimpleStatementLine]:
    return [
        node
        for node in module.tree.body
        if isinstance(node, cst.SimpleStatementLine)
    ]


def _is_imported(module: Module, name: str) -> bool:
    return imported_from_tfmpe(module, name) is True or any(
        dotted_name(alias.name) == name and alias.asname is None
        for alias in _names_of(_from_tfmpe(module))
    )


def _names_of(node: cst.ImportFrom | None) -> list[cst.ImportAlias]:
    if node is None or isinstance(node.names, cst.ImportStar):
        return []
    return list(node.names)


def _bound(module: Module) -> bool:
    """Whether ``jnp`` is imported at the top already."""
    for line in _top_lines(module):
        for node in line.body:
            if isinstance(node, cst.Import | cst.ImportFrom) and not isinstance(
                node.names, cst.ImportStar
            ):
                for alias in node.names:
                    shown = alias.asname.name if alias.asname else alias.name
                    if dotted_name(shown) == "jnp":
                        return True
    return False


def _from_tfmpe(module: Module) -> cst.ImportFrom | None:
    for line in _top_lines(module):
        for node in line.body:
            if (
                isinstance(node, cst.ImportFrom)
                and not node.relative
                and dotted_name(node.module) == "tfmpe"
            ):
                return node
    return None


def _after_jax(module: Module) -> int | None:
    """Return the place below ``import jax``."""
    for line in _top_lines(module):
        for node in line.body:
            if isinstance(node, cst.Import) and any(
                dotted_name(alias.name) == "jax" for alias in node.names
            ):
                at = module.line_end(module.span(line)[1])
                ended = module.text[:at].endswith((b"\n", b"\r"))
                return at if ended else None
    return None


def _place(module: Module) -> int:
    """Return where new imports go: above those of the bridge."""
    for line in _top_lines(module):
        if any(is_legacy_import(node) for node in line.body):
            return module.line_start(module.span(line)[0])
    after = 0
    for node in module.tree.body:
        if not isinstance(node, cst.SimpleStatementLine):
            break
        if not isinstance(node.body[0], cst.Import | cst.ImportFrom) and not (
            m.matches(node.body[0], m.Expr(m.SimpleString()))
        ):
            break
        after = module.line_end(module.span(node)[1])
    return after
