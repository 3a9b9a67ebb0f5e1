"""The scanned files as modules that import one another."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from .known import is_legacy

__all__ = ["Project", "imported_modules"]


class Project:
    """Which file an import means.

    Parameters
    ----------
    files
        The Python files that are scanned.
    """

    def __init__(self, files: Iterable[Path]):
        self._parts: dict[Path, tuple[str, ...]] = {}
        self._by_last: dict[str, list[Path]] = defaultdict(list)
        for file in files:
            parts = file.absolute().with_suffix("").parts[1:]
            if parts and parts[-1] == "__init__":
                parts = parts[:-1]
            if parts:
                self._parts[file] = parts
                self._by_last[parts[-1]].append(file)

    def find(self, module: tuple[str, ...], seen_from: Path) -> Path | None:
        """Return the file of a module, or None if it is not scanned.

        Parameters
        ----------
        module
            The parts of its dotted name.
        seen_from
            The file that imports it. Of several that could be meant, the
            nearest is.

        Returns
        -------
        Path or None
        """
        here = self._parts.get(seen_from, seen_from.absolute().parts[1:])
        candidates = [
            file
            for file in self._by_last.get(module[-1], ())
            if self._parts[file][-len(module) :] == module and file != seen_from
        ]
        return max(
            candidates,
            key=lambda file: (
                _common(self._parts[file], here),
                -len(self._parts[file]),
            ),
            default=None,
        )

    def submodule(self, package: Path, name: str) -> Path | None:
        """Return the file of a module in a package, or None.

        Parameters
        ----------
        package
            Its ``__init__.py``; other modules have none in them.
        name
            The last part of the module's name.

        Returns
        -------
        Path or None
        """
        if package.name != "__init__.py":
            return None
        inside = (
            package.parent / f"{name}.py",
            package.parent / name / "__init__.py",
        )
        return next((file for file in inside if file in self._parts), None)

    def absolute(
        self, module: str, level: int, file: Path
    ) -> tuple[str, ...] | None:
        """Return the parts of the name that an import means.

        Parameters
        ----------
        module
            What follows the dots.
        level
            How many dots.
        file
            The file that imports.

        Returns
        -------
        tuple of str or None
            From the outermost package on; None if it is above all folders.
        """
        below = tuple(module.split(".")) if module else ()
        if level == 0:
            return below
        parts = file.absolute().parts[1:-1]
        kept = parts[: len(parts) - level + 1]
        if not kept:
            return None
        return (*_package(kept, file), *below)

    def used_by(
        self, imports: Mapping[Path, Iterable[tuple[str, ...]]]
    ) -> dict[Path, set[Path]]:
        """Return the files that import from each file, at first hand.

        Parameters
        ----------
        imports
            The modules that each file imports.

        Returns
        -------
        dict
            Without files that no other imports from.
        """
        used_by: dict[Path, set[Path]] = defaultdict(set)
        for file, modules in imports.items():
            for module in modules:
                if (found := self.find(module, file)) is not None:
                    used_by[found].add(file)
        return used_by

    def importers(
        self, used_by: Mapping[Path, set[Path]], start: set[Path]
    ) -> set[Path]:
        """Return the files that import from some, at first or second hand.

        Parameters
        ----------
        used_by
            The files that import from each, as of `used_by`.
        start
            Where to start.

        Returns
        -------
        set of Path
            With those of `start`.
        """
        reached = set(start)
        waiting = list(start)
        while waiting:
            for file in used_by.get(waiting.pop(), set()) - reached:
                reached.add(file)
                waiting.append(file)
        return reached


def imported_modules(
    tree: ast.AST, file: Path, project: Project
) -> frozenset[tuple[str, ...]]:
    """Return all modules that a file may import from the project.

    Parameters
    ----------
    tree
        Its syntax.
    file
        Its name.
    project
        What its relative imports are resolved by.

    Returns
    -------
    frozenset of tuple of str
        The parts of their names; of ``from a import b`` also ``a.b``.
    """
    modules: set[tuple[str, ...]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                # With `import a.b`, what `a` shows is in reach as well.
                parts = tuple(alias.name.split("."))
                modules |= {parts[: n + 1] for n in range(len(parts))}
        elif isinstance(node, ast.ImportFrom):
            base = project.absolute(node.module or "", node.level, file)
            if base:
                modules |= {base, *((*base, a.name) for a in node.names)}
    return frozenset(
        parts for parts in modules if not is_legacy(".".join(parts))
    )


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    for n, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return n
    return min(len(one), len(other))


def _package(parts: tuple[str, ...], file: Path) -> tuple[str, ...]:
    # From the outermost folder that is a package; at least the last one.
    folder = Path(file.absolute().anchor, *parts)
    kept = [folder.name]
    while (folder / "__init__.py").is_file() and (
        folder.parent / "__init__.py"
    ).is_file():
        folder = folder.parent
        kept.append(folder.name)
    return tuple(reversed(kept))
