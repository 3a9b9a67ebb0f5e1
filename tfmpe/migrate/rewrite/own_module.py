"""Whether ``import sfmpe`` means a module of the user's own."""

from pathlib import Path

from tfmpe.migrate.legacy_names import LEGACY

__all__ = ["own_module"]

# Of these the legacy package has at least one.
_PARTS = ("util", "bottom_up.py", "structured_cnf.py", "nn")


def own_module(script: Path) -> str:
    """Return which file a script imports instead of the legacy package.

    Looked for beside the script and in the folders above it, as far as the
    current one, and in their folder ``src``. Empty if there is none.
    """
    script, here = script.resolve(), Path.cwd().resolve()
    folders = [script.parent]
    if script.is_relative_to(here):
        folders = [f for f in script.parents if f.is_relative_to(here)]
    for folder in (each for f in folders for each in (f, f / "src")):
        module, package = folder / f"{LEGACY}.py", folder / LEGACY
        if module.is_file() and module != script:
            return str(module)
        if (package / "__init__.py").is_file() and not any(
            (package / part).exists() for part in _PARTS
        ):
            return str(package)
    return ""
