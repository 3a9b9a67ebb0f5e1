"""Whether ``import sfmpe`` means a file of the user's own."""

from pathlib import Path

from tfmpe.migrate.legacy_names import LEGACY

__all__ = ["shadowed_by"]

# Of these the legacy package has at least one.
_PARTS = ("util", "bottom_up.py", "structured_cnf.py", "nn")


def shadowed_by(script: Path) -> str:
    """Say what a script imports instead of the legacy package.

    A script's own folder comes first when it is run. In a package, the
    modules beside it are not found by their bare names.

    Parameters
    ----------
    script : Path

    Returns
    -------
    str
        Empty where it is the legacy package.
    """
    folder = script.parent
    if (folder / "__init__.py").is_file():
        return ""
    module, package = folder / f"{LEGACY}.py", folder / LEGACY
    if package.is_dir() and (package / "__init__.py").is_file():
        if any((package / part).exists() for part in _PARTS):
            return ""
        return f"the package {LEGACY} beside this file is another one"
    if module.is_file() and module.resolve() != script.resolve():
        return f"{LEGACY}.py beside this file is imported instead"
    return ""
