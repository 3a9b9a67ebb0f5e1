"""Rewriting the text of one module: a pure function."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tfmpe.migrate.names.others import Alone, Others

from .constants import find_constants
from .flatten import find_flattened
from .imports import find_imports
from .keywords import find_positional_calls
from .module import Module
from .new_imports import add_imports, remove_imports, used_names
from .patterns import find_patterns
from .remaining import find_remaining
from .result import Change, Edit, Findings, Left, Options, Remark, Rewritten
from .strings import find_strings
from .text import TrackedText, compatible
from .todo import comments

__all__ = ["proposals", "rewrite"]

_MOST_PASSES = 100


def rewrite(
    code: str,
    options: Options,
    path: Path = Path("module.py"),
    others: Others | None = None,
) -> Rewritten:
    """Rewrite one module.

    Parameters
    ----------
    code : str
        Its text.
    options : Options
        What may be rewritten.
    path : Path
        Its file.
    others : Others
        The project that it is part of, through which legacy names may come;
        by default it is alone.

    Returns
    -------
    Rewritten
        The new text, in which everything that was not touched is as it was;
        what was rewritten; and what a person has to do, which has a comment
        in the text. Rewriting it again changes nothing.

    Raises
    ------
    libcst.ParserSyntaxError
        If the text is not Python.

    Examples
    --------
    >>> print(rewrite("from sfmpe.utils import split_data", Options()).code)
    from tfmpe.compat.utils import split_data
    """
    text = TrackedText(code, path, others or Alone())
    edits: list[Edit] = []
    new: set[str] = set()
    for find in _finders(options):
        new |= _run(text, edits, options, find)
    if new:
        _run(text, edits, options, lambda m: find_patterns(m, new))
    module = text.module
    remarks = find_remaining(module, proposals(module, options), options)
    remarks += find_strings(module)
    wanted = [each for each in remarks if options.wants(each.code)]
    left = _left(text, wanted)
    text.apply(comments(module, wanted))
    return Rewritten(text.text, tuple(edits), left)


def proposals(module: Module, options: Options) -> list[Findings]:
    """Return what would be rewritten of a module as it is.

    Parameters
    ----------
    module : Module
    options : Options

    Returns
    -------
    list of Findings
        Without what would follow from these changes.
    """
    return [find(module) for find in _finders(options)]


def _finders(options: Options) -> list[Callable[[Module], Findings]]:
    """Return the analyses, in the order of the steps."""
    bridge = [lambda module: find_imports(module, options)]
    if options.to == "bridge":
        return bridge
    return [*bridge, find_positional_calls, find_constants, find_flattened]


def _run(
    text: TrackedText,
    edits: list[Edit],
    options: Options,
    find: Callable[[Module], Findings],
) -> set[str]:
    """Apply what an analysis finds, until it finds nothing more.

    Returns the names of Tokens that are new.
    """
    new: set[str] = set()
    for _ in range(_MOST_PASSES):
        changes = compatible(
            change
            for change in find(text.module).changes
            if may(change, options)
        )
        if not changes:
            return new
        new |= {name for change in changes for name in change.binds}
        edits += _edits(text, changes)
        before = used_names(text.module)
        text.apply(span for change in changes for span in change.spans)
        imports = {name for change in changes for name in change.imports}
        text.apply(add_imports(text.module, imports))
        if imports:
            text.apply(remove_imports(text.module, before))
    raise RuntimeError(
        f"Rewriting did not come to an end in {_MOST_PASSES} passes."
    )


def may(change: Change, options: Options) -> bool:
    """Whether a change is asked for and safe enough."""
    safe = change.safety == "safe" or options.unsafe
    return safe and options.wants(*change.codes)


def _edits(text: TrackedText, changes: Iterable[Change]) -> list[Edit]:
    return [
        Edit(
            text.line(part.start),
            part.code,
            change.safety,
            part.before,
            part.after,
            "" if number else change.note,
        )
        for change in changes
        for number, part in enumerate(change.parts)
    ]


def _left(text: TrackedText, remarks: Iterable[Remark]) -> tuple[Left, ...]:
    found = [
        Left(text.line(remark.start), remark.code, remark.why, remark.note)
        for remark in remarks
    ]
    return tuple(sorted(set(found), key=lambda each: (each.line, each.code)))
