"""What one file takes from another."""

from pathlib import Path

import libcst as cst

from .collect import parts
from .module_names import ModuleNames
from .values import ProjectModule

__all__ = ["taken_from"]


def taken_from(path: Path, names: ModuleNames) -> set[str]:
    """Return the names that a module imports from a file, or reads of it.

    Parameters
    ----------
    path
        The file.
    names
        What the names of the module stand for.

    Returns
    -------
    set of str
        With a star import, every name that the module reads.
    """
    wanted = ProjectModule(path)
    module = names.syntax.module
    found: set[str] = set()
    for node in parts(module, cst.ImportFrom):
        assert isinstance(node, cst.ImportFrom)
        source = names.module_of(node)
        if not source or wanted not in names.imported_module(source):
            continue
        if isinstance(node.names, cst.ImportStar):
            read = parts(module, cst.Name)
            found |= {cst.ensure_type(each, cst.Name).value for each in read}
        else:
            found |= {alias.evaluated_name for alias in node.names}
    for node in parts(module, cst.Attribute):
        assert isinstance(node, cst.Attribute)
        if wanted in names.values(node.value):
            found.add(node.attr.value)
    return found
